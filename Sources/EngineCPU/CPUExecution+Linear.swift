import COneDNN
import Engine
import NetKernels
import Tensors

extension CPUExecution {
    /// A product with bias, activation and residual fused; a learned scale is folded into the weights. It is our own where the
    /// processor has the instructions and oneDNN's layout of the weights is the one that it reads, and else oneDNN's.
    public func linear(_ layer: Linear, _ x: Tensor, _ epilogue: Epilogue<Tensor>) throws -> Tensor {
        let (inputs, outputs) = (layer.inputs, layer.outputs)
        guard let last = x.shape.last, last == inputs, x.count > 0 else {
            throw TensorError.shape(
                operation: layer.weight.name, message: "wanted […, \(inputs)], got \(Tensor.text(x.shape))")
        }
        if let found = try products(layer, x, epilogue) { return found }
        if layer.takesFewRows, x.count / inputs <= FewRows.most, let found = try fewRows(layer, x, epilogue) {
            return found
        }
        let plan = try ProductPlan(epilogue, shape: x.shape.dropLast() + [outputs], layer.weight.name, self)
        let source = try convert(x, dtype)
        let primitive = try linearPrimitive(
            LinearShape(
                rows: x.count / inputs, inputs: inputs, outputs: outputs, threads: threads, dtype: dtype,
                result: plan.dtype, activation: plan.activation, accumulates: plan.accumulates))
        let weights = try weights(layer, plan.foldedScale, primitive.description(DNNL_ARG_WEIGHTS))
        let target = try plan.target(self)
        try execute(
            primitive,
            [
                (DNNL_ARG_SRC, source.pointer), (DNNL_ARG_WEIGHTS, weights.storage.bytes),
                (DNNL_ARG_BIAS, weights.bias.pointer), (DNNL_ARG_DST, target.pointer),
            ])
        return try plan.finish(target, self)
    }

    /// A linear layer's weights in a layout, packed at the first call.
    private func weights(_ layer: Linear, _ scale: LayerScale?, _ wanted: dnnl_memory_desc_t) throws -> PackedWeights {
        try prepared.weights(layer, scale: scale, in: wanted, of: blocks.last) { _ in
            let packed = try PackedWeights.linear(layer, scale, wanted, self)
            prepared.took([layer.weight, layer.bias, scale?.factors].compactMap { $0 }, of: blocks.last)
            return packed
        }
    }

    /// The layout of a layer's weights, where our kernels read it.
    private func panels(_ layer: Linear) throws -> dnnl_memory_desc_t? {
        let shape = LinearShape(
            rows: 1, inputs: layer.inputs, outputs: layer.outputs, threads: threads, dtype: dtype, result: dtype,
            activation: .none, accumulates: false)
        let layout = try prepared.layouts.value(shape.layoutKey) { try shape.layout() }
        return Panels.are(layout, dtype) ? layout : nil
    }

    /// By our kernel; nil where it does not serve.
    private func products(_ layer: Linear, _ x: Tensor, _ epilogue: Epilogue<Tensor>) throws -> Tensor? {
        let name = layer.weight.name
        let type = try dtype.netType(name)
        guard prepared.usesOwnProducts, NetProducts.areFast(type), type == .f32 || layer.inputs.isMultiple(of: 2),
            let layout = try panels(layer)
        else { return nil }
        let shape = Array(x.shape.dropLast()) + [layer.outputs]
        try epilogue.check(shape, name)
        let result = epilogue.result ?? dtype
        let source = try convert(x, dtype)
        let weights = try weights(layer, nil, layout)
        var reused: Tensor?
        if case .given(let value)? = epilogue.residual, value.isContiguous, value.dtype == result { reused = value }
        let target = try reused ?? allocate(shape, result)
        let rows = x.count / layer.inputs
        let plan = NetProducts.Plan(rows: rows, outputs: layer.outputs, threads: threads)
        let sums = try allocate([plan.sums], .f32)
        try withSteps(epilogue) { steps in
            NetProducts.run(
                NetProducts.Product(
                    weights: weights.storage.bytes, bias: Elementwise.floats(weights.bias), source: source.pointer,
                    type: type, target: target.pointer, targetType: try result.netType(name), steps: steps, rows: rows,
                    inputs: layer.inputs, outputs: layer.outputs, rowsPerImage: max(1, rows / max(1, shape[0]))),
                plan, sums: Elementwise.floats(sums))
        }
        withExtendedLifetime((source, weights, sums)) {}
        return target
    }

    /// Few rows by a kernel for any processor; nil where oneDNN's layout of the weights is another than it reads.
    private func fewRows(_ layer: Linear, _ x: Tensor, _ epilogue: Epilogue<Tensor>) throws -> Tensor? {
        let (inputs, outputs, rows) = (layer.inputs, layer.outputs, x.count / layer.inputs)
        guard let layout = try panels(layer) else { return nil }
        try epilogue.check(x.shape.dropLast() + [outputs], layer.weight.name)
        let sizes = NetFewRows.Shape(rows: rows, inputs: inputs, outputs: outputs)
        let source = try allocate([rows, sizes.paddedInputs], .f32)
        // Rounded to the dtype of activations, as every product's operand is.
        let values = try convert(convert(x, dtype), .f32)
        for row in 0..<rows {
            let target = Elementwise.floats(source) + row * sizes.paddedInputs
            target.update(from: Elementwise.floats(values) + row * inputs, count: inputs)
            (target + inputs).update(repeating: 0, count: sizes.paddedInputs - inputs)
        }
        let weights = try weights(layer, nil, layout)
        let target = try allocate(x.shape.dropLast() + [outputs], .f32)
        NetFewRows.products(
            weights.storage.bytes, try dtype.netType(layer.weight.name), Elementwise.floats(source),
            bias: Elementwise.floats(weights.bias), Elementwise.floats(target), sizes, threads: threads > 1)
        withExtendedLifetime((values, weights)) {}
        return try finished(target, epilogue)
    }

    private func linearPrimitive(_ shape: LinearShape) throws -> Primitive {
        try prepared.primitives.value(.linear(shape)) {
            try shape.primitive(weights: try prepared.layouts.value(shape.layoutKey) { try shape.layout() })
        }
    }
}

/// When products of few rows go through a kernel that reads each weight once.
private enum FewRows {
    /// The most rows.
    static let most = 16
}

/// The layout of weights that our kernels read: oneDNN's for fewer than 64 outputs are others, and on other processors.
private enum Panels {
    /// Whether weights lie in blocks of 64 outputs, and in them 16 inputs after each other, in pairs where they are bf16.
    static func are(_ layout: dnnl_memory_desc_t, _ dtype: DType) -> Bool {
        guard layout.format_kind == dnnl_blocked else { return false }
        let blocking = layout.format_desc.blocking
        let wanted: [(index: Int64, size: Int64)] =
            dtype == .bf16 ? [(1, 8), (0, 64), (1, 2)] : [(1, 16), (0, 64)]
        guard Int(blocking.inner_nblks) == wanted.count, blocking.strides.1 == 16 * 64 else { return false }
        return withUnsafeBytes(of: blocking.inner_idxs) { indexes in
            withUnsafeBytes(of: blocking.inner_blks) { sizes in
                let (indexes, sizes) = (indexes.bindMemory(to: Int64.self), sizes.bindMemory(to: Int64.self))
                return wanted.indices.allSatisfy { indexes[$0] == wanted[$0].index && sizes[$0] == wanted[$0].size }
            }
        }
    }
}

/// What a linear layer's operation depends on, beside its weights.
package struct LinearShape: Hashable {
    var rows, inputs, outputs, threads: Int
    var dtype, result: DType
    var activation: Activation
    var accumulates: Bool

    private var name: String { "linear \(inputs) to \(outputs)" }

    /// What the layout of the weights depends on.
    struct LayoutKey: Hashable {
        var inputs, outputs: Int
        var dtype: DType
    }

    var layoutKey: LayoutKey { LayoutKey(inputs: inputs, outputs: outputs, dtype: dtype) }

    /// The rows that the layout is chosen for: one layout then serves every number of rows, and weights are packed once.
    private static let typicalRows = 64

    /// The layout of the weights that oneDNN likes best.
    func layout() throws -> dnnl_memory_desc_t {
        var typical = self
        (typical.rows, typical.threads) = (Self.typicalRows, 1)
        (typical.result, typical.activation, typical.accumulates) = (dtype, .none, false)
        let any = try OneDNN.description([outputs, inputs], dtype, dnnl_format_tag_any, name)
        return try typical.primitive(weights: any).description(DNNL_ARG_WEIGHTS)
    }

    func primitive(weights: dnnl_memory_desc_t) throws -> Primitive {
        var source = try OneDNN.description([rows, inputs], dtype, dnnl_ab, name)
        var weights = weights
        var biases = try OneDNN.description([outputs], .f32, dnnl_a, name)
        var target = try OneDNN.description([rows, outputs], result, dnnl_ab, name)
        var description = dnnl_inner_product_desc_t()
        try OneDNN.check(
            dnnl_inner_product_forward_desc_init(
                &description, dnnl_forward_inference, &source, &weights, &biases, &target), name)
        return try Primitive(
            name, &description, attributes: try Attributes(activation: activation, accumulate: accumulates),
            arguments: [
                (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                (DNNL_ARG_DST, dnnl_query_dst_md),
            ], bias: biases)
    }
}

extension PackedWeights {
    /// A linear layer's weights, with a scale for each output folded in.
    fileprivate static func linear(
        _ layer: Linear, _ scale: LayerScale?, _ wanted: dnnl_memory_desc_t, _ execution: CPUExecution
    ) throws -> PackedWeights {
        var biases = try layer.bias?.floats() ?? [Float](repeating: 0, count: layer.outputs)
        guard let scale = try scale?.factors.floats() else {
            return try packed(wanted, from: layer.weight.source(), bias: biases, execution)
        }
        var values = try layer.weight.floats()
        scaleRows(&values, &biases, by: scale)
        return try packed(wanted, from: values, bias: biases, execution)
    }
}

extension Parameter {
    /// The value, contiguous and in a dtype that oneDNN reads, without a copy where it is so already.
    func source() throws -> Tensor {
        let value = try value()
        if value.dtype == .f32 || value.dtype == .bf16 { return try value.contiguous() }
        return try Tensor(floats(), shape: shape)
    }
}

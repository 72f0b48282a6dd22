import COneDNN
import Engine
import Tensors

extension CPUExecution {
    /// oneDNN's inner product with bias, activation and residual fused; a learned scale is folded into the weights.
    public func linear(_ layer: Linear, _ x: Tensor, _ epilogue: Epilogue<Tensor>) throws -> Tensor {
        let (inputs, outputs) = (layer.inputs, layer.outputs)
        guard let last = x.shape.last, last == inputs, x.count > 0 else {
            throw TensorError.shape(
                operation: layer.weight.name, message: "wanted […, \(inputs)], got \(Tensor.text(x.shape))")
        }
        let plan = try ProductPlan(epilogue, shape: x.shape.dropLast() + [outputs], layer.weight.name, self)
        let source = try convert(x, dtype)
        let primitive = try linearPrimitive(
            LinearShape(
                rows: x.count / inputs, inputs: inputs, outputs: outputs, threads: threads, dtype: dtype,
                result: plan.dtype, activation: plan.activation, accumulates: plan.accumulates))
        let scale = plan.foldedScale
        let weights = try prepared.weights(
            layer, scale: scale, in: primitive.description(DNNL_ARG_WEIGHTS), of: blocks.last
        ) { _ in
            let packed = try PackedWeights.linear(layer, scale, primitive.description(DNNL_ARG_WEIGHTS), self)
            prepared.took([layer.weight, layer.bias, scale?.factors].compactMap { $0 }, of: blocks.last)
            return packed
        }
        let target = try plan.target(self)
        try execute(
            primitive,
            [
                (DNNL_ARG_SRC, source.pointer), (DNNL_ARG_WEIGHTS, weights.storage.bytes),
                (DNNL_ARG_BIAS, weights.bias.pointer), (DNNL_ARG_DST, target.pointer),
            ])
        return try plan.finish(target, self)
    }

    private func linearPrimitive(_ shape: LinearShape) throws -> Primitive {
        try prepared.primitives.value(.linear(shape)) {
            try shape.primitive(weights: try prepared.layouts.value(shape.layoutKey) { try shape.layout() })
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

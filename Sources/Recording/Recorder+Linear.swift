import COneDNN
import Engine
import EngineCPU
import NetKernels
import Tensors

/// The operations of linear layers of one size on one number of rows, forward and back; all operands row-major.
private final class LinearPrimitives {
    struct Key: Hashable {
        var inputs, outputs, rows, threads: Int
        var hasBias: Bool
    }
    let forward, backwardData, backwardWeights: Primitive

    init(_ key: Key) throws {
        let (inputs, outputs, rows, hasBias) = (key.inputs, key.outputs, key.rows, key.hasBias)
        let name = "linear \(inputs) to \(outputs)"
        var source = try OneDNN.description([rows, inputs], .f32, dnnl_ab, name)
        var weights = try OneDNN.description([outputs, inputs], .f32, dnnl_ab, name)
        var bias = try OneDNN.description([outputs], .f32, dnnl_a, name)
        var target = try OneDNN.description([rows, outputs], .f32, dnnl_ab, name)
        forward = try withUnsafeMutablePointer(to: &bias) { bias in
            var description = dnnl_inner_product_desc_t()
            try OneDNN.check(
                dnnl_inner_product_forward_desc_init(
                    &description, dnnl_forward_training, &source, &weights, hasBias ? bias : nil, &target), name)
            return try Primitive(
                name, &description, attributes: try Attributes(),
                arguments: [
                    (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                    (DNNL_ARG_DST, dnnl_query_dst_md),
                ], bias: hasBias ? bias.pointee : nil)
        }
        var description = dnnl_inner_product_desc_t()
        try OneDNN.check(
            dnnl_inner_product_backward_data_desc_init(&description, &source, &weights, &target), name)
        backwardData = try Primitive(
            name, &description, attributes: try Attributes(),
            arguments: [
                (DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                (DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md),
            ])
        try OneDNN.check(
            dnnl_inner_product_backward_weights_desc_init(&description, &source, &weights, nil, &target), name)
        backwardWeights = try Primitive(
            name, &description, attributes: try Attributes(),
            arguments: [
                (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md),
                (DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md),
            ])
    }
}

/// The weights of a product.
enum Weights {
    /// Those that are trained.
    case trained(TrainedParameter)
    /// Those that stay as they are.
    case frozen(Parameter)

    /// `[outputs, inputs]`.
    var shape: [Int] {
        switch self {
        case .trained(let weight): return weight.shape
        case .frozen(let weight): return weight.shape
        }
    }

    var name: String {
        switch self {
        case .trained(let weight): return weight.name
        case .frozen(let weight): return weight.name
        }
    }

    /// Calls `body` with the address of the values in a layout, row-major for those that stay: they are read where they lie, or as a copy
    /// in f32 that is let go behind it.
    func withAddress(
        _ layout: dnnl_memory_desc_t, _ execution: CPUExecution, _ body: (UnsafeMutableRawPointer) throws -> Void
    ) throws {
        switch self {
        case .trained(let weight): try body(weight.address(layout, execution))
        case .frozen(let weight):
            let values = try weight.floats(execution)
            try withExtendedLifetime(values) { try body(values.pointer) }
        }
    }
}

extension Parameter {
    /// The value as f32, row-major: itself where it is so already.
    func floats(_ execution: CPUExecution) throws -> Tensor {
        let value = try value()
        return value.dtype == .bf16
            ? try execution.convert(value, .f32).contiguous() : try value.to(.f32).contiguous()
    }
}

extension Recorder {
    /// `[…, outputs]` for `[…, inputs]`.
    /// - Throws: `TensorError.shape` for another input.
    public func linear(_ layer: Linear, _ x: Variable, _ epilogue: Epilogue<Variable>) throws -> Variable {
        let bias = try layer.bias.map { try parameters.trained($0) }
        guard parameters.isFrozen(layer.weight) else {
            return try finish(product(x, .trained(parameters.trained(layer.weight)), bias: bias), epilogue)
        }
        var output = try product(x, .frozen(layer.weight), bias: bias)
        if let (adapter, number) = parameters.adapter(beside: layer.weight) {
            output = try add(output, product(adapter, number: number, x), result: nil)
        }
        return try finish(output, epilogue)
    }

    /// W x + b.
    func product(_ x: Variable, _ weights: Weights, bias: TrainedParameter?) throws -> Variable {
        let (outputs, inputs) = (weights.shape[0], weights.shape[1])
        guard let last = x.shape.last, last == inputs, x.count > 0 else {
            throw TensorError.shape(
                operation: weights.name, message: "wanted […, \(inputs)], got \(Tensor.text(x.shape))")
        }
        let input = try plain(x)
        let rows = x.count / inputs
        let key = LinearPrimitives.Key(
            inputs: inputs, outputs: outputs, rows: rows, threads: execution.threads, hasBias: bias != nil)
        let made = try execution.run {
            try parameters.cache.value(AnyHashable(key)) { try LinearPrimitives(key) }
        }
        guard let primitives = made as? LinearPrimitives else {
            throw EngineError.library(operation: weights.name, reason: "a primitive of another kind")
        }
        let shape = Array(x.shape.dropLast()) + [outputs]
        let target = try execution.allocate(shape, .f32)
        let layout = try primitives.forward.description(DNNL_ARG_WEIGHTS)
        try weights.withAddress(layout, execution) { address in
            var arguments = [
                (DNNL_ARG_SRC, input.stored.pointer), (DNNL_ARG_DST, target.pointer), (DNNL_ARG_WEIGHTS, address),
            ]
            if let bias { arguments.append((DNNL_ARG_BIAS, UnsafeMutableRawPointer(try bias.plainAddress(execution)))) }
            try execution.run { try execution.execute(primitives.forward, arguments) }
        }
        var trained: TrainedParameter?
        if case .trained(let weight) = weights, weight.isTrained { trained = weight }
        let output = result(target, shape, of: [input], parameters: [trained, bias])
        if output.requiresGradient {
            let inputShape = input.shape
            // What only the gradient of the weights needs.
            let source = trained == nil ? nil : input.stored
            let inputSlot = input.requiresGradient ? input.slot : nil
            record { [execution, slot = output.slot] in
                guard let gradient = try slot.take() else { return }
                if let trained, let source {
                    try trained.gather(layout, execution) { address in
                        try execution.execute(
                            primitives.backwardWeights,
                            [
                                (DNNL_ARG_SRC, source.pointer), (DNNL_ARG_DIFF_DST, gradient.pointer),
                                (DNNL_ARG_DIFF_WEIGHTS, address),
                            ])
                    }
                }
                if let bias, bias.isTrained {
                    NetElementwise.addColumnSums(
                        Elementwise.floats(gradient), try bias.gradientToAddTo(), rows: rows, columns: outputs)
                }
                guard let inputSlot else { return }
                let flowing = try execution.allocate(inputShape, .f32)
                try weights.withAddress(layout, execution) { address in
                    try execution.execute(
                        primitives.backwardData,
                        [
                            (DNNL_ARG_DIFF_DST, gradient.pointer), (DNNL_ARG_DIFF_SRC, flowing.pointer),
                            (DNNL_ARG_WEIGHTS, address),
                        ])
                }
                try inputSlot.add(flowing)
            }
        }
        return output
    }
}

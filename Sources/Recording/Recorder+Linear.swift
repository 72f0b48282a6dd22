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

extension Recorder {
    /// `[…, outputs]` for `[…, inputs]`.
    /// - Throws: `TensorError.shape` for another input.
    public func linear(_ layer: Linear, _ x: Variable, _ epilogue: Epilogue<Variable>) throws -> Variable {
        try finish(product(layer, x), epilogue)
    }

    private func product(_ layer: Linear, _ x: Variable) throws -> Variable {
        let name = layer.weight.name
        let (outputs, inputs) = (layer.outputs, layer.inputs)
        guard let last = x.shape.last, last == inputs, x.count > 0 else {
            throw TensorError.shape(operation: name, message: "wanted […, \(inputs)], got \(Tensor.text(x.shape))")
        }
        let input = try plain(x)
        let rows = x.count / inputs
        let key = LinearPrimitives.Key(
            inputs: inputs, outputs: outputs, rows: rows, threads: execution.threads, hasBias: layer.bias != nil)
        let made = try execution.run {
            try parameters.cache.value(AnyHashable(key)) { try LinearPrimitives(key) }
        }
        guard let primitives = made as? LinearPrimitives else {
            throw EngineError.library(operation: name, reason: "a primitive of another kind")
        }
        let weight = try parameters.trained(layer.weight)
        let bias = try layer.bias.map { try parameters.trained($0) }
        let shape = Array(x.shape.dropLast()) + [outputs]
        let target = try execution.allocate(shape, .f32)
        let weightLayout = try primitives.forward.description(DNNL_ARG_WEIGHTS)
        var arguments = [
            (DNNL_ARG_SRC, input.stored.pointer), (DNNL_ARG_DST, target.pointer),
            (DNNL_ARG_WEIGHTS, try weight.address(weightLayout, execution)),
        ]
        if let bias { arguments.append((DNNL_ARG_BIAS, UnsafeMutableRawPointer(try bias.plainAddress(execution)))) }
        try execution.run { try execution.execute(primitives.forward, arguments) }
        let output = result(target, shape, of: [input], parameters: [weight, bias])
        if output.requiresGradient {
            let source = input.stored
            let inputSlot = input.requiresGradient ? input.slot : nil
            record { [execution, slot = output.slot] in
                guard let gradient = try slot.take() else { return }
                if weight.isTrained {
                    try weight.gather(weightLayout, execution) { address in
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
                let flowing = try execution.allocate(source.shape, .f32)
                try execution.execute(
                    primitives.backwardData,
                    [
                        (DNNL_ARG_DIFF_DST, gradient.pointer), (DNNL_ARG_DIFF_SRC, flowing.pointer),
                        (DNNL_ARG_WEIGHTS, try weight.address(weightLayout, execution)),
                    ])
                try inputSlot.add(flowing)
            }
        }
        return output
    }
}

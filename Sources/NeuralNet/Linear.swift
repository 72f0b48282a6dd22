import COneDNN
import Tensors

/// A linear layer on the last dimension, y = x Wᵀ + b, with what follows it fused: a scale for each output (LayerScale,
/// folded into the weights), an activation, a residual.
public final class Linear: Module {
    let weight: Parameter
    let bias: Parameter?
    /// Multiplied to each output, after the bias.
    let outputScale: LayerScale?
    let activation: Activation
    /// What the layer gives: nil is the context's dtype; a residual stream stays f32.
    let resultDType: DType?

    private struct Key: Hashable {
        var rows, threads: Int
        var dtype: DType
        var accumulates: Bool
    }
    private let primitives = OnceCache<Key, (primitive: Primitive, weights: UnsafeMutableRawPointer)>()
    private let packed = PackedWeights()
    private var packedBias: [Float] = []

    /// Parameters `weight` `[outputs, inputs]` and, unless `hasBias` is false, `bias` `[outputs]`.
    public init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, hasBias: Bool = true, outputScale: LayerScale? = nil,
        activation: Activation = .none, result: DType? = nil
    ) {
        weight = scope.parameter("weight", [outputs, inputs])
        bias = hasBias ? scope.parameter("bias", [outputs]) : nil
        self.outputScale = outputScale
        self.activation = activation
        resultDType = result
    }

    /// The values of `bias`, for callers that want the product with and without it; nil after packing.
    public func biasValues() throws -> [Float] {
        if let bias, bias.value != nil { return try bias.floats() }
        return packedBias
    }

    /// `[…, outputs]` for `[…, inputs]` in the context's dtype.
    /// - Throws: `TensorError.shape` or `.dtype` for another input.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        try forward(x, addingTo: nil, context)
    }

    /// As `forward`, added to `residual`. The result takes the residual's memory.
    public func forward(_ x: Tensor, addingTo residual: Tensor?, _ context: Context) throws -> Tensor {
        let outputs = weight.shape[0]
        let inputs = weight.shape[1]
        guard let last = x.shape.last, last == inputs, x.isContiguous, x.count > 0 else {
            throw TensorError.shape(
                operation: weight.name, message: "wanted […, \(inputs)], got \(Tensor.text(x.shape))")
        }
        guard x.dtype == context.dtype else {
            throw TensorError.dtype(operation: weight.name, message: "wanted \(context.dtype), got \(x.dtype)")
        }
        let shape = Array(x.shape.dropLast()) + [outputs]
        let dtype = resultDType ?? context.dtype
        if let residual {
            guard residual.shape == shape, residual.dtype == dtype, residual.isContiguous else {
                throw TensorError.shape(
                    operation: weight.name,
                    message: "wanted a residual \(dtype) \(Tensor.text(shape)), got \(residual.dtype) "
                        + Tensor.text(residual.shape))
            }
        }
        let rows = x.count / inputs
        let key = Key(rows: rows, threads: context.threads, dtype: x.dtype, accumulates: residual != nil)
        let ready = try primitives.value(key) { try prepare(rows, dtype, residual != nil, context) }
        let result = try residual ?? context.tensor(shape, dtype)
        try packedBias.withUnsafeBytes { bias in
            guard let bias = bias.baseAddress else { return }
            try context.execute(
                ready.primitive,
                [
                    (DNNL_ARG_SRC, x.pointer), (DNNL_ARG_WEIGHTS, ready.weights),
                    (DNNL_ARG_BIAS, UnsafeMutableRawPointer(mutating: bias)), (DNNL_ARG_DST, result.pointer),
                ])
        }
        return result
    }

    private func prepare(
        _ rows: Int, _ dtype: DType, _ accumulates: Bool, _ context: Context
    ) throws -> (primitive: Primitive, weights: UnsafeMutableRawPointer) {
        let name = weight.name
        let outputs = weight.shape[0]
        let inputs = weight.shape[1]
        var source = try OneDNN.description([rows, inputs], context.dtype, dnnl_ab, name)
        var weights = try OneDNN.description([outputs, inputs], context.dtype, dnnl_format_tag_any, name)
        var biases = try OneDNN.description([outputs], .f32, dnnl_a, name)
        var target = try OneDNN.description([rows, outputs], dtype, dnnl_ab, name)
        var description = dnnl_inner_product_desc_t()
        try OneDNN.check(
            dnnl_inner_product_forward_desc_init(
                &description, dnnl_forward_inference, &source, &weights, &biases, &target), name)
        let primitive = try Primitive(
            name, &description, attributes: try Attributes(activation: activation, accumulate: accumulates),
            arguments: [
                (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                (DNNL_ARG_DST, dnnl_query_dst_md),
            ], bias: biases)
        let address = try packed.address(primitive.description(DNNL_ARG_WEIGHTS), context) {
            var values = try weight.floats()
            var biases = try bias?.floats() ?? [Float](repeating: 0, count: outputs)
            if let scale = try outputScale?.lambda.floats() {
                for output in 0..<outputs {
                    for index in output * inputs..<(output + 1) * inputs { values[index] *= scale[output] }
                    biases[output] *= scale[output]
                }
            }
            packedBias = biases
            weight.release()
            bias?.release()
            outputScale?.lambda.release()
            return (values, [inputs, 1])
        }
        return (primitive, address)
    }
}

/// A learned factor for each channel of a branch (`lambda1` in DINOv2), folded into the linear layer before it.
public final class LayerScale {
    let lambda: Parameter

    /// A parameter `name`, `[channels]`.
    public init(_ scope: ParameterScope, _ name: String = "lambda1", channels: Int) {
        lambda = scope.parameter(name, [channels])
    }
}

import COneDNN
import Foundation
import Tensors

/// Batch normalisation, as the part of a convolution that it is at inference: y = x · scale + shift a channel.
public final class BatchNorm2D {
    let weight: Parameter
    let bias: Parameter
    let runningMean: Parameter
    let runningVariance: Parameter
    let epsilon: Double

    /// Parameters `weight`, `bias`, `running_mean`, `running_var`, each `[channels]`.
    public init(_ scope: ParameterScope, channels: Int, epsilon: Double = 1e-5) {
        weight = scope.parameter("weight", [channels])
        bias = scope.parameter("bias", [channels])
        runningMean = scope.parameter("running_mean", [channels])
        runningVariance = scope.parameter("running_var", [channels])
        self.epsilon = epsilon
    }

    /// The scale and shift of each channel with the running statistics, worked out in f64.
    func folded() throws -> (scale: [Double], shift: [Double]) {
        let gamma = try weight.floats()
        let beta = try bias.floats()
        let mean = try runningMean.floats()
        let variance = try runningVariance.floats()
        let scale = zip(gamma, variance).map { Double($0) / (Double($1) + epsilon).squareRoot() }
        let shift = beta.indices.map { Double(beta[$0]) - Double(mean[$0]) * scale[$0] }
        return (scale, shift)
    }

    func release() {
        for parameter in [weight, bias, runningMean, runningVariance] { parameter.release() }
    }
}

/// A two-dimensional convolution of channels-last images, with what follows it fused: batch normalisation (folded into
/// the weights), bias, a residual, an activation.
public final class Convolution2D: Module {
    let weight: Parameter
    let bias: Parameter?
    let batchNorm: BatchNorm2D?
    let stride: (Int, Int)
    let padding: (Int, Int)
    /// Zeros below and on the right.
    let paddingAfter: (Int, Int)
    let activation: Activation
    /// What the layer gives: nil is the context's dtype.
    let resultDType: DType?

    private struct Key: Hashable {
        var images, height, width, threads: Int
        var dtype: DType
        var accumulates: Bool
    }
    private let primitives = OnceCache<Key, (primitive: Primitive, weights: UnsafeMutableRawPointer)>()
    private let packed = PackedWeights()
    private var packedBias: [Float] = []

    /// Parameters `weight` `[outputs, inputs, kernel.0, kernel.1]` and, unless `hasBias` is false, `bias` `[outputs]`.
    /// - Parameters:
    ///   - batchNorm: follows the convolution, before the activation.
    ///   - kernel: height and width, as `stride` and `padding`.
    ///   - paddingAfter: zeros below and on the right, where they are others than above and on the left.
    ///   - result: the dtype of the result; nil is the context's.
    public init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, kernel: (Int, Int), stride: (Int, Int) = (1, 1),
        padding: (Int, Int) = (0, 0), paddingAfter: (Int, Int)? = nil, hasBias: Bool = true,
        batchNorm: BatchNorm2D? = nil, activation: Activation = .none, result: DType? = nil
    ) {
        weight = scope.parameter("weight", [outputs, inputs, kernel.0, kernel.1])
        bias = hasBias ? scope.parameter("bias", [outputs]) : nil
        self.batchNorm = batchNorm
        self.stride = stride
        self.padding = padding
        self.paddingAfter = paddingAfter ?? padding
        resultDType = result
        self.activation = activation
    }

    /// The images `[N, H', W', outputs]` for `[N, H, W, inputs]` in the context's dtype.
    /// - Throws: `TensorError.shape` or `.dtype` for another input.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        try forward(x, addingTo: nil, context)
    }

    /// As `forward`, with `residual` added before the activation. The result takes the residual's memory.
    public func forward(_ x: Tensor, addingTo residual: Tensor?, _ context: Context) throws -> Tensor {
        let outputs = weight.shape[0]
        let inputs = weight.shape[1]
        guard x.rank == 4, x.shape[3] == inputs, x.isContiguous else {
            throw TensorError.shape(
                operation: weight.name, message: "wanted [N, H, W, \(inputs)], got \(Tensor.text(x.shape))")
        }
        guard x.dtype == context.dtype else {
            throw TensorError.dtype(operation: weight.name, message: "wanted \(context.dtype), got \(x.dtype)")
        }
        let height = (x.shape[1] + padding.0 + paddingAfter.0 - weight.shape[2]) / stride.0 + 1
        let width = (x.shape[2] + padding.1 + paddingAfter.1 - weight.shape[3]) / stride.1 + 1
        guard x.shape[1] + padding.0 + paddingAfter.0 >= weight.shape[2],
            x.shape[2] + padding.1 + paddingAfter.1 >= weight.shape[3], x.shape[0] > 0
        else {
            throw TensorError.shape(
                operation: weight.name,
                message: "the images \(Tensor.text(x.shape)) are smaller than the kernel \(Tensor.text(weight.shape))")
        }
        let shape = [x.shape[0], height, width, outputs]
        if let residual {
            guard residual.shape == shape, residual.dtype == resultDType ?? x.dtype, residual.isContiguous else {
                throw TensorError.shape(
                    operation: weight.name,
                    message: "wanted a residual \(Tensor.text(shape)), got \(Tensor.text(residual.shape))")
            }
        }
        let key = Key(
            images: x.shape[0], height: x.shape[1], width: x.shape[2], threads: context.threads, dtype: x.dtype,
            accumulates: residual != nil)
        let ready = try primitives.value(key) { try prepare(x.shape, shape, residual != nil, context) }
        let result = try residual ?? context.tensor(shape, resultDType ?? x.dtype)
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
        _ input: [Int], _ output: [Int], _ accumulates: Bool, _ context: Context
    ) throws -> (primitive: Primitive, weights: UnsafeMutableRawPointer) {
        let name = weight.name
        let dtype = context.dtype
        var source = try OneDNN.description(
            [input[0], input[3], input[1], input[2]], dtype, dnnl_nhwc, name)
        var weights = try OneDNN.description(weight.shape, dtype, dnnl_format_tag_any, name)
        var biases = try OneDNN.description([output[3]], .f32, dnnl_a, name)
        var target = try OneDNN.description(
            [output[0], output[3], output[1], output[2]], resultDType ?? dtype, dnnl_nhwc, name)
        let strides = [Int64(stride.0), Int64(stride.1)]
        let pads = [Int64(padding.0), Int64(padding.1)]
        let padsAfter = [Int64(paddingAfter.0), Int64(paddingAfter.1)]
        var description = dnnl_convolution_desc_t()
        try OneDNN.check(
            dnnl_convolution_forward_desc_init(
                &description, dnnl_forward_inference, dnnl_convolution_direct, &source, &weights, &biases, &target,
                strides, pads, padsAfter), name)
        let primitive = try Primitive(
            name, &description, attributes: try Attributes(activation: activation, accumulate: accumulates),
            arguments: [
                (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                (DNNL_ARG_DST, dnnl_query_dst_md),
            ], bias: biases)
        let address = try packed.address(primitive.description(DNNL_ARG_WEIGHTS), context) {
            let (values, biases) = try foldedWeights()
            packedBias = biases
            weight.release()
            bias?.release()
            batchNorm?.release()
            return (values, Tensor.contiguousStrides(weight.shape))
        }
        return (primitive, address)
    }

    /// The weights and biases with batch normalisation folded in, as PyTorch lays them out.
    private func foldedWeights() throws -> ([Float], [Float]) {
        var values = try weight.floats()
        let outputs = weight.shape[0]
        var biases = try bias?.floats() ?? [Float](repeating: 0, count: outputs)
        guard let batchNorm else { return (values, biases) }
        let (scale, shift) = try batchNorm.folded()
        let each = outputs > 0 ? values.count / outputs : 0
        for output in 0..<outputs {
            for index in output * each..<(output + 1) * each {
                values[index] = Float(Double(values[index]) * scale[output])
            }
            biases[output] = Float(Double(biases[output]) * scale[output] + shift[output])
        }
        return (values, biases)
    }
}

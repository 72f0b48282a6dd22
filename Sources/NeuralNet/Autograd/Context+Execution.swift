import NetKernels
import Tensors

extension Context: Execution {
    /// The fused convolution. The residual's memory takes the result.
    public func convolution(_ layer: Convolution2D, _ x: Tensor, addingTo residual: Tensor?) throws -> Tensor {
        try layer.forward(x, addingTo: residual, self)
    }

    /// x · scale + shift with the running statistics.
    /// - Throws: `TensorError.dtype` where the context is not f32.
    public func batchNorm(_ layer: BatchNorm2D, _ x: Tensor, relu: Bool) throws -> Tensor {
        let channels = layer.weight.shape[0]
        guard x.dtype == .f32, x.shape.last == channels, x.isContiguous, channels > 0 else {
            throw TensorError.shape(
                operation: layer.weight.name,
                message: "wanted f32 […, \(channels)], got \(x.dtype) \(Tensor.text(x.shape))")
        }
        var weight = try layer.weight.floats()
        var bias = try layer.bias.floats()
        var mean = try layer.runningMean.floats()
        var inverse = try layer.runningVariance.floats().map { Float(1 / (Double($0) + layer.epsilon).squareRoot()) }
        let target = try tensor(x.shape, .f32)
        NetBatchNorm.forward(
            Elementwise.floats(x), residual: nil, Elementwise.floats(target),
            NetPlanes(images: 1, pixels: x.count / channels, channels: channels, isBlocked: false),
            weight: &weight, bias: &bias, mean: &mean, inverseDeviation: &inverse, epsilon: layer.epsilon, relu: relu)
        return target
    }

    /// Pooling in the input's dtype.
    public func pooling(_ layer: Pooling, _ x: Tensor) throws -> Tensor { try layer.forward(x, self) }

    /// The mean over all pixels as f32.
    public func globalAverage(_ x: Tensor) throws -> Tensor {
        guard x.rank == 4 else {
            throw TensorError.shape(
                operation: "global average", message: "wanted [N, H, W, C], got \(Tensor.text(x.shape))")
        }
        let target = try tensor([x.shape[0], x.shape[3]], .f32)
        try Pooling.globalAverage(x, into: target)
        return target
    }

    /// Images side by side in their channels.
    public func concatenate(_ parts: [Tensor]) throws -> Tensor { try concatenateChannels(parts) }

    /// The fused linear layer.
    public func linear(_ layer: Linear, _ x: Tensor) throws -> Tensor {
        try layer.forward(converted(x, dtype), self)
    }
}

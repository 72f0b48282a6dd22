import Tensors

/// What a network runs on: a `Context`, which gives tensors by fused operations, or a `Tape`, which gives variables and
/// records. A network that is written against it is written once.
public protocol Execution: AnyObject {
    /// Activations.
    associatedtype Value

    /// A convolution with all that follows it in the layer; a residual is added before the layer's activation. The
    /// residual may be overwritten.
    func convolution(_ layer: Convolution2D, _ x: Value, addingTo residual: Value?) throws -> Value
    /// A batch normalisation that no convolution comes before, with ReLU where asked.
    func batchNorm(_ layer: BatchNorm2D, _ x: Value, relu: Bool) throws -> Value
    /// Pooling of images.
    func pooling(_ layer: Pooling, _ x: Value) throws -> Value
    /// The mean over all pixels, `[N, C]` for `[N, H, W, C]`.
    func globalAverage(_ x: Value) throws -> Value
    /// Images side by side in their channels.
    func concatenate(_ parts: [Value]) throws -> Value
    /// A linear layer.
    func linear(_ layer: Linear, _ x: Value) throws -> Value
}

extension Execution {
    /// A convolution with all that follows it in the layer.
    public func convolution(_ layer: Convolution2D, _ x: Value) throws -> Value {
        try convolution(layer, x, addingTo: nil)
    }
}

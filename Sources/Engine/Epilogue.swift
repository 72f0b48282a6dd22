import Tensors

/// What follows an operation, done while its result is still at hand:
///
///     y = activation(scale · f(x) + summand + residual), in the dtype `result`
///
/// Every product and every normalisation takes one. An executor fuses what its library can and works out the rest by
/// itself, so no combination is refused.
public struct Epilogue<Value> {
    /// Multiplied to the result of the operation, one a channel.
    public var scale: ChannelScale<Value>?
    /// Added, `[1 or N, C]`: one a channel, for all places of an image.
    public var summand: Value?
    /// Added, in the shape of the result.
    public var residual: Residual<Value>?
    /// Comes last.
    public var activation: Activation
    /// The dtype of what comes out; nil is the executor's. A residual stream asks for f32.
    public var result: DType?

    /// Nothing, or what is given.
    public init(
        scale: ChannelScale<Value>? = nil, summand: Value? = nil, residual: Residual<Value>? = nil,
        activation: Activation = .none, result: DType? = nil
    ) {
        self.scale = scale
        self.summand = summand
        self.residual = residual
        self.activation = activation
        self.result = result
    }
}

/// A factor for each channel.
public enum ChannelScale<Value> {
    /// A parameter, which an executor may fold into the weights.
    case learned(LayerScale)
    /// A value `[1 or N, C]`, such as the gate of adaLN (Peebles and Xie, 2023).
    case given(Value)
}

/// What is added to a result, and whether it is needed afterwards.
public enum Residual<Value> {
    /// It stays as it is.
    case kept(Value)
    /// Nobody looks at it again: the result may take its memory.
    case given(Value)

    /// What is added.
    public var value: Value {
        switch self {
        case .kept(let value), .given(let value): return value
        }
    }
}

/// What comes before a convolution, done while its input is read: group normalisation, an activation, enlarging.
public struct Prologue: Sendable {
    /// Comes first.
    public nonisolated(unsafe) var norm: GroupNorm?
    /// Follows the normalisation.
    public var activation: Activation
    /// The rows and columns that the images are enlarged to, each pixel to its nearest neighbours; nil leaves them.
    public var height, width: Int?

    /// Nothing, or what is given.
    public init(norm: GroupNorm? = nil, activation: Activation = .none, size: (height: Int, width: Int)? = nil) {
        self.norm = norm
        self.activation = activation
        height = size?.height
        width = size?.width
    }
}

/// A linear layer on the last dimension, W x + b.
public final class Linear {
    /// `[outputs, inputs]`.
    public let weight: Parameter
    /// `[outputs]`; nil where the layer has none.
    public let bias: Parameter?

    /// Whether it is asked for few rows at a time, as when a text is written: each row then has the same bits whatever rows stand
    /// beside it, and a processor reads the weights once, as fast as its memory is.
    public let takesFewRows: Bool

    /// Parameters `weight` `[outputs, inputs]` and, unless `hasBias` is false, `bias` `[outputs]`.
    public init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, hasBias: Bool = true, takesFewRows: Bool = false
    ) {
        self.takesFewRows = takesFewRows
        weight = scope.parameter("weight", [outputs, inputs])
        bias = hasBias ? scope.parameter("bias", [outputs]) : nil
    }

    /// A layer without bias whose weight is another layer's parameter `[outputs, inputs]`, such as a table of tokens.
    public init(sharing weight: Parameter, takesFewRows: Bool = false) {
        self.takesFewRows = takesFewRows
        self.weight = weight
        bias = nil
    }

    /// Channels that come in.
    public var inputs: Int { weight.shape[1] }
    /// Channels that go out.
    public var outputs: Int { weight.shape[0] }
}

/// A learned factor for each channel of a branch, such as `lambda1` in DINOv2 (Touvron et al., 2021, LayerScale).
public final class LayerScale {
    /// `[channels]`.
    public let factors: Parameter

    /// A parameter `name`, `[channels]`.
    public init(_ scope: ParameterScope, _ name: String = "lambda1", channels: Int) {
        factors = scope.parameter(name, [channels])
    }
}

/// A table of vectors by index, such as those of a tokenizer's ids.
public final class Embedding {
    /// `[count, channels]`.
    public let weight: Parameter

    /// A parameter `weight` `[count, channels]`.
    public init(_ scope: ParameterScope, count: Int, channels: Int) {
        weight = scope.parameter("weight", [count, channels])
    }

    /// How many vectors there are.
    public var count: Int { weight.shape[0] }
    /// The size of a vector.
    public var channels: Int { weight.shape[1] }
}

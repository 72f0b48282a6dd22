/// The product of an activated branch and a plain one (Shazeer, 2020): the middle of a gated feed-forward part.
public struct GatedUnit: Hashable, Sendable {
    /// Of the one branch.
    public let activation: Activation
    /// Whether the second branch is the activated one, rather than the first.
    public let activatesSecond: Bool

    /// A unit by its activation.
    public init(_ activation: Activation, activatesSecond: Bool) {
        self.activation = activation
        self.activatesSecond = activatesSecond
    }

    /// silu(a) · b, as in DINOv2 and Llama.
    public static let swiGLU = GatedUnit(.silu, activatesSecond: false)
    /// a · gelu(b), as in diffusers' transformers.
    public static let geGLU = GatedUnit(.gelu, activatesSecond: true)
}

/// A function of each value, applied by an epilogue while the value is still in registers.
public enum Activation: Hashable, Sendable, CaseIterable {
    /// x.
    case none
    /// max(x, 0).
    case relu
    /// The exact GELU, x · Φ(x), with the error function (Hendrycks and Gimpel, 2016).
    case gelu
    /// GELU's approximation ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
    case geluTanh
    /// x · sigmoid(1.702 x), as OpenAI's CLIP.
    case quickGelu
    /// x · sigmoid(x), also called swish.
    case silu
    /// The hyperbolic tangent, which bends gates into -1 to 1.
    case tanh
}

import Engine

/// A product into many channels, a depthwise 3 × 3 convolution, a gate of one half of the channels by the other, and a product
/// back: diffusers' `GLUMBConv` (the Mix-FFN of Sana, Xie et al., 2024), without its normalisation and residual.
final class GatedConvolutions {
    private let expand, shrink: Linear
    private let depthwise: Convolution2D

    init(_ scope: ParameterScope, channels: Int, inner: Int) {
        expand = Linear(scope["conv_inverted"], inputs: channels, outputs: 2 * inner)
        depthwise = Convolution2D(
            scope["conv_depth"], inputs: 2 * inner, outputs: 2 * inner, kernel: (3, 3), padding: (1, 1),
            groups: 2 * inner)
        shrink = Linear(scope["conv_point"], inputs: inner, outputs: channels, hasBias: false)
    }

    /// `[N, H, W, C]` for the same.
    func forward<E: Execution>(_ x: E.Value, _ epilogue: Epilogue<E.Value>, on execution: E) throws -> E.Value {
        let wide = try execution.linear(expand, x, Epilogue(activation: .silu))
        let gated = try execution.gate(
            GatedUnit(.silu, activatesSecond: true), execution.convolution(depthwise, wide))
        return try execution.linear(shrink, gated, epilogue)
    }
}

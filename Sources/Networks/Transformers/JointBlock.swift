import Engine
import Tensors

/// A block of two streams (MMDiT, Esser et al., arXiv 2403.03206): an attention of the image's and the text's tokens together,
/// in some models another one of the image's alone, and a feed-forward part for each. Diffusers' `JointTransformerBlock` and
/// `FluxTransformerBlock`.
final class JointBlock {
    /// The sizes and variants.
    struct Form {
        var width, heads: Int
        var normEpsilon: Double?
        var order: JointAttention.Order
        /// Whether the image's tokens have an attention of their own, too (MMDiT-X of Stable Diffusion 3.5).
        var isDual = false
        /// Whether the text's tokens go on; where they do not, they are only looked at.
        var givesText = true
    }

    private let norm: LayerNorm
    private let modulation: AdaptiveModulation
    private let attention: JointAttention
    private let second: (attention: TokenAttention, output: Linear)?
    private let feedForward: ModulatedFeedForward
    private let text: (modulation: AdaptiveModulation, feedForward: ModulatedFeedForward)?
    private let lastText: AdaptiveNorm?

    init(_ scope: ParameterScope, _ form: Form) throws {
        let (width, heads, epsilon) = (form.width, form.heads, form.normEpsilon)
        norm = LayerNorm(scope["norm"], channels: width, epsilon: 1e-6, isAffine: false)
        modulation = AdaptiveModulation(scope["norm1"], parts: form.isDual ? 9 : 6, width: width)
        lastText = form.givesText ? nil : AdaptiveNorm(scope["norm1_context"], width: width)
        let textModulation =
            form.givesText ? AdaptiveModulation(scope["norm1_context"], parts: 6, width: width) : nil
        attention = try JointAttention(
            scope["attn"], channels: width, heads: heads, normEpsilon: epsilon, order: form.order,
            givesText: form.givesText)
        let own = scope["attn2"]
        second =
            form.isDual
            ? (
                try TokenAttention(own, channels: width, heads: heads, normEpsilon: epsilon),
                Linear(own["to_out"][0], inputs: width, outputs: width)
            ) : nil
        feedForward = ModulatedFeedForward(scope["ff"], width: width)
        text = textModulation.map { ($0, ModulatedFeedForward(scope["ff_context"], width: width)) }
    }

    /// f32 `[N, T, C]` each for the same, whose memory the results take.
    /// - Parameter turning: of all tokens, in the order of the attention.
    func forward<E: Execution>(
        _ streams: JointAttention.Pair<E.Value>, _ conditioning: E.Value, turning: Turning<E.Value>? = nil,
        on execution: E
    ) throws -> JointAttention.Pair<E.Value> {
        // Shift, scale and gate of the attention, of the feed-forward part, and of the second attention.
        let parts = try modulation.parts(conditioning, on: execution)
        let own = try text?.modulation.parts(conditioning, on: execution)
        let words =
            try own.map { try execution.norm(norm, streams.text, scale: $0[1], shift: $0[0]) }
            ?? lastText?.forward(streams.text, conditioning, on: execution) ?? streams.text
        let normalised = JointAttention.Pair(
            image: try execution.norm(norm, streams.image, scale: parts[1], shift: parts[0]), text: words)
        let other = try second.map { ($0, try execution.norm(norm, streams.image, scale: parts[7], shift: parts[6])) }
        var states = try attention.forward(
            normalised, gates: .init(image: parts[2], text: own?[2]), addingTo: streams, turning: turning,
            on: execution)
        if let (second, input) = other {
            states.image = try execution.linear(
                second.output, second.attention.forward(input, on: execution),
                Epilogue(scale: .given(parts[8]), residual: .given(states.image), result: .f32))
        }
        states.image = try feedForward.forward(states.image, parts[3...5], on: execution)
        if let text, let own { states.text = try text.feedForward.forward(states.text, own[3...5], on: execution) }
        return states
    }
}

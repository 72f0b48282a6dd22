import NeuralNet
import Tensors

/// Transformer blocks over the pixels of an image, with attention to a context: diffusers' `Transformer2DModel`.
final class SpatialTransformer {
    private let channels: Int
    private let norm: GroupNorm
    private let projectionIn: Linear
    private let blocks: [TransformerBlock]
    private let projectionOut: Linear

    init(
        _ scope: ParameterScope, channels: Int, heads: Int, layers: Int, contextWidth: Int, onlyCross: Bool,
        groups: Int
    ) throws {
        self.channels = channels
        norm = try GroupNorm(scope["norm"], groups: groups, channels: channels, epsilon: 1e-6)
        projectionIn = Linear(scope["proj_in"], inputs: channels, outputs: channels, result: .f32)
        blocks = try (0..<layers).map {
            try TransformerBlock(
                scope["transformer_blocks"][$0], channels: channels, heads: heads, contextWidth: contextWidth,
                onlyCross: onlyCross)
        }
        projectionOut = Linear(scope["proj_out"], inputs: channels, outputs: channels, result: .f32)
    }

    /// f32 `[N, H, W, C]` for the same, whose memory the result takes; `text` is `[N, T, D]` in the context's dtype.
    func forward(_ x: Tensor, text: Tensor, _ context: Context) throws -> Tensor {
        let tokens = [x.shape[0], x.shape[1] * x.shape[2], channels]
        var states = try projectionIn.forward(norm.forward(x, context).reshaped(tokens), context)
        for block in blocks { states = try block.forward(states, text: text, context) }
        return try projectionOut.forward(
            context.converted(states, context.dtype), addingTo: x.reshaped(tokens), context
        ).reshaped(x.shape)
    }
}

/// Attention among the pixels, attention to the context, and a gated feed-forward part, each normalised before: diffusers'
/// `BasicTransformerBlock`. The residual stream is f32.
private final class TransformerBlock {
    private let norm1, norm2, norm3: LayerNorm
    private let own, cross: CrossAttention
    private let onlyCross: Bool
    private let expand: Linear
    private let shrink: Linear

    /// Bytes of the expanded states that are alive at once: few enough to stay in the cache.
    private static let chunkBytes = 4 << 20

    init(_ scope: ParameterScope, channels: Int, heads: Int, contextWidth: Int, onlyCross: Bool) throws {
        norm1 = LayerNorm(scope["norm1"], channels: channels)
        norm2 = LayerNorm(scope["norm2"], channels: channels)
        norm3 = LayerNorm(scope["norm3"], channels: channels)
        self.onlyCross = onlyCross
        own = try CrossAttention(
            scope["attn1"], channels: channels, contextWidth: onlyCross ? contextWidth : channels, heads: heads)
        cross = try CrossAttention(scope["attn2"], channels: channels, contextWidth: contextWidth, heads: heads)
        expand = Linear(scope["ff"]["net"][0]["proj"], inputs: channels, outputs: 8 * channels, result: .f32)
        shrink = Linear(scope["ff"]["net"][2], inputs: 4 * channels, outputs: channels, result: .f32)
    }

    func forward(_ x: Tensor, text: Tensor, _ context: Context) throws -> Tensor {
        var states = x
        let normalised = try norm1.forward(states, context)
        states = try own.forward(normalised, onlyCross ? text : normalised, addingTo: states, context)
        states = try cross.forward(norm2.forward(states, context), text, addingTo: states, context)
        return try feedForward(states, context)
    }

    /// The feed-forward part, some rows at a time: its inner states are eight times as wide.
    private func feedForward(_ x: Tensor, _ context: Context) throws -> Tensor {
        let width = x.shape[2]
        let rows = x.count / width
        let normalised = try norm3.forward(x, context).reshaped([rows, width])
        let states = try x.reshaped([rows, width])
        let most = max(64, Self.chunkBytes / (32 * width))
        let parts = (rows + most - 1) / most
        for part in 0..<parts {
            let range = rows * part / parts..<rows * (part + 1) / parts
            let inner = try expand.forward(normalised.narrow(0, range.lowerBound, range.count), context)
            _ = try shrink.forward(
                GatedActivation.gelu(inner, context),
                addingTo: states.narrow(0, range.lowerBound, range.count), context)
        }
        return x
    }
}

/// Attention of an image's tokens to those of a context, or to each other; queries, keys and values have no bias.
private final class CrossAttention {
    private let query, key, value, output: Linear
    private let attention: ScaledDotProductAttention

    init(_ scope: ParameterScope, channels: Int, contextWidth: Int, heads: Int) throws {
        query = Linear(scope["to_q"], inputs: channels, outputs: channels, hasBias: false)
        key = Linear(scope["to_k"], inputs: contextWidth, outputs: channels, hasBias: false)
        value = Linear(scope["to_v"], inputs: contextWidth, outputs: channels, hasBias: false)
        output = Linear(scope["to_out"][0], inputs: channels, outputs: channels, result: .f32)
        attention = try ScaledDotProductAttention("attention", channels: channels, heads: heads)
    }

    func forward(_ x: Tensor, _ text: Tensor, addingTo residual: Tensor, _ context: Context) throws -> Tensor {
        let attended = try attention.forward(
            query: query.forward(x, context), key: key.forward(text, context), value: value.forward(text, context),
            context)
        return try output.forward(attended, addingTo: residual, context)
    }
}

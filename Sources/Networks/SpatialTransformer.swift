import Engine
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
        projectionIn = Linear(scope["proj_in"], inputs: channels, outputs: channels)
        blocks = try (0..<layers).map {
            try TransformerBlock(
                scope["transformer_blocks"][$0], channels: channels, heads: heads, contextWidth: contextWidth,
                onlyCross: onlyCross)
        }
        projectionOut = Linear(scope["proj_out"], inputs: channels, outputs: channels)
    }

    /// f32 `[N, H, W, C]` for the same, whose memory the result takes; `text` is `[N, T, D]` in the execution's dtype.
    func forward<E: Execution>(_ x: E.Value, text: E.Value, on execution: E) throws -> E.Value {
        let tokens = [x.shape[0], x.shape[1] * x.shape[2], channels]
        let normalised = try execution.reshape(execution.norm(norm, x), tokens)
        var states = try execution.linear(projectionIn, normalised, Epilogue(result: .f32))
        for block in blocks { states = try block.forward(states, text: text, on: execution) }
        let result = try execution.linear(
            projectionOut, states, Epilogue(residual: .given(execution.reshape(x, tokens)), result: .f32))
        return try execution.reshape(result, x.shape)
    }
}

/// Attention among the pixels, attention to the context, and a gated feed-forward part, each normalised before: diffusers'
/// `BasicTransformerBlock`. The residual stream is f32.
private final class TransformerBlock {
    private let norm1, norm2, norm3: LayerNorm
    private let own, cross: ProjectedAttention
    private let onlyCross: Bool
    private let expand: Linear
    private let shrink: Linear

    init(_ scope: ParameterScope, channels: Int, heads: Int, contextWidth: Int, onlyCross: Bool) throws {
        norm1 = LayerNorm(scope["norm1"], channels: channels)
        norm2 = LayerNorm(scope["norm2"], channels: channels)
        norm3 = LayerNorm(scope["norm3"], channels: channels)
        self.onlyCross = onlyCross
        own = try ProjectedAttention(
            scope["attn1"], channels: channels, contextWidth: onlyCross ? contextWidth : channels, heads: heads)
        cross = try ProjectedAttention(scope["attn2"], channels: channels, contextWidth: contextWidth, heads: heads)
        expand = Linear(scope["ff"]["net"][0]["proj"], inputs: channels, outputs: 8 * channels)
        shrink = Linear(scope["ff"]["net"][2], inputs: 4 * channels, outputs: channels)
    }

    func forward<E: Execution>(_ x: E.Value, text: E.Value, on execution: E) throws -> E.Value {
        let normalised = try execution.norm(norm1, x)
        var states = try own.forward(normalised, onlyCross ? text : normalised, addingTo: x, on: execution)
        states = try cross.forward(execution.norm(norm2, states), text, addingTo: states, on: execution)
        return try feedForward(states, on: execution)
    }

    /// The feed-forward part, some rows at a time: its inner states are eight times as wide.
    private func feedForward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let width = x.shape[2]
        let rows = [x.shape[0] * x.shape[1], width]
        let normalised = try execution.reshape(execution.norm(norm3, x), rows)
        let states = try execution.reshape(x, rows)
        let result = try execution.each([normalised, states], by: .rows(bytes: 8 * width * 4)) { parts in
            let inner = try execution.linear(expand, parts[0], Epilogue(result: .f32))
            return try execution.linear(
                shrink, execution.gate(.geGLU, inner), Epilogue(residual: .given(parts[1]), result: .f32))
        }
        return try execution.reshape(result, x.shape)
    }
}

import Engine
import Tensors

/// Attention of an image's tokens to those of a context, or to each other, between linear layers: diffusers' `Attention`.
final class ProjectedAttention {
    private let query, key, value, output: Linear
    private let attention: Attention

    /// - Parameters:
    ///   - channels: of a token of the image, and of all heads together.
    ///   - hasBias: whether queries, keys and values have a bias; the output always has.
    init(
        _ scope: ParameterScope, channels: Int, contextWidth: Int, heads: Int, hasBias: Bool = false
    ) throws {
        query = Linear(scope["to_q"], inputs: channels, outputs: channels, hasBias: hasBias)
        key = Linear(scope["to_k"], inputs: contextWidth, outputs: channels, hasBias: hasBias)
        value = Linear(scope["to_v"], inputs: contextWidth, outputs: channels, hasBias: hasBias)
        output = Linear(scope["to_out"][0], inputs: channels, outputs: channels)
        attention = try Attention(channels: channels, heads: heads)
    }

    /// The result takes the residual's memory.
    /// - Parameter gate: rows `[1 or N, C]` that are multiplied to what is added to the residual.
    func forward<E: Execution>(
        _ x: E.Value, _ context: E.Value, mask: Mask<E.Value> = .none, gate: E.Value? = nil,
        addingTo residual: E.Value, on execution: E
    ) throws -> E.Value {
        let attended = try execution.attention(
            attention, query: execution.linear(query, x), key: execution.linear(key, context),
            value: execution.linear(value, context), mask: mask)
        return try execution.linear(
            output, attended,
            Epilogue(scale: gate.map { .given($0) }, residual: .given(residual), result: .f32))
    }
}

/// The feed-forward part of a transformer, some rows at a time, as its inner states are wide: diffusers' `FeedForward`.
final class FeedForward {
    private let expand, shrink: Linear
    private let activation: Activation

    init(_ scope: ParameterScope, channels: Int, inner: Int, activation: Activation) {
        expand = Linear(scope["net"][0]["proj"], inputs: channels, outputs: inner)
        shrink = Linear(scope["net"][2], inputs: inner, outputs: channels)
        self.activation = activation
    }

    /// f32 `[1, T, C]` or `[N, T, C]` for x in the execution's dtype; the result takes the residual's memory.
    /// - Parameter gate: rows `[1, C]` that are multiplied to what is added to the residual.
    func forward<E: Execution>(
        _ x: E.Value, gate: E.Value, addingTo residual: E.Value, on execution: E
    ) throws -> E.Value {
        let rows = [x.shape[0] * x.shape[1], x.shape[2]]
        let parts = [try execution.reshape(x, rows), try execution.reshape(residual, rows)]
        let result = try execution.each(parts, by: .rows(bytes: expand.outputs * 4)) { parts in
            let inner = try execution.linear(expand, parts[0], Epilogue(activation: activation))
            return try execution.linear(
                shrink, inner, Epilogue(scale: .given(gate), residual: .given(parts[1]), result: .f32))
        }
        return try execution.reshape(result, x.shape)
    }
}

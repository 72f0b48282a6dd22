import Engine
import Tensors

/// Attention of an image's tokens to those of a context, or to each other, between linear layers: diffusers' `Attention`.
final class ProjectedAttention {
    private enum Kind {
        case softmax(Attention)
        case linear(LinearAttention)
    }

    private let query, key, value, output: Linear
    private let queryNorm, keyNorm: RMSNorm?
    private let kind: Kind

    /// - Parameters:
    ///   - channels: of a token of the image, and of all heads together.
    ///   - isLinear: whether the attention is linear, which has no mask.
    ///   - hasBias: whether queries, keys and values have a bias; the output always has.
    ///   - normalizesQueries: whether queries and keys are normalised, all heads together.
    init(
        _ scope: ParameterScope, channels: Int, contextWidth: Int, heads: Int, isLinear: Bool = false,
        hasBias: Bool = false, normalizesQueries: Bool = false
    ) throws {
        query = Linear(scope["to_q"], inputs: channels, outputs: channels, hasBias: hasBias)
        key = Linear(scope["to_k"], inputs: contextWidth, outputs: channels, hasBias: hasBias)
        value = Linear(scope["to_v"], inputs: contextWidth, outputs: channels, hasBias: hasBias)
        output = Linear(scope["to_out"][0], inputs: channels, outputs: channels)
        func norm(_ name: String) -> RMSNorm? {
            normalizesQueries ? RMSNorm(scope[name], channels: channels, epsilon: 1e-5) : nil
        }
        (queryNorm, keyNorm) = (norm("norm_q"), norm("norm_k"))
        kind =
            isLinear
            ? .linear(try LinearAttention(channels: channels, heads: heads))
            : .softmax(try Attention(channels: channels, heads: heads))
    }

    /// The result takes the residual's memory.
    /// - Parameter gate: rows `[1 or N, C]` that are multiplied to what is added to the residual.
    func forward<E: Execution>(
        _ x: E.Value, _ context: E.Value, mask: Mask<E.Value> = .none, gate: E.Value? = nil,
        addingTo residual: E.Value, on execution: E
    ) throws -> E.Value {
        var (q, k) = (try execution.linear(query, x), try execution.linear(key, context))
        let v = try execution.linear(value, context)
        if let queryNorm { q = try execution.norm(queryNorm, q) }
        if let keyNorm { k = try execution.norm(keyNorm, k) }
        let attended: E.Value
        switch kind {
        case .softmax(let attention):
            attended = try execution.attention(attention, query: q, key: k, value: v, mask: mask)
        case .linear(let attention):
            attended = try execution.linearAttention(attention, query: q, key: k, value: v)
        }
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

    /// f32 `[N, T, C]` for x in the execution's dtype; the result takes the residual's memory.
    /// - Parameter gate: rows `[1 or N, C]` that are multiplied to what is added to the residual.
    func forward<E: Execution>(
        _ x: E.Value, gate: E.Value, addingTo residual: E.Value, on execution: E
    ) throws -> E.Value {
        if gate.shape[0] > 1 {
            // The rows of several images have gates of their own.
            let inner = try execution.linear(expand, x, Epilogue(activation: activation))
            return try execution.linear(
                shrink, inner, Epilogue(scale: .given(gate), residual: .given(residual), result: .f32))
        }
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

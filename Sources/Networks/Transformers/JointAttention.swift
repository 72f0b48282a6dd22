import Engine
import Tensors

/// Queries, keys and values of tokens, of all heads together; queries and keys may be normalised in each head.
final class HeadProjections {
    /// The names of the layers.
    struct Names {
        let query, key, value, queryNorm, keyNorm: String

        /// Those of an image's tokens.
        static let usual = Names(query: "to_q", key: "to_k", value: "to_v", queryNorm: "norm_q", keyNorm: "norm_k")
        /// Those of a text's tokens beside them.
        static let added = Names(
            query: "add_q_proj", key: "add_k_proj", value: "add_v_proj", queryNorm: "norm_added_q",
            keyNorm: "norm_added_k")
    }

    private let query, key, value: Linear
    private let queryNorm, keyNorm: RMSNorm?

    /// - Parameters:
    ///   - channels: of a token, and of all heads together.
    ///   - normEpsilon: ε of the normalisation of queries and keys; nil where there is none.
    init(_ scope: ParameterScope, _ names: Names = .usual, channels: Int, headSize: Int, normEpsilon: Double?) {
        func norm(_ name: String) -> RMSNorm? {
            normEpsilon.map { RMSNorm(scope[name], channels: headSize, epsilon: $0) }
        }
        queryNorm = norm(names.queryNorm)
        keyNorm = norm(names.keyNorm)
        query = Linear(scope[names.query], inputs: channels, outputs: channels)
        key = Linear(scope[names.key], inputs: channels, outputs: channels)
        value = Linear(scope[names.value], inputs: channels, outputs: channels)
    }

    /// `[N, T, C]` for the same.
    func queries<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let found = try execution.linear(query, x)
        return try queryNorm.map { try execution.norm($0, found) } ?? found
    }

    /// `[N, T, C]` for the same.
    func keys<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let found = try execution.linear(key, x)
        return try keyNorm.map { try execution.norm($0, found) } ?? found
    }

    /// `[N, T, C]` for the same.
    func values<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value { try execution.linear(value, x) }
}

/// Where the heads' channels of tokens are turned to: a rotation with its table.
struct Turning<Value> {
    let rotary: Rotary
    let table: Value
}

/// Attention of tokens to each other, queries and keys turned where the model does so; no layer follows.
final class TokenAttention {
    private let projections: HeadProjections
    private let attention: Attention

    init(_ scope: ParameterScope, channels: Int, heads: Int, normEpsilon: Double?) throws {
        projections = HeadProjections(
            scope, channels: channels, headSize: channels / heads, normEpsilon: normEpsilon)
        attention = try Attention(channels: channels, heads: heads)
    }

    /// `[N, T, C]` for the same.
    func forward<E: Execution>(
        _ x: E.Value, turning: Turning<E.Value>? = nil, on execution: E
    ) throws -> E.Value {
        let queries = try execution.turned(projections.queries(x, on: execution), turning)
        let keys = try execution.turned(projections.keys(x, on: execution), turning)
        return try execution.attention(
            attention, query: queries, key: keys, value: projections.values(x, on: execution))
    }
}

/// Attention among the tokens of an image and a text, each with layers of its own (MMDiT, Esser et al., arXiv 2403.03206):
/// diffusers' `Attention` with added projections.
final class JointAttention {
    /// Which tokens come first.
    enum Order { case imageFirst, textFirst }

    /// An image's part and a text's.
    struct Pair<Value> {
        var image, text: Value
    }

    private let image, text: HeadProjections
    private let imageOutput: Linear
    private let textOutput: Linear?
    private let attention: Attention
    private let order: Order

    /// - Parameter givesText: whether the text's tokens go on; where they do not, they are only looked at.
    init(
        _ scope: ParameterScope, channels: Int, heads: Int, normEpsilon: Double?, order: Order, givesText: Bool = true
    ) throws {
        let size = channels / heads
        image = HeadProjections(scope, channels: channels, headSize: size, normEpsilon: normEpsilon)
        text = HeadProjections(scope, .added, channels: channels, headSize: size, normEpsilon: normEpsilon)
        imageOutput = Linear(scope["to_out"][0], inputs: channels, outputs: channels)
        textOutput = givesText ? Linear(scope["to_add_out"], inputs: channels, outputs: channels) : nil
        attention = try Attention(channels: channels, heads: heads)
        self.order = order
    }

    /// f32 `[N, T, C]` each: gated results, added to residuals, whose memory they take.
    /// - Parameters:
    ///   - x: normalised tokens.
    ///   - gates: rows `[1 or N, C]`; nil for a text that does not go on.
    ///   - turning: of all tokens in their order.
    /// - Returns: the text's tokens as they came where they do not go on.
    func forward<E: Execution>(
        _ x: Pair<E.Value>, gates: Pair<E.Value?>, addingTo residuals: Pair<E.Value>, turning: Turning<E.Value>? = nil,
        on execution: E
    ) throws -> Pair<E.Value> {
        func joined(_ image: E.Value, _ text: E.Value) throws -> E.Value {
            try execution.concatenate(order == .imageFirst ? [image, text] : [text, image], axis: 1)
        }
        var queries = try image.queries(x.image, on: execution)
        if textOutput != nil { queries = try joined(queries, text.queries(x.text, on: execution)) }
        let keys = try joined(image.keys(x.image, on: execution), text.keys(x.text, on: execution))
        let values = try joined(image.values(x.image, on: execution), text.values(x.text, on: execution))
        let attended = try execution.attention(
            attention, query: execution.turned(queries, turning), key: execution.turned(keys, turning), value: values)
        func output(_ layer: Linear, _ part: E.Value, _ gate: E.Value?, _ residual: E.Value) throws -> E.Value {
            try execution.linear(
                layer, part,
                Epilogue(scale: gate.map { .given($0) }, residual: .given(residual), result: .f32))
        }
        guard let textOutput else {
            return Pair(image: try output(imageOutput, attended, gates.image, residuals.image), text: residuals.text)
        }
        let (tokens, words) = (x.image.shape[1], x.text.shape[1])
        let start = order == .imageFirst ? (image: 0, text: tokens) : (image: words, text: 0)
        let own = try execution.narrow(attended, axis: 1, start.image..<start.image + tokens)
        let other = try execution.narrow(attended, axis: 1, start.text..<start.text + words)
        return Pair(
            image: try output(imageOutput, own, gates.image, residuals.image),
            text: try output(textOutput, other, gates.text, residuals.text))
    }
}

extension Execution {
    /// The heads of tokens, turned where there is a rotation.
    fileprivate func turned(_ x: Value, _ turning: Turning<Value>?) throws -> Value {
        guard let turning else { return x }
        return try rotary(turning.rotary, x, table: turning.table)
    }
}

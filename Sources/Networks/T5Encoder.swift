import Engine
import Foundation
import Tensors

/// T5's encoder (Raffel et al., 2020) as transformers' `T5EncoderModel` computes it, version 1.1's gated feed-forward part
/// included. Places enter as a bias of every attention, which all layers share; scores are not divided by √headSize. The
/// residual stream is f32 in both dtypes.
public final class T5EncoderNetwork: TextNetwork {
    /// The sizes.
    public let configuration: T5Configuration
    /// Every parameter, under transformers' names.
    public let parameters: ParameterScope
    private let tokens: Embedding
    private let distances: Parameter
    private let layers: [T5Layer]
    private let norm: RMSNorm

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: T5Configuration) throws {
        let scope = ParameterScope()
        let encoder = scope["encoder"]
        self.configuration = configuration
        parameters = scope
        tokens = Embedding(scope["shared"], count: configuration.vocabularySize, channels: configuration.hiddenSize)
        distances = encoder["block"][0]["layer"][0]["SelfAttention"]["relative_attention_bias"].parameter(
            "weight", [configuration.buckets, configuration.heads])
        layers = try (0..<configuration.layers).map { try T5Layer(encoder["block"][$0]["layer"], configuration) }
        norm = RMSNorm(
            encoder["final_layer_norm"], channels: configuration.hiddenSize, epsilon: configuration.epsilon)
    }

    /// Channels of a token.
    public var width: Int { configuration.hiddenSize }
    /// Distances have a bias, places have none: any length will do, as far as the memory goes.
    public var positions: Int { 1 << 16 }
    /// It has none.
    public var pooledWidth: Int? { nil }
    /// What a user should know of its configuration.
    public var notes: [String] { configuration.notes }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`; see `TextNetwork`.
    public func encode<E: Execution>(
        _ ids: Tensor, padding: Tensor?, _ request: TextRequest, on execution: E
    ) throws -> (states: E.Value, pooled: E.Value?) {
        try TextInput.check(ids)
        try request.refusePooled()
        let kept = try request.layers(of: layers.count)
        let bias = try hiding(padding, places(ids.shape[1], on: execution), on: execution)
        var x = try execution.convert(execution.embedding(tokens, ids), .f32)
        for layer in layers.prefix(kept) {
            x = try execution.block(layer) { try layer.forward(x, .bias(bias), on: execution) }
        }
        return (request.isNormalized ? try execution.norm(norm, x, Epilogue(result: .f32)) : x, nil)
    }

    /// What the places of queries and keys add to the scores, f32 `[1, heads, T, T]`.
    private func places<E: Execution>(_ length: Int, on execution: E) throws -> E.Value {
        let (heads, buckets) = (configuration.heads, configuration.buckets)
        let table = try execution.parameter(distances)
        // `[heads, buckets]`: so small a table is turned column by column.
        let columns = try (0..<heads).map { head in
            try execution.reshape(execution.narrow(table, axis: 1, head..<head + 1), [1, buckets])
        }
        let turned = try execution.reshape(execution.concatenate(columns, axis: 1), [heads, buckets])
        let own = try (0..<buckets).map { try execution.narrow(turned, axis: 1, $0..<$0 + 1) }
        // A number for each distance from -(T - 1) to T - 1, and one more that nobody reads.
        let numbers = try execution.concatenate(
            (1 - length...length).map { own[Self.bucket($0, configuration)] }, axis: 1)
        // Each query has the numbers of the one before it, a place further to the right: 2 T numbers in a ring, cut into rows of
        // 2 T - 1.
        let maps = try (0..<heads).map { head in
            let ring = try execution.narrow(numbers, axis: 0, head..<head + 1)
            let turns = try execution.concatenate([E.Value](repeating: ring, count: length), axis: 1)
            let rows = try execution.reshape(
                execution.narrow(turns, axis: 1, 0..<length * (2 * length - 1)), [length, 2 * length - 1])
            return try execution.reshape(
                execution.narrow(rows, axis: 1, length - 1..<2 * length - 1), [1, length * length])
        }
        return try execution.reshape(execution.concatenate(maps, axis: 1), [1, heads, length, length])
    }

    /// The bucket of a key so many places behind the query: half of them for keys before it, and of each half the first half
    /// for single distances, the rest for distances that grow as a geometric series.
    static func bucket(_ distance: Int, _ configuration: T5Configuration) -> Int {
        let half = configuration.buckets / 2
        let (single, far) = (half / 2, abs(distance))
        let side = distance > 0 ? half : 0
        if far < single { return side + far }
        let growth = log(Float(far) / Float(single)) / Float(log(Double(configuration.farthest) / Double(single)))
        return side + min(half - 1, single + Int(growth * Float(half - single)))
    }

    /// Places with the smallest number where a key is padding, f32 `[N, heads, T, T]`, as transformers adds it.
    private func hiding<E: Execution>(
        _ padding: Tensor?, _ places: E.Value, on execution: E
    ) throws -> E.Value {
        guard let padding else { return places }
        let length = padding.shape[1]
        let marks = try padding.contiguous().array(Int64.self)
        let texts = try (0..<padding.shape[0]).map { text -> E.Value in
            let seen = marks[text * length..<(text + 1) * length].map { $0 != 0 }
            // Keys side by side of which all are seen, or none.
            let starts = seen.indices.filter { $0 == 0 || seen[$0] != seen[$0 - 1] }
            let parts = try zip(starts, starts.dropFirst() + [length]).map { start, end in
                let keys = try execution.narrow(places, axis: 3, start..<end)
                return seen[start] ? keys : try execution.affine(keys, factor: 0, summand: -.greatestFiniteMagnitude)
            }
            return parts.count == 1 ? parts[0] : try execution.concatenate(parts, axis: 3)
        }
        if texts.count == 1 { return texts[0] }
        let shape = [texts.count] + places.shape.dropFirst()
        let size = shape.dropFirst().reduce(1, *)
        let rows = try texts.map { try execution.reshape($0, [1, size]) }
        return try execution.reshape(execution.concatenate(rows, axis: 1), shape)
    }
}

/// A layer of T5: attention and a feed-forward part, each normalised before and added to the residual stream.
private final class T5Layer {
    private let norm1, norm2: RMSNorm
    private let query, key, value, output: Linear
    private let attention: Attention
    private let expand, shrink: Linear
    /// The branch that is multiplied to the activated one.
    private let plain: Linear?
    private let activation: Activation

    init(_ scope: ParameterScope, _ configuration: T5Configuration) throws {
        let (width, inner) = (configuration.hiddenSize, configuration.heads * configuration.headSize)
        let own = scope[0]["SelfAttention"]
        query = Linear(own["q"], inputs: width, outputs: inner, hasBias: false)
        key = Linear(own["k"], inputs: width, outputs: inner, hasBias: false)
        value = Linear(own["v"], inputs: width, outputs: inner, hasBias: false)
        output = Linear(own["o"], inputs: inner, outputs: width, hasBias: false)
        attention = try Attention(channels: inner, heads: configuration.heads, scale: 1)
        norm1 = RMSNorm(scope[0]["layer_norm"], channels: width, epsilon: configuration.epsilon)
        let dense = scope[1]["DenseReluDense"]
        activation = configuration.activation
        expand = Linear(
            dense[configuration.isGated ? "wi_0" : "wi"], inputs: width, outputs: configuration.mlpSize,
            hasBias: false)
        plain =
            configuration.isGated
            ? Linear(dense["wi_1"], inputs: width, outputs: configuration.mlpSize, hasBias: false) : nil
        shrink = Linear(dense["wo"], inputs: configuration.mlpSize, outputs: width, hasBias: false)
        norm2 = RMSNorm(scope[1]["layer_norm"], channels: width, epsilon: configuration.epsilon)
    }

    /// f32 `[N, T, C]` for the same, whose memory the result takes.
    func forward<E: Execution>(_ x: E.Value, _ mask: Mask<E.Value>, on execution: E) throws -> E.Value {
        let input = try execution.norm(norm1, x)
        let attended = try execution.attention(
            attention, query: execution.linear(query, input), key: execution.linear(key, input),
            value: execution.linear(value, input), mask: mask)
        let middle = try execution.linear(output, attended, Epilogue(residual: .given(x), result: .f32))
        let normalised = try execution.norm(norm2, middle)
        let hidden: E.Value
        if let plain {
            hidden = try execution.gate(
                GatedUnit(activation, activatesSecond: false), execution.linear(expand, normalised),
                execution.linear(plain, normalised))
        } else {
            hidden = try execution.linear(expand, normalised, Epilogue(activation: activation))
        }
        return try execution.linear(shrink, hidden, Epilogue(residual: .given(middle), result: .f32))
    }
}

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
        let length = ids.shape[1]
        let bias: E.Value
        if let padding {
            bias = try execution.value(hiding(padding, places(length)))
        } else {
            bias = try execution.table(self, [length]) { try places(length) }
        }
        var x = try execution.convert(execution.embedding(tokens, ids), .f32)
        for layer in layers.prefix(kept) {
            x = try execution.block(layer) { try layer.forward(x, .bias(bias), on: execution) }
        }
        return (request.isNormalized ? try execution.norm(norm, x, Epilogue(result: .f32)) : x, nil)
    }

    /// What the places of queries and keys add to the scores, f32 `[1, heads, T, T]`.
    private func places(_ length: Int) throws -> Tensor {
        let (heads, table) = (configuration.heads, try distances.floats())
        let bias = try Tensor(uninitialized: [1, heads, length, length])
        // A number for each distance from -(T - 1) to T - 1.
        let rows = (1 - length..<length).map { Self.bucket($0, configuration) * heads }
        try bias.withElements(Float.self) { values in
            for head in 0..<heads {
                for query in 0..<length {
                    for key in 0..<length {
                        values[(head * length + query) * length + key] = table[rows[key - query + length - 1] + head]
                    }
                }
            }
        }
        return bias
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
    private func hiding(_ padding: Tensor, _ places: Tensor) throws -> Tensor {
        let (texts, length) = (padding.shape[0], padding.shape[1])
        let marks = try padding.contiguous().array(Int64.self)
        let result = try Tensor(uninitialized: [texts] + places.shape.dropFirst())
        try places.withElements(Float.self) { places in
            try result.withElements(Float.self) { values in
                for text in 0..<texts {
                    for index in places.indices {
                        let isSeen = marks[text * length + index % length] != 0
                        values[text * places.count + index] = isSeen ? places[index] : -.greatestFiniteMagnitude
                    }
                }
            }
        }
        return result
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

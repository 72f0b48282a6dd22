import Engine
import Tensors

/// A causal language model: from the tokens of a text to scores of the token that follows each of them.
public protocol CausalNetwork: AnyObject {
    /// Every parameter, under transformers' names.
    var parameters: ParameterScope { get }
    /// How many ids have a score.
    var vocabularySize: Int { get }
    /// Channels of a token.
    var width: Int { get }
    /// The longest text.
    var positions: Int { get }
    /// How many layers have keys and values.
    var layerCount: Int { get }
    /// What a user should know of its configuration.
    var notes: [String] { get }
    /// Vectors f32 `[N, T, C]` of ids i64 `[N, T]`, as the first layer reads them.
    /// - Throws: `TensorError.index` for an id that is not in the table.
    func embed<E: Execution>(_ ids: Tensor, on execution: E) throws -> E.Value
    /// The states behind the last normalisation, f32 `[N, T, C]`, of vectors of the same shape, whose memory they may take; of
    /// `next` the last token's alone, `[1, 1, C]`.
    /// - Parameter passage: how the tokens lie in their texts.
    func states<E: Execution>(_ x: E.Value, _ passage: Passage<E>, on execution: E) throws -> E.Value
    /// Scores f32 `[N, T, vocabularySize]` of states.
    func logits<E: Execution>(_ states: E.Value, on execution: E) throws -> E.Value
}

/// The sizes of a causal network, as its file says them.
public protocol CausalConfiguration {
    /// How many ids have a score.
    var vocabularySize: Int { get }
    /// Channels of a token.
    var hiddenSize: Int { get }
    /// The longest text.
    var positions: Int { get }
    /// How many layers have keys and values.
    var layers: Int { get }
    /// What a user should know of it.
    var notes: [String] { get }
}

/// A causal network whose sizes are those of its configuration.
public protocol ConfiguredCausalNetwork: CausalNetwork {
    associatedtype Configuration: CausalConfiguration
    /// The sizes.
    var configuration: Configuration { get }
}

extension ConfiguredCausalNetwork {
    /// How many ids have a score.
    public var vocabularySize: Int { configuration.vocabularySize }
    /// Channels of a token.
    public var width: Int { configuration.hiddenSize }
    /// The longest text.
    public var positions: Int { configuration.positions }
    /// How many layers have keys and values.
    public var layerCount: Int { configuration.layers }
    /// What a user should know of its configuration.
    public var notes: [String] { configuration.notes }
}

/// How the tokens of a pass lie in their texts.
public enum Passage<E: Execution> {
    /// Whole texts `[N, T, C]`; nothing is kept of them.
    case whole
    /// The next tokens of one text, `[1, T, C]`, of which the last one's state alone is asked for: in the last layer the others
    /// are keys and values only.
    case next(TextCache<E>)
    /// The next token of each of several texts, `[1, texts, C]`: all of them share one read of the weights.
    case step([TextCache<E>])

    /// Attention of the pass's tokens to those before them.
    /// - Parameter index: the layer's, from 0.
    public func attention(
        _ layer: Attention, _ index: Int, query: E.Value, key: E.Value, value: E.Value, on execution: E
    ) throws -> E.Value {
        switch self {
        case .whole: return try execution.attention(layer, query: query, key: key, value: value, mask: .causal)
        case .next(let text):
            return try execution.attention(
                layer, query: query, key: key, value: value, mask: .causal, cache: text.layers[index])
        case .step(let texts):
            let parts = try texts.indices.map { place in
                func own(_ x: E.Value) throws -> E.Value { try execution.narrow(x, axis: 1, place..<place + 1) }
                return try execution.attention(
                    layer, query: own(query), key: own(key), value: own(value), mask: .causal,
                    cache: texts[place].layers[index])
            }
            return try parts.count == 1 ? parts[0] : execution.concatenate(parts, axis: 1)
        }
    }

    /// Of `x`, tokens along `axis`, those whose states a layer's result is wanted of.
    /// - Parameter index: the layer's, from 0.
    public func wanted(_ x: E.Value, axis: Int = 1, of index: Int, on execution: E) throws -> E.Value {
        guard case .next(let text) = self, index == text.layers.count - 1 else { return x }
        return try execution.narrow(x, axis: axis, x.shape[axis] - 1..<x.shape[axis])
    }

    /// Cosines and sines of the tokens' places, f32 `[T, rotated]`.
    /// - Parameter count: the tokens of a text, or for `step` the texts.
    public func angles(_ rotary: Rotary, base: Double, count: Int, of owner: AnyObject, on execution: E) throws
        -> E.Value
    {
        switch self {
        case .whole: return try execution.table(owner, [count]) { try rotary.table(0..<count, base: base) }
        case .next(let text):
            let start = text.length
            return try execution.value(rotary.table(start..<start + count, base: base))
        case .step(let texts): return try execution.value(rotary.table(at: texts.map(\.length), base: base))
        }
    }
}

/// Keys and values of a text so far, a cache a layer.
public final class TextCache<E: Execution> {
    let layers: [E.Cache]

    /// An empty one, for a network of so many layers.
    public init(layers count: Int, on execution: E) throws {
        layers = try (0..<count).map { _ in try execution.cache() }
    }

    /// How many tokens the text has so far.
    public var length: Int { layers.first?.length ?? 0 }
}

/// A layer of a causal network.
protocol CausalLayer: AnyObject {
    /// f32 `[N, T, C]` for the same, whose memory the result may take; for those tokens that the passage wants of this layer.
    /// - Parameters:
    ///   - index: the layer's, from 0.
    ///   - angles: the cosines and sines of the tokens' places.
    func forward<E: Execution>(
        _ x: E.Value, _ passage: Passage<E>, _ index: Int, _ rotary: Rotary, _ angles: E.Value, on execution: E
    ) throws -> E.Value
}

/// What causal networks have in common: a table of tokens, layers of one kind that turn heads by their places, and a head.
final class CausalStack<Layer: CausalLayer> {
    private let tokens: Embedding
    private let rotary: Rotary
    private let rotaryBase: Double
    private let layers: [Layer]
    private let head: Linear

    /// - Parameter head: nil is the table of tokens.
    init(tokens: Embedding, rotary: Rotary, rotaryBase: Double, layers: [Layer], head: Linear?) {
        self.tokens = tokens
        self.rotary = rotary
        self.rotaryBase = rotaryBase
        self.layers = layers
        self.head = head ?? Linear(sharing: tokens.weight, takesFewRows: true)
    }

    /// Vectors of ids, f32.
    func embed<E: Execution>(_ ids: Tensor, on execution: E) throws -> E.Value {
        try execution.convert(execution.embedding(tokens, ids), .f32)
    }

    /// The states behind the last layer, f32 `[N, T, C]`.
    func states<E: Execution>(_ x: E.Value, _ passage: Passage<E>, on execution: E) throws -> E.Value {
        let angles = try passage.angles(rotary, base: rotaryBase, count: x.shape[1], of: self, on: execution)
        var x = x
        for (index, layer) in layers.enumerated() {
            x = try execution.block(layer, of: x) { [rotary] in
                try layer.forward($0, passage, index, rotary, angles, on: execution)
            }
        }
        return x
    }

    /// Scores of normalised states, f32 `[N, T, ids]`.
    func logits<E: Execution>(_ states: E.Value, on execution: E) throws -> E.Value {
        try execution.linear(head, states, Epilogue(result: .f32))
    }
}

/// What the layers of Llama's kind are made of.
struct GatedFeedForward {
    private let gate, up, down: Linear
    private let unit: GatedUnit

    /// Parameters `gate_proj`, `up_proj` and `down_proj`.
    init(
        _ scope: ParameterScope, width: Int, inner: Int, _ activation: Activation, hasBias: Bool = false,
        takesFewRows: Bool
    ) {
        gate = Linear(scope["gate_proj"], inputs: width, outputs: inner, hasBias: hasBias, takesFewRows: takesFewRows)
        up = Linear(scope["up_proj"], inputs: width, outputs: inner, hasBias: hasBias, takesFewRows: takesFewRows)
        down = Linear(scope["down_proj"], inputs: inner, outputs: width, hasBias: hasBias, takesFewRows: takesFewRows)
        unit = GatedUnit(activation, activatesSecond: false)
    }

    /// `[N, T, C]` for the same.
    func forward<E: Execution>(_ x: E.Value, _ epilogue: Epilogue<E.Value>, on execution: E) throws -> E.Value {
        let hidden = try execution.gate(unit, execution.linear(gate, x), execution.linear(up, x))
        return try execution.linear(down, hidden, epilogue)
    }
}

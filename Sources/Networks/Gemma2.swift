import Engine
import Foundation
import Tensors

/// Gemma 2 (Gemma Team, 2024) as transformers' `Gemma2Model` computes it: grouped heads, rotary places, four normalisations
/// a layer, and in every other layer a window. The residual stream is f32 in both dtypes.
public final class Gemma2Network: TextNetwork, CausalNetwork {
    /// The sizes.
    public let configuration: Gemma2Configuration
    /// Whether it is a language model's, whose parameters' names begin with `model.`.
    public let isCausal: Bool
    /// Every parameter, under transformers' names; those of a text encoder are without `model.`.
    public let parameters: ParameterScope
    private let tokens: Embedding
    private let rotary: Rotary
    private let layers: [Gemma2Layer]
    private let norm: RMSNorm
    private let head: Linear

    /// The network without weights; fill `parameters` before the first pass.
    /// - Parameters:
    ///   - bendsScores: whether the cap of the configuration bends the scores of attention, as in training.
    ///   transformers 4.50 takes PyTorch's fused attention where nothing else is asked for, which knows no cap.
    ///   - isCausal: whether the names of all parameters begin with `model.`.
    public init(_ configuration: Gemma2Configuration, bendsScores: Bool = false, isCausal: Bool = false) throws {
        let root = ParameterScope()
        let scope = isCausal ? root["model"] : root
        self.configuration = configuration
        self.isCausal = isCausal
        parameters = root
        tokens = Embedding(
            scope["embed_tokens"], count: configuration.vocabularySize, channels: configuration.hiddenSize)
        rotary = try Rotary(headSize: configuration.headSize)
        layers = try (0..<configuration.layers).map {
            try Gemma2Layer(
                scope["layers"][$0], configuration, isWindowed: $0 % 2 == 0,
                softCap: bendsScores ? configuration.softCap : nil, takesFewRows: isCausal)
        }
        norm = RMSNorm(
            scope["norm"], channels: configuration.hiddenSize, epsilon: configuration.epsilon, addsOne: true)
        head = Linear(sharing: tokens.weight, takesFewRows: isCausal)
    }

    /// Channels of a token.
    public var width: Int { configuration.hiddenSize }
    /// The longest sequence.
    public var positions: Int { configuration.positions }
    /// It has none.
    public var pooledWidth: Int? { nil }
    /// What a user should know of its configuration.
    public var notes: [String] { configuration.notes }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`; a token sees those up to its own place. See
    /// `TextNetwork`.
    public func encode<E: Execution>(
        _ ids: Tensor, padding: Tensor?, _ request: TextRequest, on execution: E
    ) throws -> (states: E.Value, pooled: E.Value?) {
        try TextInput.check(ids, positions: positions)
        try request.refusePooled()
        let kept = try request.layers(of: layers.count)
        let length = ids.shape[1]
        let angles = try execution.table(self, [length]) {
            try rotary.table(0..<length, base: configuration.rotaryBase)
        }
        var masks: (near: Mask<E.Value>, far: Mask<E.Value>) = (.causal, .causal)
        if let padding {
            let far = Mask<E.Value>.bias(try execution.value(AttentionBias.of(padding, isCausal: true)))
            masks = (far, far)
            if length > configuration.window {
                masks.near = .bias(
                    try execution.value(
                        AttentionBias.of(padding, isCausal: true, window: configuration.window)))
            }
        }
        var x = try embed(ids, on: execution)
        for layer in layers.prefix(kept) {
            x = try execution.block(layer) {
                try layer.forward(x, rotary, angles, on: execution) { x, _ in
                    x
                } attend: { attention, query, key, value in
                    try execution.attention(
                        attention, query: query, key: key, value: value,
                        mask: layer.isWindowed ? masks.near : masks.far)
                }
            }
        }
        return (request.isNormalized ? try execution.norm(norm, x, Epilogue(result: .f32)) : x, nil)
    }

    /// How many ids have a score.
    public var vocabularySize: Int { configuration.vocabularySize }
    /// How many layers have keys and values.
    public var layerCount: Int { layers.count }

    /// Vectors of ids, times the root of their size.
    public func embed<E: Execution>(_ ids: Tensor, on execution: E) throws -> E.Value {
        let root = Float(Double(configuration.hiddenSize).squareRoot())
        let x = try execution.convert(execution.embedding(tokens, ids), .f32)
        return try execution.affine(x, factor: execution.dtype == .bf16 ? BFloat16(root).float : root, summand: 0)
    }

    /// The states behind the last normalisation; see `CausalNetwork`.
    public func states<E: Execution>(_ x: E.Value, _ passage: Passage<E>, on execution: E) throws -> E.Value {
        let angles = try passage.angles(
            rotary, base: configuration.rotaryBase, count: x.shape[1], of: self, on: execution)
        var x = x
        for (index, layer) in layers.enumerated() {
            x = try execution.block(layer, of: x) { [rotary] in
                try layer.forward($0, rotary, angles, on: execution) { x, axis in
                    try passage.wanted(x, axis: axis, of: index, on: execution)
                } attend: { attention, query, key, value in
                    try passage.attention(attention, index, query: query, key: key, value: value, on: execution)
                }
            }
        }
        return try execution.norm(norm, x, Epilogue(result: .f32))
    }

    /// Scores of states by the table of tokens, bent where the configuration says so.
    public func logits<E: Execution>(_ states: E.Value, on execution: E) throws -> E.Value {
        let scores = try execution.linear(head, states, Epilogue(result: .f32))
        guard let cap = configuration.scoreCap.map({ Float($0) }) else { return scores }
        let bent = try execution.activation(.tanh, execution.affine(scores, factor: 1 / cap, summand: 0))
        return try execution.affine(bent, factor: cap, summand: 0)
    }
}

/// A layer of Gemma 2: attention and a gated feed-forward part, each normalised before and after.
private final class Gemma2Layer {
    /// Whether a query sees the keys of a window only.
    let isWindowed: Bool
    private let before, after, beforeMLP, afterMLP: RMSNorm
    private let query, key, value, output: Linear
    private let attention: Attention
    private let feedForward: GatedFeedForward

    init(
        _ scope: ParameterScope, _ configuration: Gemma2Configuration, isWindowed: Bool, softCap: Double?,
        takesFewRows: Bool
    ) throws {
        let (width, inner) = (configuration.hiddenSize, configuration.heads * configuration.headSize)
        let own = scope["self_attn"]
        func norm(_ name: String) -> RMSNorm {
            RMSNorm(scope[name], channels: width, epsilon: configuration.epsilon, addsOne: true)
        }
        func projection(_ name: String, _ inputs: Int, _ outputs: Int) -> Linear {
            Linear(
                own[name], inputs: inputs, outputs: outputs, hasBias: configuration.hasBias, takesFewRows: takesFewRows)
        }
        self.isWindowed = isWindowed
        query = projection("q_proj", width, inner)
        key = projection("k_proj", width, configuration.keyHeads * configuration.headSize)
        value = projection("v_proj", width, configuration.keyHeads * configuration.headSize)
        output = projection("o_proj", inner, width)
        attention = try Attention(
            channels: inner, heads: configuration.heads, keyHeads: configuration.keyHeads,
            scale: Float(1 / configuration.queryScale.squareRoot()), softCap: softCap.map { Float($0) },
            window: isWindowed ? configuration.window : nil)
        feedForward = GatedFeedForward(
            scope["mlp"], width: width, inner: configuration.mlpSize, configuration.activation,
            takesFewRows: takesFewRows)
        before = norm("input_layernorm")
        after = norm("post_attention_layernorm")
        beforeMLP = norm("pre_feedforward_layernorm")
        afterMLP = norm("post_feedforward_layernorm")
    }

    /// f32 `[N, T, C]` for the same, whose memory the result may take; for those tokens that are wanted of this layer.
    /// - Parameters:
    ///   - wanted: of tokens along an axis those whose states the result is.
    ///   - attend: the attention of queries to keys and values.
    func forward<E: Execution>(
        _ x: E.Value, _ rotary: Rotary, _ angles: E.Value, on execution: E,
        wanted: (_ x: E.Value, _ axis: Int) throws -> E.Value,
        attend: (_ layer: Attention, _ query: E.Value, _ key: E.Value, _ value: E.Value) throws -> E.Value
    ) throws -> E.Value {
        let input = try execution.norm(before, x)
        let attended = try attend(
            attention,
            execution.rotary(rotary, execution.linear(query, wanted(input, 1)), table: wanted(angles, 0)),
            execution.rotary(rotary, execution.linear(key, input), table: angles), execution.linear(value, input))
        let closed = try execution.linear(output, attended, Epilogue(result: .f32))
        let middle = try execution.norm(after, closed, Epilogue(residual: .given(wanted(x, 1)), result: .f32))
        let shrunk = try feedForward.forward(
            execution.norm(beforeMLP, middle), Epilogue(result: .f32), on: execution)
        return try execution.norm(afterMLP, shrunk, Epilogue(residual: .given(middle), result: .f32))
    }
}

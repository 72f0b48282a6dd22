import Engine
import Tensors

/// CLIP's text model, as transformers' `CLIPTextModel` computes it. The residual stream is f32 in both dtypes.
public final class CLIPTextNetwork {
    /// The sizes.
    public let configuration: CLIPTextConfiguration
    /// Every parameter, under transformers' names without `text_model.`.
    public let parameters: ParameterScope
    private let tokens: Embedding
    private let positions: Parameter
    private let layers: [CLIPTextLayer]
    private let norm: LayerNorm

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: CLIPTextConfiguration) throws {
        let scope = ParameterScope()
        let embeddings = scope["embeddings"]
        let width = configuration.hiddenSize
        self.configuration = configuration
        parameters = scope
        tokens = Embedding(embeddings["token_embedding"], count: configuration.vocabularySize, channels: width)
        positions = embeddings["position_embedding"].parameter("weight", [configuration.positions, width])
        layers = try (0..<configuration.layers).map {
            try CLIPTextLayer(scope["encoder"]["layers"][$0], configuration)
        }
        norm = LayerNorm(scope["final_layer_norm"], channels: width, epsilon: configuration.layerNormEpsilon)
    }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`, counted from 0.
    /// - Parameters:
    ///   - skipping: how many of the last layers are left out: 0 gives `last_hidden_state`, 1 the penultimate layer's
    ///     `hidden_states[-2]`.
    ///   - isNormalized: whether the final layer normalisation follows, as it does for `last_hidden_state`.
    ///   - mask: which tokens a token sees; the model's own is `.causal`.
    /// - Throws: `TensorError` for other shapes, too long sequences, or ids that are not in the vocabulary.
    public func states<E: Execution>(
        _ ids: Tensor, skipping: Int = 0, isNormalized: Bool = true, mask: Mask<E.Value> = .causal, on execution: E
    ) throws -> E.Value {
        try TextInput.check(ids, positions: configuration.positions)
        guard (0..<layers.count).contains(skipping) else {
            throw TensorError.value(
                operation: "text encoder", message: "\(skipping) of \(layers.count) layers cannot be left out")
        }
        let vectors = try execution.embedding(tokens, ids)
        let places = try execution.narrow(execution.parameter(positions), axis: 0, 0..<ids.shape[1])
        var x = try execution.add(vectors, places, result: .f32)
        for layer in layers.dropLast(skipping) {
            try Cancellation.check()
            x = try layer.forward(x, mask, on: execution)
        }
        return isNormalized ? try execution.norm(norm, x, Epilogue(result: .f32)) : x
    }
}

/// A transformer layer of CLIP's text model: causal attention and a feed-forward part, each normalised before.
private final class CLIPTextLayer {
    private let norm1: LayerNorm
    private let norm2: LayerNorm
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let attention: Attention
    private let output: Linear
    private let expand: Linear
    private let shrink: Linear
    private let activation: Activation

    init(_ scope: ParameterScope, _ configuration: CLIPTextConfiguration) throws {
        let width = configuration.hiddenSize
        norm1 = LayerNorm(scope["layer_norm1"], channels: width, epsilon: configuration.layerNormEpsilon)
        norm2 = LayerNorm(scope["layer_norm2"], channels: width, epsilon: configuration.layerNormEpsilon)
        let projections = scope["self_attn"]
        query = Linear(projections["q_proj"], inputs: width, outputs: width)
        key = Linear(projections["k_proj"], inputs: width, outputs: width)
        value = Linear(projections["v_proj"], inputs: width, outputs: width)
        attention = try Attention(channels: width, heads: configuration.heads)
        output = Linear(projections["out_proj"], inputs: width, outputs: width)
        let hidden = configuration.mlpSize
        expand = Linear(scope["mlp"]["fc1"], inputs: width, outputs: hidden)
        shrink = Linear(scope["mlp"]["fc2"], inputs: hidden, outputs: width)
        activation = configuration.activation
    }

    /// `[N, T, C]` for `[N, T, C]`, f32, whose memory the result takes.
    func forward<E: Execution>(_ x: E.Value, _ mask: Mask<E.Value>, on execution: E) throws -> E.Value {
        let normalised = try execution.norm(norm1, x)
        let attended = try execution.attention(
            attention, query: execution.linear(query, normalised), key: execution.linear(key, normalised),
            value: execution.linear(value, normalised), mask: mask)
        let middle = try execution.linear(output, attended, Epilogue(residual: .given(x), result: .f32))
        let hidden = try execution.linear(expand, execution.norm(norm2, middle), Epilogue(activation: activation))
        return try execution.linear(shrink, hidden, Epilogue(residual: .given(middle), result: .f32))
    }
}

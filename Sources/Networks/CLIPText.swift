import Engine
import Tensors

/// CLIP's text model, as transformers' `CLIPTextModel` computes it. The residual stream is f32 in both dtypes.
public final class CLIPTextNetwork: TextNetwork {
    /// The sizes.
    public let configuration: CLIPTextConfiguration
    /// Every parameter, under transformers' names without `text_model.`.
    public let parameters: ParameterScope
    private let tokens: Embedding
    private let placeVectors: Parameter
    private let layers: [CLIPTextLayer]
    private let norm: LayerNorm
    private let projection: Linear?

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: CLIPTextConfiguration) throws {
        let scope = ParameterScope()
        let embeddings = scope["embeddings"]
        let width = configuration.hiddenSize
        self.configuration = configuration
        parameters = scope
        tokens = Embedding(embeddings["token_embedding"], count: configuration.vocabularySize, channels: width)
        placeVectors = embeddings["position_embedding"].parameter("weight", [configuration.positions, width])
        layers = try (0..<configuration.layers).map {
            try CLIPTextLayer(scope["encoder"]["layers"][$0], configuration)
        }
        norm = LayerNorm(scope["final_layer_norm"], channels: width, epsilon: configuration.layerNormEpsilon)
        projection = configuration.projectionSize.map {
            Linear(scope["text_projection"], inputs: width, outputs: $0, hasBias: false)
        }
    }

    /// Channels of a token.
    public var width: Int { configuration.hiddenSize }
    /// The longest sequence.
    public var positions: Int { configuration.positions }
    /// Channels of the vector of a text: those of the projection, where there is one.
    public var pooledWidth: Int? { configuration.projectionSize ?? configuration.hiddenSize }
    /// What a user should know of its configuration.
    public var notes: [String] { configuration.notes }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`; a token sees those up to its own place. The vector of a
    /// text is the last state of its end: `pooler_output`, or `text_embeds` of a model with a projection. See `TextNetwork`.
    public func encode<E: Execution>(
        _ ids: Tensor, padding: Tensor?, _ request: TextRequest, on execution: E
    ) throws -> (states: E.Value, pooled: E.Value?) {
        try TextInput.check(ids, positions: positions)
        let kept = try request.layers(of: layers.count)
        let mask = try AttentionBias.mask(padding, isCausal: true, on: execution)
        let vectors = try execution.embedding(tokens, ids)
        let places = try execution.narrow(execution.parameter(placeVectors), axis: 0, 0..<ids.shape[1])
        var x = try execution.add(vectors, places, result: .f32)
        for layer in layers.prefix(kept) {
            x = try execution.block(layer) { try layer.forward(x, mask, on: execution) }
        }
        func normalised() throws -> E.Value { try execution.norm(norm, x, Epilogue(result: .f32)) }
        guard request.isPooled else { return (request.isNormalized ? try normalised() : x, nil) }
        let states: E.Value
        if request.isNormalized {
            states = try normalised()
        } else {
            // A copy, as layers write over what they are given.
            states = request.skipping > 0 ? try execution.affine(x, factor: 1, summand: 0) : x
        }
        for layer in layers.dropFirst(kept) {
            x = try execution.block(layer) { try layer.forward(x, mask, on: execution) }
        }
        let last = request.isNormalized && request.skipping == 0 ? states : try normalised()
        return (states, try pooled(last, ids, on: execution))
    }

    /// The states of the texts' ends, through the projection where there is one, f32 `[N, P]`.
    private func pooled<E: Execution>(_ states: E.Value, _ ids: Tensor, on execution: E) throws -> E.Value {
        let (texts, length) = (ids.shape[0], ids.shape[1])
        let rows = try execution.reshape(states, [1, texts * length, width])
        let ends = try (0..<texts).map { text in
            let row = try ids.select(0, text).contiguous().array(Int64.self)
            let endID = configuration.endID
            let end = endID == 2 ? row.max().flatMap { row.firstIndex(of: $0) } : row.firstIndex(of: Int64(endID))
            // Where no end is found, transformers takes the first token.
            let place = text * length + (end ?? 0)
            return try execution.narrow(rows, axis: 1, place..<place + 1)
        }
        let vectors = try execution.reshape(execution.concatenate(ends, axis: 1), [texts, width])
        return try projection.map { try execution.linear($0, vectors, Epilogue(result: .f32)) } ?? vectors
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

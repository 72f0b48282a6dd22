import Engine
import Tensors

/// BERT (Devlin et al., 2018) as transformers' `BertModel` computes it, with the projection of BioViL-T's
/// `CXRBertModel` where the configuration has one. Without a mask every token attends to every token, padding included, as
/// in RadEdit's pipeline. The residual stream is f32 in both dtypes.
public final class BERTTextNetwork: TextNetwork {
    /// The sizes.
    public let configuration: BERTTextConfiguration
    /// Every parameter, under transformers' names without `bert.`.
    public let parameters: ParameterScope
    private let tokens: Embedding
    private let placeVectors: Parameter
    private let types: Parameter
    private let norm: LayerNorm
    private let layers: [BERTTextLayer]
    private let projection: BERTProjection?

    /// The network without weights; fill `parameters` before the first pass.
    /// - Parameter scope: where its parameters are declared, for a network that it is a part of.
    public init(_ configuration: BERTTextConfiguration, in scope: ParameterScope = ParameterScope()) throws {
        let embeddings = scope["embeddings"]
        let width = configuration.hiddenSize
        self.configuration = configuration
        parameters = scope
        tokens = Embedding(embeddings["word_embeddings"], count: configuration.vocabularySize, channels: width)
        placeVectors = embeddings["position_embeddings"].parameter("weight", [configuration.positions, width])
        types = embeddings["token_type_embeddings"].parameter("weight", [configuration.tokenTypes, width])
        norm = LayerNorm(embeddings["LayerNorm"], channels: width, epsilon: configuration.layerNormEpsilon)
        layers = try (0..<configuration.layers).map {
            try BERTTextLayer(scope["encoder"]["layer"][$0], configuration)
        }
        projection = configuration.projectionSize.map {
            BERTProjection(scope["cls_projection_head"], configuration, outputs: $0)
        }
    }

    /// Channels of a token.
    public var width: Int { configuration.hiddenSize }
    /// The longest sequence.
    public var positions: Int { configuration.positions }
    /// Channels of `CXRBertModel`'s embedding of a text.
    public var pooledWidth: Int? { configuration.projectionSize }
    /// What a user should know of its configuration.
    public var notes: [String] { configuration.notes }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`; see `TextNetwork`. Every layer ends with its own
    /// normalisation. The vector of a text is `CXRBertModel`'s embedding: the first token's last state through the projection
    /// head, not normalised.
    public func encode<E: Execution>(
        _ ids: Tensor, padding: Tensor?, _ request: TextRequest, on execution: E
    ) throws -> (states: E.Value, pooled: E.Value?) {
        let mask = try AttentionBias.mask(padding, isCausal: false, on: execution)
        return try encode(ids, mask: mask, request, on: execution)
    }

    /// As the other `encode`, with any mask.
    public func encode<E: Execution>(
        _ ids: Tensor, mask: Mask<E.Value>, _ request: TextRequest = .last, on execution: E
    ) throws -> (states: E.Value, pooled: E.Value?) {
        try TextInput.check(ids, positions: positions)
        let kept = try request.layers(of: layers.count)
        if projection == nil { try request.refusePooled() }
        var x = try execution.norm(norm, embed(ids, on: execution), Epilogue(result: .f32))
        for layer in layers.prefix(kept) {
            x = try execution.block(layer) { try layer.forward(x, mask, on: execution) }
        }
        guard request.isPooled, let projection else { return (x, nil) }
        // A copy, as layers write over what they are given.
        let states = request.skipping > 0 ? try execution.affine(x, factor: 1, summand: 0) : x
        for layer in layers.dropFirst(kept) {
            x = try execution.block(layer) { try layer.forward(x, mask, on: execution) }
        }
        let first = try execution.reshape(execution.narrow(x, axis: 1, 0..<1), [ids.shape[0], width])
        return (states, try projection.forward(first, on: execution))
    }

    /// Words, places and the first token type, f32.
    private func embed<E: Execution>(_ ids: Tensor, on execution: E) throws -> E.Value {
        let vectors = try execution.embedding(tokens, ids)
        let type = try execution.narrow(execution.parameter(types), axis: 0, 0..<1)
        let places = try execution.narrow(execution.parameter(placeVectors), axis: 0, 0..<ids.shape[1])
        return try execution.add(vectors, execution.add(places, type), result: .f32)
    }
}

/// A transformer layer of BERT: attention and a feed-forward part, each normalised after its residual.
private final class BERTTextLayer {
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let attention: Attention
    private let output: Linear
    private let norm1: LayerNorm
    private let expand: Linear
    private let shrink: Linear
    private let norm2: LayerNorm
    private let activation: Activation

    init(_ scope: ParameterScope, _ configuration: BERTTextConfiguration) throws {
        let width = configuration.hiddenSize
        let epsilon = configuration.layerNormEpsilon
        let projections = scope["attention"]["self"]
        query = Linear(projections["query"], inputs: width, outputs: width)
        key = Linear(projections["key"], inputs: width, outputs: width)
        value = Linear(projections["value"], inputs: width, outputs: width)
        attention = try Attention(channels: width, heads: configuration.heads)
        let closing = scope["attention"]["output"]
        output = Linear(closing["dense"], inputs: width, outputs: width)
        norm1 = LayerNorm(closing["LayerNorm"], channels: width, epsilon: epsilon)
        let hidden = configuration.mlpSize
        activation = configuration.activation
        expand = Linear(scope["intermediate"]["dense"], inputs: width, outputs: hidden)
        shrink = Linear(scope["output"]["dense"], inputs: hidden, outputs: width)
        norm2 = LayerNorm(scope["output"]["LayerNorm"], channels: width, epsilon: epsilon)
    }

    /// `[N, T, C]` for `[N, T, C]`, f32, whose memory the result takes.
    func forward<E: Execution>(_ x: E.Value, _ mask: Mask<E.Value>, on execution: E) throws -> E.Value {
        let input = try execution.convert(x, execution.dtype)
        let attended = try execution.attention(
            attention, query: execution.linear(query, input), key: execution.linear(key, input),
            value: execution.linear(value, input), mask: mask)
        let closed = try execution.linear(output, attended, Epilogue(residual: .given(x), result: .f32))
        let middle = try execution.norm(norm1, closed, Epilogue(result: .f32))
        let hidden = try execution.linear(expand, middle, Epilogue(activation: activation))
        let shrunk = try execution.linear(shrink, hidden, Epilogue(residual: .given(middle), result: .f32))
        return try execution.norm(norm2, shrunk, Epilogue(result: .f32))
    }
}

/// The projection head of `CXRBertModel`: linear, GELU, layer normalisation, linear.
private final class BERTProjection {
    private let dense1: Linear
    private let norm: LayerNorm
    private let dense2: Linear

    init(_ scope: ParameterScope, _ configuration: BERTTextConfiguration, outputs: Int) {
        dense1 = Linear(scope["dense_to_hidden"], inputs: configuration.hiddenSize, outputs: outputs)
        norm = LayerNorm(scope["LayerNorm"], channels: outputs, epsilon: 1e-12)
        dense2 = Linear(scope["dense_to_output"], inputs: outputs, outputs: outputs)
    }

    /// `[N, outputs]` f32 for `[N, C]`.
    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let hidden = try execution.linear(dense1, x, Epilogue(activation: .gelu))
        return try execution.linear(dense2, execution.norm(norm, hidden), Epilogue(result: .f32))
    }
}

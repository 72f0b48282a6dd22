import Checkpoints
import NetKernels
import NeuralNet
import Tensors

/// BERT (Devlin et al., 2018) as transformers' `BertModel` computes it, with the projection of BioViL-T's
/// `CXRBertModel` where the configuration has one. There is no attention mask: every token attends to every token,
/// padding included, as in RadEdit's pipeline. The residual stream is f32 in both dtypes.
public final class BERTTextNetwork {
    /// The sizes.
    public let configuration: BERTTextConfiguration
    /// Every parameter, under transformers' names without `bert.`.
    public let parameters: ParameterScope
    private let tokens: Embedding
    private let positions: Parameter
    private let types: Parameter
    private let norm: LayerNorm
    private let layers: [BERTTextLayer]
    private let projection: BERTProjection?
    private let places = OnceCache<Int, [Float]>()

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: BERTTextConfiguration) throws {
        let scope = ParameterScope()
        let embeddings = scope["embeddings"]
        let width = configuration.hiddenSize
        self.configuration = configuration
        parameters = scope
        tokens = Embedding(embeddings["word_embeddings"], count: configuration.vocabularySize, channels: width)
        positions = embeddings["position_embeddings"].parameter("weight", [configuration.positions, width])
        types = embeddings["token_type_embeddings"].parameter("weight", [configuration.tokenTypes, width])
        norm = LayerNorm(embeddings["LayerNorm"], channels: width, epsilon: configuration.layerNormEpsilon)
        layers = try (0..<configuration.layers).map {
            try BERTTextLayer(scope["encoder"]["layer"][$0], configuration)
        }
        projection = configuration.projectionSize.map {
            BERTProjection(scope["cls_projection_head"], configuration, outputs: $0)
        }
    }

    /// Fills the parameters from a checkpoint: with or without the prefix `bert.`, with the old names `gamma` and
    /// `beta`; the heads of pre-training and position ids may stand beside them.
    /// - Throws: `CheckpointError.mismatch`, and what reading a tensor throws.
    public func load(_ checkpoint: Checkpoint) throws {
        let endings = [".gamma": ".weight", ".beta": ".bias"]
        let renamed = try checkpoint.renamed { name in
            var name = name.hasPrefix("bert.") ? String(name.dropFirst("bert.".count)) : name
            for (old, new) in endings where name.hasSuffix("LayerNorm" + old) { name = name.dropLast(old.count) + new }
            return name
        }
        let hasProjection = projection != nil
        try parameters.load(renamed) { name in
            name == "embeddings.position_ids" || name.hasPrefix("cls.") || name.hasPrefix("pooler.")
                || (!hasProjection && name.hasPrefix("cls_projection_head."))
        }
    }

    /// The states of the tokens after the last layer, f32 `[N, T, C]`, of ids i64 `[N, T]`, counted from 0.
    /// - Throws: `TensorError` for other shapes, too long sequences, or ids that are not in the vocabulary.
    public func states(_ ids: Tensor, _ context: Context) throws -> Tensor {
        guard ids.dtype == .i64, ids.rank == 2, ids.count > 0, ids.shape[1] <= configuration.positions else {
            throw TensorError.shape(
                operation: "text encoder",
                message:
                    "wanted ids i64 [N, up to \(configuration.positions)], got \(ids.dtype) \(Tensor.text(ids.shape))")
        }
        var x = try norm.forward(embed(ids, context), result: .f32, context)
        for layer in layers {
            try Cancellation.check()
            x = try layer.forward(x, context)
        }
        return x
    }

    /// `CXRBertModel`'s embedding of each text, f32 `[N, projection]`: the first token's state through the projection
    /// head; not normalised.
    /// - Throws: `TensorError.value` where the model has no projection, `.shape` for other states.
    public func projected(_ states: Tensor, _ context: Context) throws -> Tensor {
        guard let projection else {
            throw TensorError.value(operation: "text encoder", message: "this model has no projection")
        }
        guard states.rank == 3, states.dtype == .f32, states.shape[2] == configuration.hiddenSize,
            states.shape[1] > 0
        else {
            throw TensorError.shape(
                operation: "text encoder", message: "\(Tensor.text(states.shape)) are not the states of this model")
        }
        let first = try states.select(1, 0).contiguous()
        return try projection.forward(context.converted(first, context.dtype), context)
    }

    /// Words, places and the first token type, f32.
    private func embed(_ ids: Tensor, _ context: Context) throws -> Tensor {
        let vectors = try context.converted(tokens.forward(ids, context), .f32)
        let width = configuration.hiddenSize
        let table = try places.value(0) {
            let type = try types.floats()
            return try positions.floats().enumerated().map { $1 + type[$0 % width] }
        }
        let count = ids.shape[1] * width
        let result = try context.tensor(vectors.shape, .f32)
        table.withUnsafeBytes { table in
            guard let table = table.baseAddress else { return }
            for text in 0..<ids.shape[0] {
                let offset = text * count * 4
                NetElementwise.sum(
                    vectors.pointer + offset, .f32, table, .f32, result.pointer + offset, .f32, count: count)
            }
        }
        return result
    }
}

/// A transformer layer of BERT: attention and a feed-forward part, each normalised after its residual.
private final class BERTTextLayer: Module {
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let attention: ScaledDotProductAttention
    private let output: Linear
    private let norm1: LayerNorm
    private let expand: Linear
    private let shrink: Linear
    private let norm2: LayerNorm

    init(_ scope: ParameterScope, _ configuration: BERTTextConfiguration) throws {
        let width = configuration.hiddenSize
        let epsilon = configuration.layerNormEpsilon
        let projections = scope["attention"]["self"]
        query = Linear(projections["query"], inputs: width, outputs: width)
        key = Linear(projections["key"], inputs: width, outputs: width)
        value = Linear(projections["value"], inputs: width, outputs: width)
        attention = try ScaledDotProductAttention("attention", channels: width, heads: configuration.heads)
        let closing = scope["attention"]["output"]
        output = Linear(closing["dense"], inputs: width, outputs: width, result: .f32)
        norm1 = LayerNorm(closing["LayerNorm"], channels: width, epsilon: epsilon)
        let hidden = configuration.mlpSize
        expand = Linear(
            scope["intermediate"]["dense"], inputs: width, outputs: hidden, activation: configuration.activation)
        shrink = Linear(scope["output"]["dense"], inputs: hidden, outputs: width, result: .f32)
        norm2 = LayerNorm(scope["output"]["LayerNorm"], channels: width, epsilon: epsilon)
    }

    /// `[N, T, C]` for `[N, T, C]`, f32.
    func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        let input = try context.converted(x, context.dtype)
        let attended = try attention.forward(
            query: query.forward(input, context), key: key.forward(input, context),
            value: value.forward(input, context), context)
        let middle = try norm1.forward(output.forward(attended, addingTo: x, context), result: .f32, context)
        let hidden = try expand.forward(context.converted(middle, context.dtype), context)
        return try norm2.forward(shrink.forward(hidden, addingTo: middle, context), result: .f32, context)
    }
}

/// The projection head of `CXRBertModel`: linear, GELU, layer normalisation, linear.
private final class BERTProjection {
    private let dense1: Linear
    private let norm: LayerNorm
    private let dense2: Linear

    init(_ scope: ParameterScope, _ configuration: BERTTextConfiguration, outputs: Int) {
        dense1 = Linear(
            scope["dense_to_hidden"], inputs: configuration.hiddenSize, outputs: outputs, activation: .gelu)
        norm = LayerNorm(scope["LayerNorm"], channels: outputs, epsilon: 1e-12)
        dense2 = Linear(scope["dense_to_output"], inputs: outputs, outputs: outputs, result: .f32)
    }

    /// `[N, outputs]` f32 for `[N, C]` in the context's dtype.
    func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        try dense2.forward(norm.forward(dense1.forward(x, context), context), context)
    }
}

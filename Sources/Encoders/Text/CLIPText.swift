import Checkpoints
import NetKernels
import NeuralNet
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
    private let positionTable = OnceCache<Int, [Float]>()

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

    /// Fills the parameters from a checkpoint: with or without the prefix `text_model.`; position ids and the other
    /// parts of a whole CLIP model may stand beside them.
    /// - Throws: `CheckpointError.mismatch`, and what reading a tensor throws.
    public func load(_ checkpoint: Checkpoint) throws {
        let prefix = "text_model."
        let others = ["vision_model.", "visual_projection.", "text_projection.", "logit_scale"]
        let renamed = try checkpoint.renamed { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 }
        try parameters.load(renamed) { name in
            name == "embeddings.position_ids" || others.contains { name.hasPrefix($0) }
        }
    }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`, counted from 0.
    /// - Parameters:
    ///   - skipping: how many of the last layers are left out: 0 gives `last_hidden_state`, 1 the penultimate layer's
    ///     `hidden_states[-2]`.
    ///   - isNormalized: whether the final layer normalisation follows, as it does for `last_hidden_state`.
    /// - Throws: `TensorError` for other shapes, too long sequences, or ids that are not in the vocabulary.
    public func states(
        _ ids: Tensor, skipping: Int = 0, isNormalized: Bool = true, _ context: Context
    ) throws -> Tensor {
        guard ids.dtype == .i64, ids.rank == 2, ids.count > 0, ids.shape[1] <= configuration.positions else {
            throw TensorError.shape(
                operation: "text encoder",
                message:
                    "wanted ids i64 [N, up to \(configuration.positions)], got \(ids.dtype) \(Tensor.text(ids.shape))")
        }
        guard (0..<layers.count).contains(skipping) else {
            throw TensorError.value(
                operation: "text encoder", message: "\(skipping) of \(layers.count) layers cannot be left out")
        }
        var x = try embed(ids, context)
        for layer in layers.dropLast(skipping) {
            try Cancellation.check()
            x = try layer.forward(x, context)
        }
        return isNormalized ? try norm.forward(x, result: .f32, context) : x
    }

    /// The state of each text's end, f32 `[N, C]`: transformers' `pooler_output` for normalised states of these ids.
    public func pooled(_ states: Tensor, _ ids: Tensor) throws -> Tensor {
        guard states.rank == 3, ids.rank == 2, states.dtype == .f32, states.shape[0] == ids.shape[0],
            states.shape[1] == ids.shape[1], states.isContiguous
        else {
            throw TensorError.shape(
                operation: "text encoder",
                message: "states \(Tensor.text(states.shape)) do not match ids \(Tensor.text(ids.shape))")
        }
        let (length, width) = (ids.shape[1], states.shape[2])
        let result = try Tensor(uninitialized: [ids.shape[0], width])
        let values = try ids.array(Int64.self)
        for text in 0..<ids.shape[0] {
            let row = values[text * length..<(text + 1) * length]
            let end: Int?
            if configuration.endID == 2 {
                end = row.max().flatMap { row.firstIndex(of: $0) }
            } else {
                end = row.firstIndex(of: Int64(configuration.endID))
            }
            // Where no end is found, transformers takes the first token.
            let place = end ?? row.startIndex
            (result.pointer + text * width * 4).copyMemory(
                from: states.pointer + place * width * 4, byteCount: width * 4)
        }
        return result
    }

    /// Tokens and positions, f32.
    private func embed(_ ids: Tensor, _ context: Context) throws -> Tensor {
        let vectors = try context.converted(tokens.forward(ids, context), .f32)
        let table = try positionTable.value(0) { try positions.floats() }
        let count = ids.shape[1] * configuration.hiddenSize
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

/// A transformer layer of CLIP's text model: causal attention and a feed-forward part, each normalised before.
private final class CLIPTextLayer: Module {
    private let norm1: LayerNorm
    private let norm2: LayerNorm
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let attention: ScaledDotProductAttention
    private let output: Linear
    private let expand: Linear
    private let shrink: Linear

    init(_ scope: ParameterScope, _ configuration: CLIPTextConfiguration) throws {
        let width = configuration.hiddenSize
        norm1 = LayerNorm(scope["layer_norm1"], channels: width, epsilon: configuration.layerNormEpsilon)
        norm2 = LayerNorm(scope["layer_norm2"], channels: width, epsilon: configuration.layerNormEpsilon)
        let projections = scope["self_attn"]
        query = Linear(projections["q_proj"], inputs: width, outputs: width)
        key = Linear(projections["k_proj"], inputs: width, outputs: width)
        value = Linear(projections["v_proj"], inputs: width, outputs: width)
        attention = try ScaledDotProductAttention(
            "attention", channels: width, heads: configuration.heads, isCausal: true)
        output = Linear(projections["out_proj"], inputs: width, outputs: width, result: .f32)
        let hidden = configuration.mlpSize
        expand = Linear(scope["mlp"]["fc1"], inputs: width, outputs: hidden, activation: configuration.activation)
        shrink = Linear(scope["mlp"]["fc2"], inputs: hidden, outputs: width, result: .f32)
    }

    /// `[N, T, C]` for `[N, T, C]`, f32.
    func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        let normalised = try norm1.forward(x, context)
        let attended = try attention.forward(
            query: query.forward(normalised, context), key: key.forward(normalised, context),
            value: value.forward(normalised, context), context)
        let middle = try output.forward(attended, addingTo: x, context)
        return try shrink.forward(
            expand.forward(norm2.forward(middle, context), context), addingTo: middle, context)
    }
}

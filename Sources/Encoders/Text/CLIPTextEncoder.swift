import Checkpoints
import Engine
import Networks
import Tensors

/// CLIP's text model of a diffusers folder: `text_encoder` with its `config.json` and weights.
public final class CLIPTextEncoder: TextEncoder {
    /// How `TextEncoderRegistry` opens it.
    static let entry = NetworkEntry<any TextEncoder>(
        "clip-text", classes: ["clip_text_model", "clip"],
        parameters: { config in
            try CLIPTextNetwork(CLIPTextConfiguration(path: config)).parameters.parameters.map { ($0.name, $0.shape) }
        }, open: { try CLIPTextEncoder($0, dtype: $1) })

    /// The network.
    public let network: CLIPTextNetwork
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try CLIPTextNetwork(CLIPTextConfiguration(path: folder + "/config.json"))
        self.folder = try ModelFolder(folder, dtype: dtype)
        try Self.load(network, self.folder.checkpoint)
    }

    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    /// What a user should know of its configuration.
    public var notes: [String] { network.configuration.notes }
    /// Channels of a token.
    public var width: Int { network.configuration.hiddenSize }
    /// The longest sequence.
    public var positions: Int { network.configuration.positions }

    /// The last states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`: `last_hidden_state`.
    public func states(_ ids: Tensor, mask: Tensor?) throws -> Tensor { try states(ids, mask: mask, skipping: 0) }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`; see `CLIPTextNetwork.states`.
    public func states(
        _ ids: Tensor, mask: Tensor? = nil, skipping: Int, isNormalized: Bool = true
    ) throws -> Tensor {
        try folder.run(ids, mask: mask, States(network: network, skipping: skipping, isNormalized: isNormalized))
    }

    /// The state of each text's end, f32 `[N, C]`: transformers' `pooler_output` for normalised states of these ids.
    public func pooled(_ states: Tensor, _ ids: Tensor) throws -> Tensor {
        guard states.rank == 3, ids.rank == 2, states.dtype == .f32, states.shape[0] == ids.shape[0],
            states.shape[1] == ids.shape[1]
        else {
            throw TensorError.shape(
                operation: "text encoder",
                message: "states \(Tensor.text(states.shape)) do not match ids \(Tensor.text(ids.shape))")
        }
        let rows = try (0..<ids.shape[0]).map { text in
            let row = try ids.select(0, text).contiguous().array(Int64.self)
            let endID = network.configuration.endID
            let end =
                endID == 2 ? row.max().flatMap { row.firstIndex(of: $0) } : row.firstIndex(of: Int64(endID))
            // Where no end is found, transformers takes the first token.
            return try states.narrow(0, text, 1).select(1, end ?? 0)
        }
        return try Tensor.cat(rows, axis: 0)
    }

    /// Gives the memory of activations back, which the next pass takes again.
    public func releaseMemory() { folder.executor.releaseActivations() }

    private struct States: TextPass {
        let network: CLIPTextNetwork
        let skipping: Int
        let isNormalized: Bool

        func run<E: Execution>(_ ids: Tensor, padding: Tensor?, on execution: E) throws -> E.Value {
            let mask = try AttentionBias.mask(padding, isCausal: true, on: execution)
            return try network.states(
                ids, skipping: skipping, isNormalized: isNormalized, mask: mask, on: execution)
        }
    }

    /// Fills the parameters from a checkpoint: with or without the prefix `text_model.`; position ids and the other
    /// parts of a whole CLIP model may stand beside them.
    private static func load(_ network: CLIPTextNetwork, _ checkpoint: Checkpoint) throws {
        let prefix = "text_model."
        let others = ["vision_model.", "visual_projection.", "text_projection.", "logit_scale"]
        let renamed = try checkpoint.renamed { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 }
        try network.parameters.load(renamed) { name in
            name == "embeddings.position_ids" || others.contains { name.hasPrefix($0) }
        }
    }
}

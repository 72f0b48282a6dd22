import Checkpoints
import Engine
import Networks
import Tensors

/// BERT, or BioViL-T's text model, of a folder in transformers' layout: `config.json` and weights.
public final class BERTTextEncoder: TextEncoder {
    /// How `TextEncoderRegistry` opens it.
    static let entry = NetworkEntry<any TextEncoder>(
        "bert-text", classes: ["bert", "cxr-bert"],
        parameters: { config in
            try BERTTextNetwork(BERTTextConfiguration(path: config)).parameters.parameters.map { ($0.name, $0.shape) }
        }, open: { try BERTTextEncoder($0, dtype: $1) })

    /// The network.
    public let network: BERTTextNetwork
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try BERTTextNetwork(BERTTextConfiguration(path: folder + "/config.json"))
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

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`; without a mask padding counts.
    public func states(_ ids: Tensor, mask: Tensor?) throws -> Tensor {
        try folder.run(ids, mask: mask, Pass(network: network, isProjected: false))
    }

    /// BioViL-T's embedding of each text, f32 `[N, projection]`, of ids i64 `[N, T]`.
    /// - Throws: `TensorError.value` where the model has no projection.
    public func embeddings(_ ids: Tensor, mask: Tensor? = nil) throws -> Tensor {
        try folder.run(ids, mask: mask, Pass(network: network, isProjected: true))
    }

    /// Gives the memory of activations back, which the next pass takes again.
    public func releaseMemory() { folder.executor.releaseActivations() }

    private struct Pass: TextPass {
        let network: BERTTextNetwork
        let isProjected: Bool

        func run<E: Execution>(_ ids: Tensor, padding: Tensor?, on execution: E) throws -> E.Value {
            let mask = try AttentionBias.mask(padding, isCausal: false, on: execution)
            let states = try network.states(ids, mask: mask, on: execution)
            return isProjected ? try network.projected(states, on: execution) : states
        }
    }

    /// Fills the parameters from a checkpoint: with or without the prefix `bert.`, with the old names `gamma` and
    /// `beta`; the heads of pre-training and position ids may stand beside them.
    private static func load(_ network: BERTTextNetwork, _ checkpoint: Checkpoint) throws {
        let endings = [".gamma": ".weight", ".beta": ".bias"]
        let renamed = try checkpoint.renamed { name in
            var name = name.hasPrefix("bert.") ? String(name.dropFirst("bert.".count)) : name
            for (old, new) in endings where name.hasSuffix("LayerNorm" + old) { name = name.dropLast(old.count) + new }
            return name
        }
        try network.parameters.load(renamed) { name in
            name == "embeddings.position_ids" || name.hasPrefix("cls.") || name.hasPrefix("pooler.")
                || (!network.hasProjection && name.hasPrefix("cls_projection_head."))
        }
    }
}

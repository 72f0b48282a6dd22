import NeuralNet
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
    private let folder: TextModelFolder

    /// Loads a folder, its weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try BERTTextNetwork(BERTTextConfiguration(path: folder + "/config.json"))
        self.folder = try TextModelFolder(folder, dtype: dtype)
        try network.load(self.folder.checkpoint)
    }

    /// The compute dtype.
    public var dtype: DType { folder.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    /// What a user should know of its configuration.
    public var notes: [String] { network.configuration.notes }
    /// Channels of a token.
    public var width: Int { network.configuration.hiddenSize }
    /// The longest sequence.
    public var positions: Int { network.configuration.positions }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`.
    public func states(_ ids: Tensor) throws -> Tensor {
        try folder.run { context in try network.states(ids, context) }
    }

    /// BioViL-T's embedding of each text, f32 `[N, projection]`, of ids i64 `[N, T]`.
    public func embeddings(_ ids: Tensor) throws -> Tensor {
        try folder.run { context in try network.projected(network.states(ids, context), context) }
    }

    /// Gives the memory of activations back, which the next pass takes again.
    public func releaseMemory() { folder.releaseMemory() }
}

import Checkpoints
import Files
import NeuralNet
import Tensors

/// BERT, or BioViL-T's text model, of a folder in transformers' layout: `config.json` and weights.
public final class BERTTextEncoder: TextEncoder {
    /// The network.
    public let network: BERTTextNetwork
    /// The compute dtype.
    public let dtype: DType
    /// The files that the weights and sizes came from, with their SHA-256.
    public let files: [(file: String, sha256: String)]

    /// Loads a folder, its weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        let path = folder + "/config.json"
        network = try BERTTextNetwork(BERTTextConfiguration(path: path))
        let checkpoint = try Checkpoint.open(folder)
        try network.load(checkpoint)
        self.dtype = dtype
        files =
            try checkpoint.sha256().map { (file: $0.file, sha256: $0.hash) }
            + [(file: path, sha256: try SHA256.hex(file: path))]
    }

    /// Channels of a token.
    public var width: Int { network.configuration.hiddenSize }
    /// The longest sequence.
    public var positions: Int { network.configuration.positions }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`.
    public func states(_ ids: Tensor) throws -> Tensor {
        let context = try Context(dtype: dtype, threads: Threads.count)
        return try context.run { try network.states(ids, context) }
    }

    /// BioViL-T's embedding of each text, f32 `[N, projection]`, of ids i64 `[N, T]`.
    public func embeddings(_ ids: Tensor) throws -> Tensor {
        let context = try Context(dtype: dtype, threads: Threads.count)
        return try context.run { try network.projected(network.states(ids, context), context) }
    }
}

import Checkpoints
import Files
import Foundation
import NeuralNet
import Tensors

/// CLIP's text model of a diffusers folder: `text_encoder` with its `config.json` and weights.
public final class CLIPTextEncoder: TextEncoder {
    /// The network.
    public let network: CLIPTextNetwork
    /// The compute dtype.
    public let dtype: DType
    /// The files that the weights and sizes came from, with their SHA-256.
    public let files: [(file: String, sha256: String)]

    /// Loads a folder, its weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        let path = folder + "/config.json"
        network = try CLIPTextNetwork(CLIPTextConfiguration(path: path))
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

    /// The last states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`: `last_hidden_state`.
    public func states(_ ids: Tensor) throws -> Tensor { try states(ids, skipping: 0) }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`; see `CLIPTextNetwork.states`.
    public func states(_ ids: Tensor, skipping: Int, isNormalized: Bool = true) throws -> Tensor {
        let context = try Context(dtype: dtype, threads: Threads.count)
        return try context.run {
            try network.states(ids, skipping: skipping, isNormalized: isNormalized, context)
        }
    }
}

import Checkpoints
import Devices
import Engine
import Files
import Tensors

/// The files of a network in the layout of transformers and diffusers, `config.json` and weights, and what runs it.
public final class ModelFolder {
    /// The path of `config.json`.
    public let config: String
    /// The weights; parameters are views of its files until the executor takes them.
    public let checkpoint: Checkpoint
    /// The files of the weights and of the sizes, with their SHA-256.
    public let files: [(file: String, sha256: String)]
    /// What the network runs on.
    public let executor: any Executor

    /// Opens the files of a folder.
    /// - Parameters:
    ///   - dtype: f32 or bf16.
    ///   - device: what the network runs on.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent or damaged.
    public init(_ folder: String, dtype: DType, on device: Device = .standard) throws {
        config = folder + "/config.json"
        checkpoint = try Checkpoint.open(folder)
        executor = try device.executor(dtype: dtype)
        files =
            try checkpoint.sha256().map { (file: $0.file, sha256: $0.hash) }
            + [(file: config, sha256: try SHA256.hex(file: config))]
    }

    /// Gives back activations and all that was made of weights, which stay mapped.
    public func release() {
        executor.releaseActivations()
        executor.forget()
    }
}

import Checkpoints
import Files
import NeuralNet
import Tensors

/// What text encoders share: the files of a folder in transformers' layout, and what their passes run in.
final class TextModelFolder {
    /// The path of `config.json`.
    let config: String
    /// The weights.
    let checkpoint: Checkpoint
    /// The compute dtype.
    let dtype: DType
    /// The files of the weights and of the sizes, with their SHA-256.
    let files: [(file: String, sha256: String)]
    private var context: Context?

    /// Opens the files of a folder.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent or damaged.
    init(_ folder: String, dtype: DType) throws {
        config = folder + "/config.json"
        checkpoint = try Checkpoint.open(folder)
        self.dtype = dtype
        files =
            try checkpoint.sha256().map { (file: $0.file, sha256: $0.hash) }
            + [(file: config, sha256: try SHA256.hex(file: config))]
    }

    /// Runs a pass with all threads in each layer. One context serves one pass after the other.
    /// - Throws: what `body` throws; `FileError` where the weights were changed in use.
    func run(_ body: (Context) throws -> Tensor) throws -> Tensor {
        let context = try self.context ?? Context(dtype: dtype, threads: Threads.count)
        self.context = context
        let result = try context.run { try body(context) }
        try checkpoint.checkUnchanged()
        return result
    }

    /// Gives the memory of activations back.
    func releaseMemory() { context = nil }
}

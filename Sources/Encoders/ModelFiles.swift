import Checkpoints
import Devices
import Engine
import Files
import Tensors

/// The files that a network was opened from, and what runs it.
public final class ModelFiles {
    /// The weights; parameters are views of its files until the executor takes them.
    public let checkpoint: Checkpoint
    /// The files of the weights, and of all that stands beside them, with their SHA-256.
    public let files: [(file: String, sha256: String)]
    /// What the network runs on.
    public let executor: any Executor
    /// What made the executor.
    public let device: Device

    /// Opened weights and the files that belong to them.
    /// - Parameters:
    ///   - beside: paths of the other files.
    ///   - dtype: f32 or bf16.
    ///   - device: what the network runs on.
    /// - Throws: `FileError` where a file is absent.
    public init(_ weights: Checkpoint, beside: [String] = [], dtype: DType, on device: Device = .standard) throws {
        checkpoint = weights
        executor = try device.executor(dtype: dtype)
        self.device = device
        files = try weights.sha256() + SHA256.files(beside)
    }

    /// The files of a folder in the layout of transformers and diffusers, weights and `config.json`.
    /// - Parameter beside: paths of other files that belong to them.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent or damaged.
    public convenience init(
        folder: String, beside: [String] = [], dtype: DType, on device: Device = .standard
    ) throws {
        try self.init(Checkpoint.open(folder), beside: [folder + "/config.json"] + beside, dtype: dtype, on: device)
    }

    /// Looks at what the network gave of some inputs, f32 with a row for each.
    /// - Throws: `CheckpointError.notFinite` with the first input that got a value that is not finite.
    public func checkFinite(_ output: Tensor, of what: String) throws {
        let values = try output.contiguous().array(Float.self)
        guard let place = values.firstIndex(where: { !$0.isFinite }) else { return }
        let input = place / max(1, values.count / max(1, output.shape.first ?? 1))
        throw notFinite("\(what): its output for input \(input + 1)")
    }

    /// The error about something that the network gave and that is not finite.
    public func notFinite(_ what: String) -> CheckpointError {
        .notFinite(path: checkpoint.path, what: what, dtype: executor.dtype)
    }

    /// Gives back activations and all that was made of weights, which stay mapped.
    public func release() {
        executor.releaseActivations()
        executor.forget()
    }
}

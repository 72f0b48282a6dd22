import Checkpoints
import Devices
import Engine
import Networks
import Tensors

/// A text network that is opened from a folder: it knows its sizes' file and the names of its weights.
public protocol FolderTextNetwork: TextNetwork, ConfiguredNetwork {
    /// A checkpoint under the names of the parameters.
    /// - Throws: `FileError.malformed` where two tensors get one name.
    func renamed(_ checkpoint: Checkpoint) throws -> Checkpoint
    /// Whether a tensor may stand beside the parameters, by the name that `renamed` gave it.
    func isForeign(_ name: String) -> Bool
}

extension FolderTextNetwork {
    /// Fills the parameters from a checkpoint, strictly.
    /// - Throws: `CheckpointError` where a tensor is absent, of another shape or not known.
    public func load(_ checkpoint: Checkpoint) throws {
        try parameters.load(renamed(checkpoint), ignoring: isForeign)
    }

    /// Looks whether the weights of a folder are the network's; no value of them is read.
    /// - Throws: as `load`, and `FileError` where a file is absent or damaged.
    func check(folder: String) throws { try parameters.check(renamed(Checkpoint.open(folder)), ignoring: isForeign) }
}

/// A text network of a folder in transformers' layout: `config.json` and weights.
public final class FolderTextEncoder<Network: FolderTextNetwork>: TextEncoder, FolderNetwork {
    /// The network.
    public let network: Network
    /// Its files, and what it runs on.
    public let model: ModelFiles

    /// Loads a folder, its weights strictly.
    /// - Parameter make: makes the network of a `config.json`; nil is the usual one.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(
        _ folder: String, dtype: DType, on device: Device = .standard,
        _ make: ((_ config: String) throws -> Network)? = nil
    ) throws {
        network = try (make ?? Network.init(config:))(folder + "/config.json")
        model = try ModelFiles(folder: folder, dtype: dtype, on: device)
        try network.load(model.checkpoint)
    }

    /// Every parameter, under the names of its files.
    public var parameters: ParameterScope { network.parameters }
    /// What a user should know of its configuration.
    public var notes: [String] { network.notes }
    /// Channels of a token.
    public var width: Int { network.width }
    /// The longest sequence.
    public var positions: Int { network.positions }
    /// Channels of the one vector of a text; nil where the model has none.
    public var pooledWidth: Int? { network.pooledWidth }

    /// What is asked for, of ids i64 `[N, T]`, one text after the other with all threads in each operation: a text has the
    /// same bits alone and in any batch.
    public func encode(_ ids: Tensor, mask: Tensor?, _ request: TextRequest) throws -> TextStates {
        guard ids.rank == 2, ids.count > 0, ids.dtype == .i64 else {
            throw TensorError.shape(
                operation: "text encoder",
                message: "wanted ids i64 [N, T], got \(ids.dtype) \(Tensor.text(ids.shape))")
        }
        if let mask, mask.shape != ids.shape || mask.dtype != .i64 {
            throw TensorError.shape(
                operation: "text encoder",
                message: "wanted a mask i64 \(Tensor.text(ids.shape)), got \(mask.dtype) \(Tensor.text(mask.shape))")
        }
        let found = try run(ids.contiguous(), mask?.contiguous(), request, on: model.executor)
        try model.checkpoint.checkUnchanged()
        return TextStates(states: found[0], pooled: request.isPooled ? found[1] : nil)
    }

    private func run<X: Executor>(
        _ ids: Tensor, _ mask: Tensor?, _ request: TextRequest, on executor: X
    ) throws -> [Tensor] {
        try executor.map(ids.shape[0], .spread) { [network] execution, rows -> [X.Run.Value] in
            let words = try ids.narrow(0, rows.lowerBound, rows.count)
            let padding = try mask?.narrow(0, rows.lowerBound, rows.count)
            let found = try network.encode(words, padding: padding, request, on: execution)
            return [found.states] + [found.pooled].compactMap { $0 }
        }
    }

    /// Gives back the memory of activations, and of packed weights where they are many: those stay mapped.
    public func releaseMemory() {
        let network = LoadedNetwork(network.parameters, model)
        network.isKept && !model.executor.isStreaming ? model.executor.releaseActivations() : model.release()
    }
}

extension NetworkEntry where Network == any TextEncoder {
    /// A text network of folders; see the other `init`.
    init<N: FolderTextNetwork>(_ name: String, classes: [String], _ network: N.Type) {
        self.init(name, classes: classes, of: N.init(config:)) {
            try FolderTextEncoder<N>($0, dtype: $1.dtype, on: $1.device)
        }
    }
}

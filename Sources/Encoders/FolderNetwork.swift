import Engine
import Identity
import Tensors

/// A network as those see it who run it beside others: what it computes in, where it came from, what it holds.
public protocol PartNetwork: AnyObject {
    /// The compute dtype.
    var dtype: DType { get }
    /// The kind of device that computes.
    var device: DeviceKind { get }
    /// The files that the weights and sizes came from, with their SHA-256.
    var files: [(file: String, sha256: String)] { get }
    /// What a user should know of its configuration.
    var notes: [String] { get }
    /// Its parameters and its files; nil where it came from none.
    var loaded: LoadedNetwork? { get }
    /// Gives memory back that the next pass takes again, for when another network works.
    func releaseMemory()
}

extension PartNetwork {
    /// Its executor's; what has none computes on the processor.
    public var device: DeviceKind { loaded?.model.executor.deviceKind ?? .cpu }
    /// Nothing to say.
    public var notes: [String] { [] }
    /// It came from no folder.
    public var loaded: LoadedNetwork? { nil }
    /// Nothing to give back.
    public func releaseMemory() {}
}

/// A network that knows the file of its sizes.
public protocol ConfiguredNetwork: AnyObject {
    /// Every parameter, under the names of its files.
    var parameters: ParameterScope { get }
    /// The network of a `config.json`, given by its path, without weights.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for a variant that is not supported.
    init(config: String) throws
}

extension NetworkEntry {
    /// A network that knows the file of its sizes; see the other `init`.
    /// - Parameter make: makes the network of a `config.json`.
    public init<N: ConfiguredNetwork>(
        _ name: String, classes: [String], of make: @escaping (_ config: String) throws -> N,
        open: @escaping (_ folder: String, _ compute: Compute) throws -> Network
    ) {
        self.init(
            name, classes: classes,
            parameters: { try make($0).parameters.parameters.map { ($0.name, $0.shape) } }, open: open)
    }
}

/// A network that was opened from a folder with its `config.json` and weights.
public protocol FolderNetwork: PartNetwork {
    /// Every parameter, under the names of its files.
    var parameters: ParameterScope { get }
    /// Its files, and what it runs on.
    var model: ModelFiles { get }
}

extension FolderNetwork {
    /// The compute dtype.
    public var dtype: DType { model.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { model.files }
    /// Its parameters and its files.
    public var loaded: LoadedNetwork? { LoadedNetwork(parameters, model) }
    /// Gives back what the next pass makes again: the memory of activations, and Winograd's weights.
    public func releaseMemory() { model.executor.releaseMemory() }
}

import Devices
import Engine
import Files
import Tensors

/// A kind of network that is opened from a folder with its `config.json` and weights.
public struct NetworkEntry<Network> {
    /// The name that scripts use: "clip-text".
    public let name: String
    /// What a configuration may call it: `model_type` of transformers, `_class_name` of diffusers.
    public let classes: [String]
    /// The names and shapes of all tensors that the weights of a `config.json`, given by its path, must hold.
    public let parameters: (_ config: String) throws -> [(name: String, shape: [Int])]
    /// Opens a folder, its weights strictly, to compute so.
    public let open: (_ folder: String, _ compute: Compute) throws -> Network

    /// Describes a network.
    public init(
        _ name: String, classes: [String],
        parameters: @escaping (_ config: String) throws -> [(name: String, shape: [Int])],
        open: @escaping (_ folder: String, _ compute: Compute) throws -> Network
    ) {
        self.name = name
        self.classes = classes
        self.parameters = parameters
        self.open = open
    }
}

/// The networks of one use, by what their configurations call them. A new one is a file with its entry and a line where
/// the registry is made, or is added to a copy.
public struct NetworkRegistry<Network> {
    /// The entries by the names that scripts use.
    public private(set) var entries: Registry<NetworkEntry<Network>>
    /// The key of `config.json` that names the class.
    private let key: String
    /// The class of a configuration without that key.
    private let standard: String

    /// A registry with the program's own networks.
    /// - Parameters:
    ///   - kind: what they are, as errors call it: "text encoder".
    ///   - key: the key of `config.json` that names the class.
    ///   - standard: the class of a configuration without it.
    public init(_ kind: String, key: String, standard: String, _ entries: [NetworkEntry<Network>]) {
        self.entries = Registry(kind, entries.map { ($0.name, $0) })
        self.key = key
        self.standard = standard
    }

    /// Adds a network.
    /// - Throws: `RegistryError.taken` where its name or one of its classes is in use.
    public mutating func add(_ entry: NetworkEntry<Network>) throws {
        let classes = Set(entries.all.flatMap(\.classes))
        if let taken = entry.classes.first(where: classes.contains) {
            throw RegistryError.taken(kind: entries.kind, name: taken)
        }
        try entries.add(entry.name, entry)
    }

    /// Opens the network of a folder by the class in its `config.json`.
    /// - Throws: `FileError` for a class that is not known, with those that are; what the network's `open` throws.
    public func open(_ folder: String, dtype: DType, on device: Device = .standard) throws -> Network {
        try entry(of: folder).open(folder, Compute(dtype, on: device))
    }

    /// The names and shapes of all tensors that the weights of a folder must hold, by its `config.json` alone.
    /// - Throws: as `open`.
    public func parameters(of folder: String) throws -> [(name: String, shape: [Int])] {
        try entry(of: folder).parameters(folder + "/config.json")
    }

    private func entry(of folder: String) throws -> NetworkEntry<Network> {
        let reader = try ConfigurationReader(folder + "/config.json")
        let name = try reader.string(key, default: standard)
        guard let entry = entries.all.first(where: { $0.classes.contains(name) }) else {
            throw reader.fault(key, entries.unknown(name, known: entries.all.flatMap(\.classes)).description)
        }
        return entry
    }
}

import Engine
import Files
import Networks
import Tensors

/// The classifiers' networks by name. A new one is a network with its entry and a word here, or is added to a copy.
public struct ClassifierRegistry: Sendable {
    /// The program's own.
    public static let standard = ClassifierRegistry([
        ResNet.entry(18, [2, 2, 2, 2]), ResNet.entry(34, [3, 4, 6, 3]),
        ResNet.entry(50, [3, 4, 6, 3], isBottleneck: true), ResNet.entry(101, [3, 4, 23, 3], isBottleneck: true),
        DenseNet.entry,
    ])

    private var registry: Registry<ClassifierEntry>

    private init(_ entries: [ClassifierEntry]) {
        registry = Registry("classifier", entries.map { (name: $0.name, entry: $0) })
    }

    /// The names, in order.
    public var names: [String] { registry.names }

    /// The names with what each is, for people.
    public var listing: String { registry.listing(\.about) }

    /// Adds a network behind the others.
    /// - Throws: `RegistryError.taken` where the name is taken.
    public mutating func add(_ entry: ClassifierEntry) throws { try registry.add(entry.name, entry) }

    /// The entry of a name.
    /// - Throws: `RegistryError.unknown` that lists the names, with the nearest.
    public func entry(_ name: String) throws -> ClassifierEntry { try registry.entry(name) }

    /// A network without weights.
    /// - Throws: `RegistryError` for an unknown name, `TensorError.value` for a number of classes that no network has.
    public func make(_ name: String, classes: Int) throws -> ClassifierNetwork {
        let entry = try entry(name)
        guard (1...100_000).contains(classes) else {
            throw TensorError.value(operation: "classifier", message: "wanted 1 to 100000 classes, got \(classes)")
        }
        return try entry.make(classes)
    }

    /// The names and shapes of all tensors that a network's weights hold.
    /// - Throws: as `make`.
    public func parameters(_ name: String, classes: Int) throws -> [(name: String, shape: [Int])] {
        try make(name, classes: classes).parameters.parameters.map { ($0.name, $0.shape) }
    }

    /// Fills a network by its entry's rule.
    func fill(_ network: ClassifierNetwork, _ name: String, seed: UInt64) throws {
        let entry = try entry(name)
        for parameter in network.parameters.parameters {
            // Each parameter has a stream of its own, so that a new head does not depend on what comes before it.
            var key = seed ^ 0xCBF2_9CE4_8422_2325
            for byte in parameter.name.utf8 { key = (key ^ UInt64(byte)) &* 0x100_0000_01B3 }
            try parameter.load(entry.initial(parameter, network, TorchGenerator(seed: key ^ (key >> 32))))
        }
    }
}

import Checkpoints
import Tensors

/// A LoRA that a model is opened with.
public struct Adapter {
    /// The file.
    public let lora: LoRA
    /// What its products are multiplied by, beside its own α / r.
    public let scale: Double
    /// The part that it changes, where its keys do not say it.
    public let part: String?

    /// Opens a LoRA.
    /// - Parameter place: a file, a folder, or a Hub name found in the local cache.
    /// - Throws: `TensorError.value` for a scale that is no number, or a large one; `CheckpointError.notFound`; as `LoRA`.
    public init(_ place: String, scale: Double = 1, part: String? = nil) throws {
        guard scale.isFinite, abs(scale) <= 1000 else {
            throw TensorError.value(operation: "lora", message: "wanted a scale of -1000 to 1000, got \(scale)")
        }
        lora = try LoRA(HubCache.locate(place))
        self.scale = scale
        self.part = part
    }

    /// What results depend on beside the file.
    public var setting: String { "lora \(scale)" + (part.map { " " + $0 } ?? "") }

    /// Which file it is, and how it is used: the beginning of its hash, and the scale.
    public var identity: String { "\(lora.files.first?.sha256.prefix(16) ?? "")@\(scale)" }

    /// Adds the products of some LoRA files to networks; all files are looked at before one weight is changed.
    /// - Returns: what each of them changes, in a sentence.
    /// - Throws: `CheckpointError.adapter` where a file does not fit; `TensorError.value` for a part that there is none of.
    public static func apply(_ adapters: [Adapter], to parts: [AdaptedPart]) throws -> [String] {
        let targets = parts.map { part in
            LoRATarget(
                part: part.name, isTextEncoder: part.isTextEncoder,
                parameters: part.network.parameters.parameters.map { ($0.name, $0.shape) })
        }
        let matches = try adapters.map { adapter in
            if let part = adapter.part, !parts.contains(where: { $0.name == part }) {
                let known = targets.map(\.part).joined(separator: ", ")
                throw TensorError.value(
                    operation: "lora", message: "no part \"\(part)\" for a LoRA; there are: \(known)")
            }
            return try adapter.lora.matches(targets.filter { adapter.part == nil || adapter.part == $0.part })
        }
        for (adapter, matches) in zip(adapters, matches) {
            for (name, found) in Dictionary(grouping: matches, by: \.part) {
                let network = parts.first { $0.name == name }?.network
                network?.parameters.add(found.map { ($0.parameter, $0.update) }, scale: adapter.scale)
            }
        }
        return zip(adapters, matches).map { adapter, matches in
            let counts = Dictionary(grouping: matches, by: \.part).sorted { $0.key < $1.key }
            return "\(adapter.lora.path): LoRA at scale \(adapter.scale) on layers of "
                + counts.map { "\($0.key) (\($0.value.count))" }.joined(separator: ", ")
        }
    }
}

/// A network that a LoRA may change, under the name that files and users give it.
public struct AdaptedPart {
    /// Its name.
    public let name: String
    /// Whether files may call it a text encoder.
    public let isTextEncoder: Bool
    /// Its parameters and its files.
    public let network: LoadedNetwork

    /// A network under a name.
    public init(_ name: String, isTextEncoder: Bool = false, _ network: LoadedNetwork) {
        self.name = name
        self.isTextEncoder = isTextEncoder
        self.network = network
    }
}

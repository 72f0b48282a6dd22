import Files

/// All that the features of an image depend on, beside the image itself.
///
/// Caches of features are keyed by it, and it is the part of a number's identity that stands for the features that the
/// number was computed from: features whose identities differ never meet in one metric.
public struct FeatureIdentity: Hashable, Sendable {
    /// What turned images into features, beside the rules of this program.
    public enum Source: Hashable, Sendable {
        /// Weights and configurations: one SHA-256, in hexadecimal, over those of all their files.
        case files(sha256: String)
        /// A formula of the program: there are no weights.
        case formula
        /// A function of a script. No hash covers what it does, so its features are never kept beyond the run.
        case script

        /// Reads what `text` gives.
        public init(text: String) {
            switch text {
            case "none": self = .formula
            case "script": self = .script
            default: self = .files(sha256: text)
            }
        }

        /// The source as identities print it: the hash, `none` or `script`.
        public var text: String {
            switch self {
            case .files(let hash): return hash
            case .formula: return "none"
            case .script: return "script"
            }
        }
    }

    /// The encoder's registered name, or `radiomics`.
    public var encoder: String
    /// The weights.
    public var source: Source
    /// The steps from a decoded image to the encoder's input, to the last parameter.
    public var preprocessing: String
    /// Which of the encoder's outputs.
    public var output: String
    /// The dtype of the computation, such as `f32`.
    public var dtype: String
    /// The kind of device that computed them: another kind rounds otherwise.
    public var device: DeviceKind

    /// An identity from its parts.
    public init(
        encoder: String, source: Source, preprocessing: String, output: String, dtype: String, device: DeviceKind = .cpu
    ) {
        self.encoder = encoder
        self.source = source
        self.preprocessing = preprocessing
        self.output = output
        self.dtype = dtype
        self.device = device
    }

    /// One SHA-256 that stands for several files, from theirs in order.
    public static func source(files hashes: [String]) -> Source {
        .files(sha256: SHA256.hex(of: hashes.joined(separator: "\n")))
    }

    /// The parts by name, in their order.
    public var fields: [(name: String, value: String)] {
        [
            ("encoder", encoder), ("weights", source.text), ("preprocessing", preprocessing), ("output", output),
            ("dtype", dtype), ("device", device.rawValue),
        ]
    }

    /// All parts as one text in which no two identities are equal.
    public var text: String { JSON.array(fields.map { .string($0.value) }).text() }
}

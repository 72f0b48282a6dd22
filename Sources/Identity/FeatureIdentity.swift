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
        /// A function of a script: one SHA-256 over its file and what that requires, nil where it stands in no file. The hash tells
        /// apart what is known to differ; it does not cover all that a script may ask, so its features are never kept beyond the run.
        case script(sha256: String?)

        /// Reads what `text` gives.
        public init(text: String) {
            switch text {
            case "none": self = .formula
            case "script": self = .script(sha256: nil)
            case _ where text.hasPrefix("script "): self = .script(sha256: String(text.dropFirst("script ".count)))
            default: self = .files(sha256: text)
            }
        }

        /// A function of a script, by the hash of its files, of which identities hold the beginning.
        public static func script(hash: String?) -> Source { .script(sha256: hash.map { String($0.prefix(12)) }) }

        /// Whether it is a function of a script.
        public var isScript: Bool {
            if case .script = self { return true }
            return false
        }

        /// The source as identities print it: the hash, `none`, or `script` with the beginning of a hash.
        public var text: String {
            switch self {
            case .files(let hash): return hash
            case .formula: return "none"
            case .script(let hash): return hash.map { "script \($0)" } ?? "script"
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

    /// The parts as one line, as they stand in that of a `MetricIdentity`.
    public var line: String { MetricIdentity.line(fields) }

    /// All parts as one text in which no two identities are equal.
    public var text: String { JSON.array(fields.map { .string($0.value) }).text() }
}

import Checkpoints
import Engine
import Identity

/// What an encoder's features are good for, beside distances between sets of them.
public enum EncoderRole: String, CaseIterable, Sendable {
    /// They span the space in which neighbours are looked for: precision, recall, density, coverage.
    case neighbours
    /// They tell classes apart: the Inception Score.
    case logits
}

/// An encoder as the program knows it before any weights are loaded: all that an evaluation, the documentation and
/// `chexgen doctor` say of it. A new encoder is a file with its class and its entry, and a line in
/// `EncoderRegistry.standard`.
public struct EncoderEntry: Sendable {
    /// How an encoder plays a role.
    public struct Part: Sendable {
        /// The output that plays it under `chexgenbench`, and under `exact`.
        public let chexgenbench, exact: String
        /// What follows the names of the role's metrics in tables; the first column of a metric has no ending.
        public let columnEnding: String

        /// A part that one output plays under both protocols.
        public init(output: String, columnEnding: String) {
            self.init(chexgenbench: output, exact: output, columnEnding: columnEnding)
        }

        /// A part that an output of its own plays under each protocol.
        public init(chexgenbench: String, exact: String, columnEnding: String) {
            self.chexgenbench = chexgenbench
            self.exact = exact
            self.columnEnding = columnEnding
        }

        /// The output that plays it.
        public func output(_ way: Protocol) -> String { way == .exact ? exact : chexgenbench }
    }

    /// Where weights are looked for when nobody names any.
    public struct Weights: Sendable {
        /// A Hub name found in the local Hugging Face cache, or a file name found in torch hub's checkpoints.
        public let place: String
        /// The command that gets them.
        public let hint: String

        /// Weights that a command puts at a place.
        public init(place: String, hint: String) {
            self.place = place
            self.hint = hint
        }
    }

    /// The name for `model.encoder`.
    public let name: String
    /// The network, in a sentence.
    public let about: String
    /// What follows the names of metrics over its features in tables.
    public let columnEnding: String
    /// Whether sets of images are compared by its features, as by FID; others tell of single images or pairs.
    public let comparesSets: Bool
    /// The roles that it plays.
    public let roles: [EncoderRole: Part]
    /// The usual weights.
    public let weights: Weights
    /// The names of its outputs, the default first.
    public let outputs: [String]
    /// Loads it from a place, to compute so.
    public let load: @Sendable (_ weights: String, _ compute: Compute) throws -> any Encoder
    /// Looks at a place of weights as `load` does, at headers, names and shapes: nothing is hashed, and no value is read.
    public let look: @Sendable (_ weights: String) throws -> Void
    /// The names and shapes of all tensors that its weight file must hold; the argument is the folder of its
    /// `config.json`, for networks with variants.
    public let parameters: @Sendable (_ config: String?) throws -> [(name: String, shape: [Int])]

    /// An entry from its parts; without `look` nothing but the place of its weights is looked at before a run.
    public init(
        name: String, about: String, columnEnding: String, comparesSets: Bool = true,
        roles: [EncoderRole: Part] = [:], weights: Weights,
        outputs: [String], load: @escaping @Sendable (_ weights: String, _ compute: Compute) throws -> any Encoder,
        look: @escaping @Sendable (_ weights: String) throws -> Void = { _ in },
        parameters: @escaping @Sendable (_ config: String?) throws -> [(name: String, shape: [Int])]
    ) {
        self.name = name
        self.about = about
        self.columnEnding = columnEnding
        self.comparesSets = comparesSets
        self.roles = roles
        self.weights = weights
        self.outputs = outputs
        self.load = load
        self.look = look
        self.parameters = parameters
    }

    /// Where weights lie: those of a place, or the usual ones.
    /// - Throws: `CheckpointError.notFound` with everywhere that was looked, and how to get the usual ones.
    public func locate(_ place: String? = nil) throws -> String {
        do {
            return try HubCache.locate(place ?? weights.place)
        } catch CheckpointError.notFound(let what, let looked, let usual) {
            throw CheckpointError.notFound(
                what: what, lookedIn: looked,
                hint: usual.isEmpty || usual.contains(weights.hint) ? weights.hint : "\(usual) Or: \(weights.hint)")
        }
    }
}

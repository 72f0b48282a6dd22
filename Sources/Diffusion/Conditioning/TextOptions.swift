import Files
import Tensors
import Tokenizers

/// What a text is for a picture.
public enum TextRole: String, Sendable {
    /// What it shall show.
    case prompt
    /// What it shall not show.
    case negative
}

/// How texts become a conditioning.
public struct TextOptions {
    /// What happens to texts that are too long.
    public var overflow = Overflow.truncate
    /// Options of the pipeline's family, by name; see `FamilyOption`.
    public var family: [String: JSON] = [:]

    /// The usual options.
    public init() {}

    /// The tokens that a text may have: `max_sequence_length`, or else the family's.
    /// - Parameter limit: the most that the family takes.
    /// - Throws: `TensorError.value` for a number that cannot be.
    public func maximumLength(_ standard: Int, atMost limit: Int = 1 << 14) throws -> Int {
        let length = family[FamilyOption.maximumLength.name]?.integer ?? standard
        guard (2...limit).contains(length) else {
            throw TensorError.value(
                operation: "generate", message: "wanted a max_sequence_length of 2 to \(limit), got \(length)")
        }
        return length
    }

    /// One text over everything here: equal options have equal texts.
    var key: String { key { _ in true } }

    /// The same of what decides how a text is encoded, with a family that has these options of its own.
    func textKey(_ options: [FamilyOption]) -> String {
        key { name in options.first { $0.name == name }?.changesTexts ?? true }
    }

    private func key(_ counts: (String) -> Bool) -> String {
        let members = family.filter { counts($0.key) }.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
        return overflow.rawValue + JSON.object(members).text()
    }
}

/// An option of `generate` that not every family of pipelines has.
public struct FamilyOption: Sendable, Equatable {
    /// What values it takes.
    public enum Kind: Sendable, Equatable {
        case flag, integer, number, text, flagOrText
        /// A flag, or one of these words.
        case flagOrWord([String])
    }

    /// The name that scripts use.
    public let name: String
    /// What values it takes.
    public let kind: Kind
    /// What it does, in a sentence.
    public let about: String
    /// Whether a text may be encoded otherwise with another value: texts that are kept are encoded again then.
    public let changesTexts: Bool

    /// Describes an option.
    public init(_ name: String, _ kind: Kind, _ about: String, changesTexts: Bool = true) {
        self.name = name
        self.kind = kind
        self.about = about
        self.changesTexts = changesTexts
    }

    /// Tokens that a text may have.
    public static let maximumLength = FamilyOption(
        "max_sequence_length", .integer, "Tokens that a text may have, of families that choose.")
    /// What a model is told beside the prompt.
    public static let instruction = FamilyOption(
        "instruction", .flagOrText,
        "What is put before the prompt: the model's own instruction, of several one by the seed; none, where that may be; or a text."
    )
    /// Lumina's system prompt.
    public static let systemPrompt = FamilyOption(
        "system_prompt", .text, "What is put before the prompt of families that have a system prompt.")
    /// The share of the steps that are guided.
    public static let guidanceTruncation = FamilyOption(
        "cfg_trunc_ratio", .number, "The share of the steps, from the first, in which the guidance scale works.",
        changesTexts: false)
    /// Whether the guided answer has the length of the text's answer, and of what it is the length.
    public static let guidanceNormalization = FamilyOption(
        "cfg_normalization", .flagOrWord(NormalizedGuidance.Length.allCases.map(\.rawValue)),
        "Whether the guided answer is scaled to the length of the prompt's answer: `\"row\"`, or true, each row of each channel by "
            + "itself, as diffusers does; `\"whole\"` all latents of an image by one factor.",
        changesTexts: false)

    /// The options that scripts may count on: a family that lacks one says so.
    public static let common = [maximumLength, instruction, systemPrompt, guidanceTruncation, guidanceNormalization]
}

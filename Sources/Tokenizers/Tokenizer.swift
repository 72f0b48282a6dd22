import Files

/// What happens to a text with more tokens than the model takes.
public enum Overflow: String, CaseIterable, Sendable {
    /// The tokens at the end are cut, and counted in the result.
    case truncate
    /// Encoding throws.
    case error
}

/// An end of a sequence.
public enum Side: String, CaseIterable, Sendable {
    case left
    case right
}

/// The token ids of one text.
public struct Encoding: Equatable, Sendable {
    /// The ids as the model takes them: begin, text, end, padding at its side.
    public var ids: [Int]
    /// 1 for tokens, 0 for padding.
    public var attentionMask: [Int]
    /// How many tokens of the text were cut off.
    public var lost: Int

    /// How many tokens the whole text has, begin and end left out.
    public var textTokens: Int
}

/// Turns texts into token ids, as the tokenizer of the same name in transformers does.
public protocol Tokenizer: AnyObject {
    /// How many ids there are, added tokens included.
    var vocabularySize: Int { get }
    /// The longest sequence that the model takes, begin and end included: `model_max_length`; nil where none is stated.
    var maximumLength: Int? { get }
    /// The id that fills up short sequences; nil where there is none.
    var padID: Int? { get }
    /// The id before every text; nil where there is none.
    var beginID: Int? { get }
    /// The id after every text; nil where there is none.
    var endID: Int? { get }
    /// Where short sequences are filled up.
    var paddingSide: Side { get }
    /// Where long texts are cut.
    var truncationSide: Side { get }
    /// The ids of a text alone, without begin, end and padding.
    func tokens(_ text: String) -> [Int]
    /// The ids of a text with what the tokenizer puts around it.
    func framed(_ tokens: some Sequence<Int>) -> [Int]
    /// The token of an id, as the vocabulary writes it; nil for an id that is not there.
    func token(_ id: Int) -> String?
}

/// A tokenizer that also makes texts of ids, as language models need it.
public protocol DecodingTokenizer: Tokenizer {
    /// The text of ids, special tokens left out.
    /// - Throws: `TokenizerError.id` for an id that is not there.
    func decode(_ ids: [Int]) throws -> String
}

extension Tokenizer {
    /// On the right.
    public var paddingSide: Side { .right }
    /// On the right.
    public var truncationSide: Side { .right }
    /// Begin, text and end.
    public func framed(_ tokens: some Sequence<Int>) -> [Int] {
        [beginID].compactMap { $0 } + tokens + [endID].compactMap { $0 }
    }

    /// The ids of a whole text, neither cut nor filled up.
    /// - Parameter special: whether the tokenizer's begin and end go around it.
    public func ids(_ text: String, special: Bool = true) -> [Int] {
        special ? framed(tokens(text)) : tokens(text)
    }

    /// A text as the model takes it: begin and end where the tokenizer has them, and padding.
    /// - Parameters:
    ///   - length: the length of the sequence, at least 2; nil is `maximumLength`.
    ///   - overflow: what to do with a text that is longer.
    ///   - padding: whether shorter texts are filled up to `length`.
    ///   - side: where they are filled up; nil is the tokenizer's own side.
    /// - Throws: `TokenizerError` where the text is too long and that is an error, or for a length that cannot be.
    public func encode(
        _ text: String, length: Int? = nil, overflow: Overflow = .truncate, padding: Bool = true,
        side: Side? = nil
    ) throws -> Encoding {
        guard let length = length ?? maximumLength else {
            throw TokenizerError.length("the tokenizer's files state no model_max_length, so that a length is wanted")
        }
        guard length >= 2, length <= 1 << 20 else {
            throw TokenizerError.length("wanted a length from 2 to \(1 << 20), got \(length)")
        }
        let found = tokens(text)
        let room = length - (beginID == nil ? 0 : 1) - (endID == nil ? 0 : 1)
        let lost = max(0, found.count - room)
        if lost > 0, overflow == .error {
            throw TokenizerError.overflow(text: text, tokens: found.count, limit: room)
        }
        var ids = framed(truncationSide == .left ? found.suffix(room) : found.prefix(room))
        var mask = [Int](repeating: 1, count: ids.count)
        if padding, ids.count < length {
            guard let padID else { throw TokenizerError.length("the tokenizer has no pad token") }
            let count = length - ids.count
            let isLeft = (side ?? paddingSide) == .left
            mask.insert(contentsOf: repeatElement(0, count: count), at: isLeft ? 0 : mask.count)
            ids.insert(contentsOf: repeatElement(padID, count: count), at: isLeft ? 0 : ids.count)
        }
        return Encoding(ids: ids, attentionMask: mask, lost: lost, textTokens: found.count)
    }
}

/// What can go wrong when a text is encoded. What is wrong with a tokenizer's files is a `FileError`.
public enum TokenizerError: InputFault, Equatable, CustomStringConvertible {
    /// The text has more tokens than the model takes.
    case overflow(text: String, tokens: Int, limit: Int)
    /// The length of the sequence cannot be used.
    case length(String)
    /// There is no token of this id.
    case id(Int, count: Int)

    /// The message, as users read it.
    public var description: String {
        switch self {
        case .overflow(let text, let tokens, let limit):
            let start = text.prefix(40)
            return
                "tokenizer: the text \"\(start)\(start.count < text.count ? "…" : "")\" has \(tokens) tokens, and the "
                + "model takes \(limit): shorten it, or set overflow to \"truncate\""
        case .length(let message): return "tokenizer: \(message)"
        case .id(let id, let count):
            return "tokenizer: there is no token with the id \(id): the ids go from 0 to \(count - 1)"
        }
    }
}

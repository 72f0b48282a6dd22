/// What happens to a text with more tokens than the model takes.
public enum Overflow: String, CaseIterable, Sendable {
    /// The tokens at the end are cut, and counted in the result.
    case truncate
    /// Encoding throws.
    case error
}

/// The token ids of one text.
public struct Encoding: Equatable, Sendable {
    /// The ids as the model takes them: begin, text, end, padding.
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
    /// The ids of a text alone, without begin, end and padding.
    func tokens(_ text: String) -> [Int]
    /// The token of an id, as the vocabulary writes it; nil for an id that is not there.
    func token(_ id: Int) -> String?
}

extension Tokenizer {
    /// A text as the model takes it: begin and end where the tokenizer has them, and padding on the right.
    /// - Parameters:
    ///   - length: the length of the sequence, at least 2; nil is `maximumLength`.
    ///   - overflow: what to do with a text that is longer.
    ///   - padding: whether shorter texts are filled up to `length`.
    /// - Throws: `TokenizerError` where the text is too long and that is an error, or for a length that cannot be.
    public func encode(
        _ text: String, length: Int? = nil, overflow: Overflow = .truncate, padding: Bool = true
    ) throws -> Encoding {
        guard let length = length ?? maximumLength else {
            throw TokenizerError.length("the tokenizer's files state no model_max_length, so that a length is wanted")
        }
        guard length >= 2, length <= 1 << 20 else {
            throw TokenizerError.length("wanted a length from 2 to \(1 << 20), got \(length)")
        }
        let found = tokens(text)
        let (before, after) = ([beginID].compactMap { $0 }, [endID].compactMap { $0 })
        let room = length - before.count - after.count
        let lost = max(0, found.count - room)
        if lost > 0, overflow == .error {
            throw TokenizerError.overflow(text: text, tokens: found.count, limit: room)
        }
        var ids = before + found.prefix(room) + after
        var mask = [Int](repeating: 1, count: ids.count)
        if padding, ids.count < length {
            guard let padID else { throw TokenizerError.length("the tokenizer has no pad token") }
            mask += [Int](repeating: 0, count: length - ids.count)
            ids += [Int](repeating: padID, count: length - ids.count)
        }
        return Encoding(ids: ids, attentionMask: mask, lost: lost, textTokens: found.count)
    }
}

/// What can go wrong when a text is encoded. What is wrong with a tokenizer's files is a `FileError`.
public enum TokenizerError: Error, Equatable, CustomStringConvertible {
    /// The text has more tokens than the model takes.
    case overflow(text: String, tokens: Int, limit: Int)
    /// The length of the sequence cannot be used.
    case length(String)

    /// The message, as users read it.
    public var description: String {
        switch self {
        case .overflow(let text, let tokens, let limit):
            let start = text.prefix(40)
            return
                "tokenizer: the text \"\(start)\(start.count < text.count ? "…" : "")\" has \(tokens) tokens, and the "
                + "model takes \(limit): shorten it, or set overflow to \"truncate\""
        case .length(let message): return "tokenizer: \(message)"
        }
    }
}

import Files

/// A tokenizer from a `tokenizer.json` that was made of a SentencePiece model, as `T5TokenizerFast`, `GemmaTokenizerFast` and
/// `LlamaTokenizerFast` of transformers read it with the package tokenizers.
final class PieceFileTokenizer: PieceTokenizer {
    /// How the parts of a text become ids.
    enum Model {
        case unigram(PieceUnigram)
        case bytePair(PieceBytePair)
    }

    let pieceTokens: PieceTokens
    private let model: Model
    private let names: PieceNames
    private let normalizer: PieceNormalizer
    private let splitter: PieceSplitter
    private let decoder: PieceDecoder?
    private let rawTokens: AddedTokenSplitter
    private let normalizedTokens: AddedTokenSplitter

    init(
        _ tokens: PieceTokens, _ model: Model, _ names: PieceNames, normalizer: PieceNormalizer,
        splitter: PieceSplitter, decoder: PieceDecoder?
    ) {
        pieceTokens = tokens
        self.model = model
        self.names = names
        self.normalizer = normalizer
        self.splitter = splitter
        self.decoder = decoder
        rawTokens = AddedTokenSplitter(tokens.added.filter { !$0.isNormalized }, patterns: \.content)
        normalizedTokens = AddedTokenSplitter(
            tokens.added.filter(\.isNormalized), patterns: { normalizer.normalized($0.content) })
    }

    func tokens(_ text: String) -> [Int] {
        var ids: [Int] = []
        for raw in rawTokens.split(Array(text.unicodeScalars)) {
            guard case .text(let text, let isFirst) = raw else {
                if case .token(let id) = raw { ids.append(id) }
                continue
            }
            for piece in normalizedTokens.split(normalizer.normalized(text)) {
                switch piece {
                case .token(let id): ids.append(id)
                case .text(let text, let isFirstHere):
                    for part in splitter.parts([PieceSplitter.Part(text: text, isFirst: isFirst && isFirstHere)])
                    where !part.text.isEmpty {
                        switch model {
                        case .unigram(let unigram): unigram.append(part.text, to: &ids)
                        case .bytePair(let pairs): pairs.append(part.text, to: &ids)
                        }
                    }
                }
            }
        }
        return ids
    }

    func token(_ id: Int) -> String? { name(id).map { String(decoding: $0, as: UTF8.self) } }

    private func name(_ id: Int) -> [UInt8]? {
        pieceTokens.names[id] ?? names.name(id)
    }

    /// The text of ids; those that are not there are left out, as in the reference.
    func decode(_ ids: [Int]) throws -> String {
        let tokens = ids.filter { !pieceTokens.specials.contains($0) }.compactMap(name).map {
            Array(String(decoding: $0, as: UTF8.self).unicodeScalars)
        }
        guard let decoder else { return tidied(TextForms.string(Array(tokens.joined(separator: [" "])))) }
        return tidied(TextForms.string(Array(decoder.decoded(tokens).joined())))
    }
}

/// The pieces of a `tokenizer.json` by id.
struct PieceNames {
    private let names: [Int: [UInt8]]

    init(_ names: [Int: [UInt8]]) { self.names = names }

    func name(_ id: Int) -> [UInt8]? { names[id] }
}

/// Cuts added tokens out of texts as the package tokenizers does: the leftmost first, of those that begin together the
/// longest; white space beside a token that strips it belongs to the token.
struct AddedTokenSplitter {
    enum Piece {
        case token(Int)
        /// Text between tokens, and whether it begins the whole.
        case text([Unicode.Scalar], isFirst: Bool)
    }

    private let tokens: [AddedToken]
    private let table: PrefixTable<UInt32>

    /// - Parameter patterns: what stands for a token in the texts.
    init(_ tokens: [AddedToken], patterns: (AddedToken) -> [Unicode.Scalar]) {
        self.tokens = tokens
        table = PrefixTable(
            tokens.indices.reversed().map { (word: patterns(tokens[$0]).map(\.value), number: $0) })
    }

    func split(_ text: [Unicode.Scalar]) -> [Piece] {
        if text.isEmpty { return [] }
        if table.isEmpty { return [.text(text, isFirst: true)] }
        var pieces: [Piece] = []
        var end = 0
        var index = 0
        while index < text.count {
            guard let found = table.longest(index..<text.count, { text[$0].value }) else {
                index += 1
                continue
            }
            let token = tokens[found.number]
            var start = index
            var stop = index + found.length
            index = stop
            if token.isSingleWord,
                start > 0 && Self.isOfWord(text[start - 1]) || stop < text.count && Self.isOfWord(text[stop])
            {
                continue
            }
            if token.stripsLeft {
                while start > end, text[start - 1].properties.isWhitespace { start -= 1 }
            }
            if token.stripsRight {
                while stop < text.count, text[stop].properties.isWhitespace { stop += 1 }
            }
            if end < start { pieces.append(.text(Array(text[end..<start]), isFirst: end == 0)) }
            pieces.append(.token(token.id))
            end = stop
        }
        if end < text.count { pieces.append(.text(Array(text[end...]), isFirst: end == 0)) }
        return pieces
    }

    /// What `\w` matches.
    private static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        if properties.isAlphabetic || properties.isJoinControl { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }
}

/// A SentencePiece model at work: texts to pieces and pieces to texts, as the library SentencePiece does both.
struct SentencePieceProcessor {
    /// A piece of a text.
    struct Token {
        /// The piece; of unknown text the text itself.
        var text: ArraySlice<UInt8>
        var id: Int
    }

    private enum Segmenter {
        case unigram(UnigramModel)
        case bytePair(SentencePieceMerger)
    }

    let model: SentencePieceModel
    private let normalizer: SentencePieceNormalizer
    private let segmenter: Segmenter
    private let names: Names

    /// The ids of pieces: of those that are no parts of texts first.
    private struct Names {
        let reserved: [ArraySlice<UInt8>: Int]
        let ofTexts: PrefixTable<UInt8>
        let unknownID: Int

        init(_ model: SentencePieceModel) {
            let pieces = model.pieces.enumerated()
            reserved = Dictionary(
                pieces.filter { !$0.element.type.isOfTexts }.map { ($0.element.text[...], $0.offset) },
                uniquingKeysWith: { first, _ in first })
            ofTexts = PrefixTable(
                pieces.filter(\.element.type.isOfTexts).map { ($0.element.text, $0.offset) })
            unknownID = model.unknownID
        }

        func id(_ text: ArraySlice<UInt8>) -> Int? { reserved[text] ?? ofTexts.number(text) }
    }

    init(_ model: SentencePieceModel) {
        self.model = model
        let userDefined = PrefixTable(
            model.pieces.enumerated().filter { $0.element.type == .userDefined }
                .map { (word: $0.element.text, number: $0.offset) })
        let names = Names(model)
        self.names = names
        normalizer = SentencePieceNormalizer(model, userDefined: userDefined)
        switch model.kind {
        case .unigram: segmenter = .unigram(UnigramModel(model))
        case .bytePair:
            segmenter = .bytePair(
                SentencePieceMerger(model, userDefined: userDefined) { names.id($0) ?? names.unknownID })
        }
    }

    /// The id of a piece, where the model has it.
    func id(_ piece: some Collection<UInt8>) -> Int? { names.id(ArraySlice(piece)) }

    /// The pieces of a text in UTF-8.
    func encode(_ text: [UInt8]) -> [Token] {
        let text = normalizer.normalized(text)
        let parts: [UnigramModel.Part]
        switch segmenter {
        case .unigram(let unigram): parts = unigram.segment(text)
        case .bytePair(let merger): parts = merger.segment(text)
        }
        var tokens: [Token] = []
        tokens.reserveCapacity(parts.count)
        var followsUnknown = false
        for part in parts {
            let isUnknown = part.id == model.unknownID
            if isUnknown, model.hasByteFallback {
                for byte in text[part.range] {
                    let id = model.byteIDs[Int(byte)]
                    tokens.append(Token(text: model.pieces[id].text[...], id: id))
                }
            } else if isUnknown, followsUnknown {
                let last = tokens.count - 1
                tokens[last].text = text[tokens[last].text.startIndex..<part.range.upperBound]
            } else {
                tokens.append(Token(text: text[part.range], id: part.id))
            }
            followsUnknown = isUnknown
        }
        return tokens
    }

    /// The text of pieces in UTF-8.
    func decode(_ pieces: [[UInt8]]) -> [UInt8] {
        var text: [UInt8] = []
        var bytes: [UInt8] = []
        var isAtStart = true
        var sawSpace = false
        func flush() {
            var place = 0
            while place < bytes.count {
                let width = SentencePieceNormalizer.validWidth(bytes, place)
                text += width > 0 ? Array(bytes[place..<place + width]) : [0xEF, 0xBF, 0xBD]
                place += max(1, width)
            }
            bytes = []
        }
        for piece in pieces {
            let id = names.id(piece[...]) ?? model.unknownID
            if model.pieces[id].type == .byte, let byte = SentencePieceModel.byte(piece) {
                bytes.append(byte)
                continue
            }
            flush()
            if sawSpace || !text.isEmpty { isAtStart = false }
            sawSpace = false
            switch model.pieces[id].type {
            case .control: break
            case .unknown: text += model.pieces[id].text == piece ? model.unknownSurface : piece
            default:
                var rest = piece[...]
                if isAtStart, model.addsDummyPrefix || model.removesExtraSpaces,
                    rest.starts(with: SentencePieceNormalizer.space)
                {
                    rest = rest.dropFirst(3)
                    sawSpace = !model.removesExtraSpaces
                }
                text += Self.withSpaces(rest)
            }
        }
        flush()
        return text
    }

    /// A text with each U+2581 as a space.
    static func withSpaces(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var place = text.startIndex
        while place < text.endIndex {
            if text[place...].starts(with: SentencePieceNormalizer.space) {
                result.append(0x20)
                place += 3
            } else {
                result.append(text[place])
                place += 1
            }
        }
        return result
    }
}

import Files

/// A tokenizer from a SentencePiece model's file, as `T5Tokenizer`, `GemmaTokenizer` and `LlamaTokenizer` of transformers
/// read it.
///
/// PixArt's `model_index.json` names `T5Tokenizer`; those of Stable Diffusion 3.5 and FLUX name `T5TokenizerFast`, and those
/// of Sana and Lumina `GemmaTokenizerFast`, which are `PieceFileTokenizer`s. The two kinds differ: this one normalises by
/// the longest rule and breaks ties of 32-bit sums, that one by the shortest rule of each grapheme and of 64-bit sums.
final class SentencePieceTokenizer: PieceTokenizer {
    let pieceTokens: PieceTokens
    private let processor: SentencePieceProcessor
    private let family: PieceFamily
    private let added: AddedTokens
    /// Each piece's id when it is looked up by its text, added tokens first.
    private let ids: [Int]
    /// Whether texts between added tokens each get a space in front, as before transformers 4.31.
    private let isLegacy: Bool
    private let addsPrefixSpace: Bool
    private let specialNames: Set<[UInt8]>
    private let unknownToken: [UInt8]
    private let unknownLength: Int

    init(_ model: SentencePieceModel, _ settings: TokenizerSettings, _ family: PieceFamily) throws {
        self.family = family
        let isGemma = family.name == PieceFamily.gemma.name
        isLegacy = try isGemma || settings.boolean("legacy") ?? true
        addsPrefixSpace = try !isGemma && settings.boolean("add_prefix_space") ?? true
        var model = model
        // The classes put the space in front by themselves then.
        if !isLegacy { model.addsDummyPrefix = false }
        let processor = SentencePieceProcessor(model)
        self.processor = processor
        let base = PieceTokens.Base(count: model.pieces.count) { processor.id($0) }
        let tokens = try PieceTokens(settings, family, base, listed: nil)
        pieceTokens = tokens
        added = AddedTokens(tokens.added, followsPython: true)
        ids = model.pieces.map { tokens.id($0.text) ?? model.unknownID }
        specialNames = Set(tokens.specials.compactMap { tokens.names[$0] })
        unknownToken = tokens.roles["unk_token"].flatMap { tokens.names[$0] } ?? []
        unknownLength = processor.encode(unknownToken).count
    }

    func tokens(_ text: String) -> [Int] {
        var text = Array(text.unicodeScalars)
        let corrects = !isLegacy && !text.isEmpty
        if corrects {
            for index in text.indices where text[index] == "\u{2581}" { text[index] = " " }
            if addsPrefixSpace { text.insert("\u{2581}", at: 0) }
        }
        var names: [[UInt8]] = []
        var ids: [Int] = []
        func append(_ name: [UInt8], _ id: Int) {
            if names.count < 2 { names.append(name) }
            ids.append(id)
        }
        for piece in added.split(text) {
            switch piece {
            case .token(let token): append(Vocabulary.bytes(token.content), token.id)
            case .text(let text):
                for token in pieces(text) {
                    let isUnknown = token.id == processor.model.unknownID
                    append(
                        names.count < 2 || isUnknown ? Array(token.text) : [],
                        isUnknown ? pieceTokens.id(Array(token.text)) ?? token.id : self.ids[token.id])
                }
            }
        }
        let isBare = names.count > 1 && names[0] == SentencePieceNormalizer.space && specialNames.contains(names[1])
        return corrects && isBare ? Array(ids.dropFirst()) : ids
    }

    private func pieces(_ text: [Unicode.Scalar]) -> ArraySlice<SentencePieceProcessor.Token> {
        let bytes = Vocabulary.bytes(text)
        guard !isLegacy, text.first == " " || text.first == "\u{2581}" else { return processor.encode(bytes)[...] }
        // The model drops a space in front; behind the unknown token's name it stays.
        let tokens = processor.encode(unknownToken + bytes)
        return tokens.dropFirst(tokens.count >= unknownLength ? unknownLength : 0)
    }

    /// T5's class does not add an end to a text that has one.
    func framed(_ tokens: some Sequence<Int>) -> [Int] {
        let tokens = Array(tokens)
        if !family.hasFrameOptions, let endID, tokens.last == endID { return tokens }
        return [beginID].compactMap { $0 } + tokens + [endID].compactMap { $0 }
    }

    func token(_ id: Int) -> String? { name(id).map { String(decoding: $0, as: UTF8.self) } }

    private func name(_ id: Int) -> [UInt8]? {
        if let name = pieceTokens.names[id] { return name }
        let pieces = processor.model.pieces
        return pieces.indices.contains(id) ? pieces[id].text : nil
    }

    func decode(_ ids: [Int]) throws -> String {
        var texts: [[UInt8]] = []
        var pieces: [[UInt8]] = []
        func flush(isLast: Bool = false) {
            if pieces.isEmpty { return }
            let text = joined(pieces)
            // Python's class leaves an empty text out, but not at the end.
            if !text.isEmpty || isLast { texts.append(text) }
            pieces = []
        }
        for id in ids where !pieceTokens.specials.contains(id) {
            if let name = pieceTokens.names[id] {
                flush()
                texts.append(name)
            } else {
                guard let name = name(id) else { throw TokenizerError.id(id, count: vocabularySize) }
                pieces.append(name)
            }
        }
        flush(isLast: true)
        let isGemma = family.name == PieceFamily.gemma.name
        let text = Array(texts.joined(separator: isGemma ? [] : [0x20]))
        return tidied(String(decoding: isGemma ? SentencePieceProcessor.withSpaces(text[...]) : text, as: UTF8.self))
    }

    private func joined(_ pieces: [[UInt8]]) -> [UInt8] {
        var pieces = pieces
        let space = SentencePieceNormalizer.space
        if addsPrefixSpace, let first = pieces.first, first.starts(with: space) {
            pieces[0] = Array(first.dropFirst(space.count))
        }
        let text = processor.decode(pieces)
        guard family.name == PieceFamily.t5.name else { return text }
        // Python's strip.
        let scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
        guard let start = scalars.firstIndex(where: { !CharacterClasses.isWhitespace($0) }),
            let end = scalars.lastIndex(where: { !CharacterClasses.isWhitespace($0) })
        else { return [] }
        return Vocabulary.bytes(Array(scalars[start...end]))
    }
}

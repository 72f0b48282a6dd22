import Files

/// Makes of a SentencePiece model what transformers makes of it where a class in Rust is asked for and there is no
/// `tokenizer.json`.
struct PieceConversion {
    private static let space: Unicode.Scalar = "\u{2581}"

    let model: SentencePieceModel
    let settings: TokenizerSettings
    let family: PieceFamily
    /// Whether there is a `tokenizer.json` that is left aside: the class in Python does not see the added tokens then.
    let isMadeAnew: Bool

    private func fault(_ reason: String) -> FileError {
        FileError.malformed(path: model.path, location: "", reason: reason)
    }

    func tokenizer() throws -> any Tokenizer {
        // The class in Python gives the special tokens their names.
        let python = try SentencePieceTokenizer(
            model, isMadeAnew ? settings.withoutAddedTokens() : settings, family)
        var vocabulary = model.pieces.map { (text: $0.text, score: Double($0.score)) }
        let isT5 = family.name == PieceFamily.t5.name
        let isGemma = family.name == PieceFamily.gemma.name
        if isT5 {
            let count = try settings.count("extra_ids", limit: 4096) ?? family.sentinels
            vocabulary += (0..<count).reversed().map { (text: Array("<extra_id_\($0)>".utf8), score: 0) }
        } else {
            let roles = python.pieceTokens.roles
            let own = ["pad_token", "eos_token", "bos_token"]
            let first = isGemma ? own.map { roles[$0] } : [0, 1, 2]
            for (place, id) in first.enumerated() where place < vocabulary.count {
                guard let name = id.flatMap(python.token) else {
                    throw isGemma
                        ? settings.noToken(own[place], why: "it has the id \(place)")
                        : fault("wanted a piece with the id \(place), there is none")
                }
                vocabulary[place] = (Array(name.utf8), 0)
            }
            // Older models of Gemma lack the tab.
            if isGemma, !vocabulary.contains(where: { $0.text == [0x09] }),
                let place = vocabulary.firstIndex(where: { $0.text == SentencePieceModel.piece(0x09) })
            {
                vocabulary[place] = ([0x09], 0)
            }
        }
        let ids = Dictionary(
            vocabulary.enumerated().map { ($0.element.text, $0.offset) }, uniquingKeysWith: { _, last in last })
        let listed = model.pieces.enumerated().filter {
            $0.element.type == .control || $0.element.type == .userDefined
        }.map { id, piece in
            let isTurn = isGemma && [Array("<start_of_turn>".utf8), Array("<end_of_turn>".utf8)].contains(piece.text)
            return AddedToken(
                content: Array(String(decoding: piece.text, as: UTF8.self).unicodeScalars), id: ids[piece.text] ?? id,
                isNormalized: false, isSpecial: piece.type == .control || isTurn)
        }
        let base = PieceTokens.Base(count: ids.count) { ids[$0] }
        var tokens = try PieceTokens(settings, family, base, listed: listed)
        if isT5 { tokens.endID = tokens.id(Array("</s>".utf8)) }
        let names = PieceNames(
            Dictionary(uniqueKeysWithValues: vocabulary.enumerated().map { ($0.offset, $0.element.text) }))
        let parts = try parts(isT5: isT5, isGemma: isGemma)
        return PieceFileTokenizer(
            tokens, try model(vocabulary, ids, isT5: isT5, isGemma: isGemma), names, normalizer: parts.normalizer,
            splitter: parts.splitter, decoder: parts.decoder)
    }

    private func model(
        _ vocabulary: [(text: [UInt8], score: Double)], _ ids: [[UInt8]: Int], isT5: Bool, isGemma: Bool
    ) throws -> PieceFileTokenizer.Model {
        switch model.kind {
        case .unigram:
            let unknownID = isT5 ? model.statedUnknownID : isGemma ? 3 : 0
            guard vocabulary.indices.contains(unknownID) else {
                throw fault("there is no piece with the id \(unknownID) of what is unknown")
            }
            return .unigram(PieceUnigram(vocabulary, unknownID: unknownID, fallsBack: !isT5))
        case .bytePair:
            guard let unknown = ids[model.unknownPiece] else {
                throw fault("the token of what is unknown, unk_piece, is no piece")
            }
            let options = PieceBytePair.Options(fusesUnknown: true, fallsBack: !isT5, unknownID: unknown)
            return .bytePair(PieceBytePair(ids, merges: try merges(vocabulary, ids, hasTab: isGemma), options))
        }
    }

    /// Every way to make a piece of two, the pieces with the greatest scores first.
    private func merges(
        _ vocabulary: [(text: [UInt8], score: Double)], _ ids: [[UInt8]: Int], hasTab: Bool
    ) throws -> [(left: Int, right: Int, result: Int)] {
        struct Candidate {
            var left: [UInt8]
            var right: [UInt8]
            var score: Double
            var lengths: (Int, Int)
        }
        var known = Dictionary(
            model.pieces.enumerated().map { ($0.element.text, $0.offset) }, uniquingKeysWith: { _, last in last })
        if hasTab, known[[0x09]] == nil { known[[0x09]] = known[SentencePieceModel.piece(0x09)] }
        var found: [Candidate] = []
        var seen = Set<[UInt8]>()
        // A name that stands there twice has its last score.
        let scores = Dictionary(vocabulary.map { ($0.text, $0.score) }, uniquingKeysWith: { _, last in last })
        for (text, _) in vocabulary where seen.insert(text).inserted {
            let count = text.count { $0 & 0xC0 != 0x80 }
            var length = 0
            var local: [(order: (Int, Int), candidate: Candidate)] = []
            for place in text.indices where text[place] & 0xC0 != 0x80 {
                defer { length += 1 }
                guard place > 0 else { continue }
                let (left, right) = (Array(text[..<place]), Array(text[place...]))
                guard let first = known[left], let second = known[right] else { continue }
                local.append(
                    (
                        (first, second),
                        Candidate(
                            left: left, right: right, score: scores[text] ?? 0, lengths: (length, count - length))
                    ))
            }
            found += local.sorted { $0.order < $1.order }.map(\.candidate)
        }
        // The reference sorts from the greatest, and equal ones stay in their order.
        let order = found.indices.sorted {
            let (a, b) = (found[$0], found[$1])
            let (left, right) = ((a.score, a.lengths.0, a.lengths.1), (b.score, b.lengths.0, b.lengths.1))
            return left == right ? $0 < $1 : left > right
        }
        return try order.map { index in
            let candidate = found[index]
            guard let left = ids[candidate.left], let right = ids[candidate.right],
                let result = ids[candidate.left + candidate.right]
            else {
                throw fault(
                    "the merge of \"\(String(decoding: candidate.left, as: UTF8.self))\" and "
                        + "\"\(String(decoding: candidate.right, as: UTF8.self))\" is not in the vocabulary")
            }
            return (left, right, result)
        }
    }

    private func parts(
        isT5: Bool, isGemma: Bool
    ) throws -> (normalizer: PieceNormalizer, splitter: PieceSplitter, decoder: PieceDecoder) {
        let toSpaces: [PieceDecoder] = [.replace([Self.space], with: [" "]), .byteFallback, .fuse]
        if isGemma { return (.replace([" "], with: [Self.space]), .behind([" "]), .sequence(toSpaces)) }
        let isLegacy = try settings.boolean("legacy") ?? true
        let hasPrefix = try settings.boolean("add_prefix_space") ?? true
        let prefix: PieceSplitter.Prefix = !hasPrefix ? .never : isLegacy ? .always : .first
        if isT5 {
            let rest: [PieceNormalizer] = [.strip(left: false, right: true), .replaceSpaces(with: [Self.space])]
            return (
                .sequence((model.characters.map { [.precompiled($0)] } ?? []) + rest),
                .metaspace(Self.space, prefix, splits: true), .metaspace(Self.space, hasPrefix: hasPrefix)
            )
        }
        let decoder = PieceDecoder.sequence(toSpaces + (hasPrefix ? [.strip(" ", start: 1, stop: 0)] : []))
        if !isLegacy { return (.sequence([]), .metaspace(Self.space, prefix, splits: false), decoder) }
        let start: [PieceNormalizer] = hasPrefix ? [.prepend([Self.space])] : []
        return (.sequence(start + [.replace([" "], with: [Self.space])]), .sequence([]), decoder)
    }
}

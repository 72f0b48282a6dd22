/// The normalizers of `tokenizer.json` that tokenizers of pieces have.
indirect enum PieceNormalizer {
    /// SentencePiece's rules, as the package tokenizers applies them: to each grapheme of less than six bytes, else to each
    /// character.
    case precompiled(CharacterMap)
    case replace([Unicode.Scalar], with: [Unicode.Scalar])
    /// Two spaces and more.
    case replaceSpaces(with: [Unicode.Scalar])
    case prepend([Unicode.Scalar])
    case strip(left: Bool, right: Bool)
    /// Normal form C.
    case composed
    case sequence([PieceNormalizer])

    /// At most how many times as long a text becomes, what is put in front left out.
    var growth: Int {
        func times(_ new: Int, _ old: Int) -> Int { max(1, (new + old - 1) / old) }
        switch self {
        case .precompiled: return CharacterMap.longestText
        case .replace(let old, let new): return times(new.count, old.count)
        case .replaceSpaces(let new): return times(new.count, 2)
        case .prepend, .strip: return 1
        // The longest decomposition that stays decomposed.
        case .composed: return 3
        case .sequence(let parts): return parts.reduce(1) { min(1 << 20, $0 * $1.growth) }
        }
    }

    func normalized(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        switch self {
        case .precompiled(let characters): return Self.mapped(text, characters)
        case .replace(let old, let new): return TextForms.replacing(text, old, with: new)
        case .replaceSpaces(let new): return Self.withSpacesReplaced(text, new)
        case .prepend(let start): return text.isEmpty ? text : start + text
        case .strip(let left, let right):
            let isSpace = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace }
            let first = left ? text.firstIndex { !isSpace($0) } ?? text.count : 0
            let last = right ? text.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? 0 : text.count
            return first < last ? Array(text[first..<last]) : []
        case .composed: return TextForms.composed(text, .rustForms)
        case .sequence(let parts): return parts.reduce(text) { $1.normalized($0) }
        }
    }

    private static func withSpacesReplaced(_ text: [Unicode.Scalar], _ new: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            let end = text[index...].firstIndex { $0 != " " } ?? text.count
            if end - index >= 2 {
                result += new
                index = end
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    /// The graphemes as the package tokenizers cuts them: marks that are newer than its Unicode are letters to it.
    private static func graphemes(_ text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
        let known = text.map { scalar -> Unicode.Scalar in
            guard scalar.value >= 0x300, !CharacterClasses.rustPatterns.isAssigned(scalar) else { return scalar }
            switch scalar.properties.generalCategory {
            case .nonspacingMark, .spacingMark, .enclosingMark: return "x"
            default: return scalar
            }
        }
        var start = 0
        return TextForms.string(known).map { grapheme in
            let end = start + grapheme.unicodeScalars.count
            defer { start = end }
            return text[start..<end]
        }
    }

    private static func mapped(_ text: [Unicode.Scalar], _ characters: CharacterMap) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        func append(_ rule: Range<Int>) {
            result += String(decoding: characters[rule], as: UTF8.self).unicodeScalars
        }
        for grapheme in graphemes(text) {
            let bytes = Vocabulary.bytes(Array(grapheme))
            if bytes.count < 6, let rule = characters.shortest(bytes, 0..<bytes.count) {
                append(rule)
                continue
            }
            var place = 0
            for scalar in grapheme {
                let width = UTF8.width(scalar)
                if let rule = characters.shortest(bytes, place..<place + width) {
                    append(rule)
                } else {
                    result.append(scalar)
                }
                place += width
            }
        }
        return result
    }
}

/// The pre-tokenizers of `tokenizer.json` that tokenizers made of SentencePiece models have.
indirect enum PieceSplitter {
    /// Spaces become the replacement, which is also put in front, and begins a part.
    case metaspace(Unicode.Scalar, Prefix, splits: Bool)
    case whitespace
    /// A part ends behind each delimiter; of delimiters in a row each but the first is a part.
    case behind([Unicode.Scalar])
    /// GPT-2's words, whose bytes become letters: `ByteLevel`.
    /// - Parameters:
    ///   - hasPrefix: whether a space is put before a part that begins with none.
    ///   - splits: whether words are cut, rather than whole parts taken.
    case byteLevel(hasPrefix: Bool, splits: Bool)
    case sequence([PieceSplitter])

    /// Before which parts a replacement is put.
    enum Prefix: String {
        case always, first, never
    }

    /// A part of a text, and whether it begins the text.
    struct Part {
        var text: [Unicode.Scalar]
        var isFirst: Bool
    }

    func parts(_ parts: [Part]) -> [Part] {
        switch self {
        case .metaspace(let space, let prefix, let splits):
            return parts.flatMap { Self.metaspace($0, space, prefix, splits) }
        case .whitespace:
            return parts.flatMap { part in
                part.text.split { $0.properties.isWhitespace }.map {
                    Part(text: Array($0), isFirst: part.isFirst && $0.startIndex == 0)
                }
            }
        case .behind(let delimiter): return parts.flatMap { Self.split($0, behind: delimiter) }
        case .byteLevel(let hasPrefix, let splits):
            return parts.flatMap { part in
                let text = hasPrefix && part.text.first != " " ? [" "] + part.text : part.text
                let words = splits ? GPT2Words.split(text) : [text[...]]
                return words.map {
                    Part(text: ByteLetters.letters($0), isFirst: part.isFirst && $0.startIndex == 0)
                }
            }
        case .sequence(let splitters): return splitters.reduce(parts) { $1.parts($0) }
        }
    }

    private static func metaspace(_ part: Part, _ space: Unicode.Scalar, _ prefix: Prefix, _ splits: Bool) -> [Part] {
        var text = part.text.map { $0 == " " ? space : $0 }
        if text.isEmpty { return [] }
        let isPut = prefix == .always || prefix == .first && part.isFirst
        if isPut, text.first != space { text.insert(space, at: 0) }
        guard splits else { return [Part(text: text, isFirst: part.isFirst)] }
        var result: [Part] = []
        var start = 0
        for index in text.indices.dropFirst() where text[index] == space {
            result.append(Part(text: Array(text[start..<index]), isFirst: part.isFirst && start == 0))
            start = index
        }
        result.append(Part(text: Array(text[start...]), isFirst: part.isFirst && start == 0))
        return result
    }

    private static func split(_ part: Part, behind delimiter: [Unicode.Scalar]) -> [Part] {
        var result: [Part] = []
        var start = 0
        var index = 0
        while index < part.text.count {
            guard part.text[index...].starts(with: delimiter) else {
                index += 1
                continue
            }
            index += delimiter.count
            result.append(Part(text: Array(part.text[start..<index]), isFirst: part.isFirst && start == 0))
            start = index
        }
        if start < part.text.count {
            result.append(Part(text: Array(part.text[start...]), isFirst: part.isFirst && start == 0))
        }
        return result
    }
}

/// The decoders of `tokenizer.json` that tokenizers made of SentencePiece models have.
indirect enum PieceDecoder {
    case replace([Unicode.Scalar], with: [Unicode.Scalar])
    /// Runs of pieces for bytes become the text that they are in UTF-8, or as many replacement characters.
    case byteFallback
    case fuse
    case strip(Unicode.Scalar, start: Int, stop: Int)
    case metaspace(Unicode.Scalar, hasPrefix: Bool)
    /// Letters become the bytes that they stand for.
    case byteLevel
    case sequence([PieceDecoder])

    func decoded(_ tokens: [[Unicode.Scalar]]) -> [[Unicode.Scalar]] {
        switch self {
        case .replace(let old, let new): return tokens.map { TextForms.replacing($0, old, with: new) }
        case .byteFallback: return Self.withBytes(tokens)
        case .fuse: return [Array(tokens.joined())]
        case .strip(let content, let start, let stop):
            return tokens.map { token in
                let first = token.prefix(start).prefix { $0 == content }.count
                let last = token.reversed().prefix(stop).prefix { $0 == content }.count
                return first + last < token.count ? Array(token[first..<token.count - last]) : []
            }
        case .metaspace(let space, let hasPrefix):
            return tokens.enumerated().map { index, token in
                token.compactMap { $0 != space ? $0 : index == 0 && hasPrefix ? nil : " " }
            }
        case .byteLevel:
            let bytes = tokens.flatMap { ByteLetters.bytes($0) ?? Vocabulary.bytes($0) }
            return [Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)]
        case .sequence(let decoders): return decoders.reduce(tokens) { $1.decoded($0) }
        }
    }

    private static func withBytes(_ tokens: [[Unicode.Scalar]]) -> [[Unicode.Scalar]] {
        var result: [[Unicode.Scalar]] = []
        var bytes: [UInt8] = []
        func flush() {
            if bytes.isEmpty { return }
            if let text = String(validating: bytes, as: UTF8.self) {
                result.append(Array(text.unicodeScalars))
            } else {
                result += [[Unicode.Scalar]](repeating: ["\u{FFFD}"], count: bytes.count)
            }
            bytes = []
        }
        for token in tokens {
            if let byte = byte(token) {
                bytes.append(byte)
            } else {
                flush()
                result.append(token)
            }
        }
        flush()
        return result
    }

    /// Hexadecimal digits of either case.
    private static func byte(_ token: [Unicode.Scalar]) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".unicodeScalars), token[5] == ">" else { return nil }
        return UInt8(TextForms.string(Array(token[3...4])), radix: 16)
    }
}

/// The letters that stand for bytes in byte-level vocabularies (Radford et al., 2019).
enum ByteLetters {
    /// The printable character that stands for a byte: itself where it is printable in Latin-1, else the next one from U+0100 on.
    static func letter(_ byte: UInt8) -> Unicode.Scalar {
        switch byte {
        case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
        case 0...0x20: return scalar(0x100 + UInt32(byte))
        case 0x7F...0xA0: return scalar(0x121 + UInt32(byte) - 0x7F)
        default: return scalar(0x143)
        }
    }

    private static let table = (0...255).map { letter(UInt8($0)) }
    private static let byteOfLetter = Dictionary(uniqueKeysWithValues: (0...255).map { (table[$0], UInt8($0)) })

    /// The letters of a text's bytes.
    static func letters(_ text: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar] {
        Vocabulary.bytes(Array(text)).map { table[Int($0)] }
    }

    /// The bytes that letters stand for; nil where one stands for none.
    static func bytes(_ letters: [Unicode.Scalar]) -> [UInt8]? {
        var result: [UInt8] = []
        for letter in letters {
            guard let byte = byteOfLetter[letter] else { return nil }
            result.append(byte)
        }
        return result
    }

    private static func scalar(_ value: UInt32) -> Unicode.Scalar { Unicode.Scalar(value) ?? " " }
}

/// GPT-2's words: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
enum GPT2Words {
    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }

    /// The words of a text, which together are the text.
    static func split(_ text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
        var words: [ArraySlice<Unicode.Scalar>] = []
        var index = 0
        while index < text.count {
            let end = wordEnd(text, index)
            words.append(text[index..<end])
            index = end
        }
        return words
    }

    private enum Kind { case space, letter, number, other }

    private static func kind(_ scalar: Unicode.Scalar) -> Kind {
        let classes = CharacterClasses.rustPatterns
        if scalar.properties.isWhitespace { return .space }
        if classes.isLetter(scalar) { return .letter }
        return classes.isNumber(scalar) ? .number : .other
    }

    private static func wordEnd(_ text: [Unicode.Scalar], _ start: Int) -> Int {
        func run(_ kind: Kind, from place: Int) -> Int {
            text[place...].firstIndex { Self.kind($0) != kind } ?? text.count
        }
        if text[start] == "'", let found = contractions.first(where: { text[start...].starts(with: $0) }) {
            return start + found.count
        }
        let first = kind(text[start])
        if first != .space { return run(first, from: start) }
        let end = run(.space, from: start)
        // A space belongs to the word behind it; of other white space the last is left for itself.
        if end == text.count { return end }
        if end == start + 1 { return text[start] == " " ? run(kind(text[end]), from: end) : end }
        return end - 1
    }
}

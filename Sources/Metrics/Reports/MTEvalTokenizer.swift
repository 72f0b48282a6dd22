/// The tokenizer `13a` of sacrebleu, which is that of NIST's mteval-v13a: marks are words, full stops and commas are unless
/// they stand between digits.
enum MTEvalTokenizer {
    typealias Word = [Unicode.Scalar]

    /// The words of a text.
    static func words(_ text: String) -> [Word] {
        var text = Array(text.unicodeScalars)
        while let last = text.last, isSpace(last) { text.removeLast() }
        for (old, new) in [
            ("<skipped>", ""), ("-\n", ""), ("\n", " "), ("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"),
        ] {
            text = replaced(text, Array(old.unicodeScalars), Array(new.unicodeScalars))
        }
        text = [" "] + text + [" "]
        text = text.flatMap { isMark($0) ? [" ", $0, " "] : [$0] }
        text = spaced(text, { !isDigit($0) && isPoint($1) }) { [$0, " ", $1, " "] }
        text = spaced(text, { isPoint($0) && !isDigit($1) }) { [" ", $0, " ", $1] }
        text = spaced(text, { isDigit($0) && $1 == "-" }) { [$0, " ", $1, " "] }
        return text.split(whereSeparator: isSpace).map(Array.init)
    }

    /// What Python's `str.split` and `str.rstrip` take for white space.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        (0x1C...0x1F).contains(scalar.value) || scalar.properties.isWhitespace
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    private static func isPoint(_ scalar: Unicode.Scalar) -> Bool { scalar == "." || scalar == "," }

    /// ASCII's marks but for `'`, `,`, `-` and `.`, and the space.
    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x26, 0x28...0x2B, 0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
        default: return false
        }
    }

    /// Pairs of neighbours that fit, from left to right and none in two pairs, in the form that `write` gives them.
    private static func spaced(
        _ text: Word, _ fits: (Unicode.Scalar, Unicode.Scalar) -> Bool,
        _ write: (Unicode.Scalar, Unicode.Scalar) -> Word
    ) -> Word {
        var result = Word()
        result.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            if place + 1 < text.count, fits(text[place], text[place + 1]) {
                result += write(text[place], text[place + 1])
                place += 2
            } else {
                result.append(text[place])
                place += 1
            }
        }
        return result
    }

    private static func replaced(_ text: Word, _ old: Word, _ new: Word) -> Word {
        guard let first = old.first, text.contains(first) else { return text }
        var result = Word()
        result.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            if text[place] == first, text[place...].starts(with: old) {
                result += new
                place += old.count
            } else {
                result.append(text[place])
                place += 1
            }
        }
        return result
    }
}

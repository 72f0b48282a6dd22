/// How the package radgraph cuts reports into words.
enum RadGraphWords {
    /// The words of a report; an empty one is the word None.
    /// - Parameter dataset: `radgraph`, the first model, cuts at ten marks; all later ones cut runs of marks from runs of letters.
    static func words(_ text: String, dataset: String) -> [String] {
        let text = Array((text.isEmpty ? "None" : text).unicodeScalars)
        if dataset == "radgraph" {
            return split(text.flatMap { "/,:.!?()".unicodeScalars.contains($0) ? [" ", $0, " "] : [$0] })
        }
        var cleaned = text
        for (old, new) in [
            ("\\n", "  "), ("\\f", "  "), ("\\u2122", "      "), ("\n", " "), ("\\\"", "``"),
        ] {
            cleaned = replaced(cleaned, old, new)
        }
        var spaced: [Unicode.Scalar] = []
        for (place, scalar) in cleaned.enumerated() {
            if place > 0, isLetter(scalar) != isLetter(cleaned[place - 1]) { spaced.append(" ") }
            spaced.append(scalar)
        }
        spaced = Array(split(spaced).joined(separator: " ").unicodeScalars)
        for (old, new) in [(").", ") ."), ("%.", "% ."), (".'", ". '"), ("%,", "% ,"), ("%)", "% )")] {
            spaced = replaced(spaced, old, new)
        }
        return split(spaced)
    }

    /// What is read for a word: of two words of the training's data the stroke is left out.
    static func read(_ word: String) -> String { word == "/." || word == "/?" ? String(word.dropFirst()) : word }

    private static func split(_ text: [Unicode.Scalar]) -> [String] {
        text.split { (0x1C...0x1F).contains($0.value) || $0.properties.isWhitespace }.map { word in
            var text = String.UnicodeScalarView()
            text.append(contentsOf: word)
            return String(text)
        }
    }

    /// Python's `\w`: letters, numbers and the low line.
    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            return true
        default: return scalar == "_"
        }
    }

    private static func replaced(_ text: [Unicode.Scalar], _ old: String, _ new: String) -> [Unicode.Scalar] {
        let (old, new) = (Array(old.unicodeScalars), Array(new.unicodeScalars))
        var result: [Unicode.Scalar] = []
        var place = 0
        while place < text.count {
            if text[place] == old[0], text[place...].starts(with: old) {
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

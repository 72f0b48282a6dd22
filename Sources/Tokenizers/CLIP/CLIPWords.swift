/// Cuts cleaned text into CLIP's words: contractions, runs of letters, single digits, runs of anything else.
enum CLIPWords {
    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }
    /// Marks that are words of their own, although they consist of signs and letters.
    private static let marks = ["<|startoftext|>", "<|endoftext|>"].map { Array($0.unicodeScalars) }

    /// The words of a text.
    /// - Parameter foldsCase: whether contractions and marks match in any letter case, as in Python's tokenizer, which
    ///   also knows the two marks; tokenizers in Rust do neither.
    static func split(_ text: [Unicode.Scalar], foldsCase: Bool) -> [ArraySlice<Unicode.Scalar>] {
        var words: [ArraySlice<Unicode.Scalar>] = []
        var index = 0
        while index < text.count {
            let end = wordEnd(text, index, foldsCase)
            if end > index { words.append(text[index..<end]) }
            index = max(end, index + 1)
        }
        return words
    }

    private static func wordEnd(_ text: [Unicode.Scalar], _ start: Int, _ foldsCase: Bool) -> Int {
        let first = text[start]
        let classes: CharacterClasses = foldsCase ? .python : .rustPatterns
        // Python's regex drops this mark: in some letter case it is a letter, and so belongs to no class.
        let isNothing = { (scalar: Unicode.Scalar) in foldsCase && scalar.value == 0x345 }
        if isNothing(first) { return start }
        if foldsCase, first == "<", let mark = marks.first(where: { matches(text, start, $0, foldsCase) }) {
            return start + mark.count
        }
        if first == "'", let found = contractions.first(where: { matches(text, start, $0, foldsCase) }) {
            return start + found.count
        }
        if classes.isLetter(first) {
            return text[start...].firstIndex { !classes.isLetter($0) } ?? text.count
        }
        if classes.isNumber(first) { return start + 1 }
        return text[start...].firstIndex {
            $0.properties.isWhitespace || isNothing($0) || classes.isLetter($0) || classes.isNumber($0)
        } ?? text.count
    }

    private static func matches(
        _ text: [Unicode.Scalar], _ start: Int, _ word: [Unicode.Scalar], _ foldsCase: Bool
    ) -> Bool {
        guard word.count <= text.count - start else { return false }
        return zip(text[start...], word).allSatisfy { scalar, letter in
            scalar == letter || foldsCase && isCaseOf(scalar, letter)
        }
    }

    /// Whether a character is another case of a lower-case ASCII letter; the long s and the Kelvin sign are, too.
    private static func isCaseOf(_ scalar: Unicode.Scalar, _ letter: Unicode.Scalar) -> Bool {
        if scalar.value == 0x17F { return letter == "s" }
        if scalar.value == 0x212A { return letter == "k" }
        return (0x41...0x5A).contains(scalar.value) && scalar.value + 32 == letter.value
    }
}

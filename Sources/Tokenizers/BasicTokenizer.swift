/// Cleans a text and cuts it into words: the first half of BERT's tokenizer, and all that CLIP's does to a text where
/// the package ftfy is not installed.
struct BasicTokenizer {
    /// Whether letters become lower case.
    var lowercases = true
    /// Whether accents are dropped.
    var stripsAccents = false
    /// Whether every punctuation mark is a word.
    var splitsPunctuation = false
    /// Whether every ideograph is a word.
    var splitsIdeographs = true
    /// Whether this follows the Rust package `tokenizers` where it differs from Python's: no normal form C, and letter
    /// case of each character for itself, after the accents.
    var followsRust = false

    private var classes: CharacterClasses { followsRust ? .rustBERT : .python }

    /// The words of a text; those in `unsplit` stay as they are.
    func words(_ text: [Unicode.Scalar], unsplit: Set<[Unicode.Scalar]> = []) -> [[Unicode.Scalar]] {
        var cleaned: [Unicode.Scalar] = []
        cleaned.reserveCapacity(text.count)
        for scalar in text {
            if scalar.value == 0xFFFD || classes.isControl(scalar) { continue }
            if CharacterClasses.isSpace(scalar) {
                cleaned.append(" ")
            } else if splitsIdeographs && CharacterClasses.isIdeograph(scalar) {
                cleaned += [" ", scalar, " "]
            } else {
                cleaned.append(scalar)
            }
        }
        if !followsRust { cleaned = TextForms.composed(cleaned, classes) }
        var result: [[Unicode.Scalar]] = []
        for word in cleaned.split(whereSeparator: CharacterClasses.isWhitespace) {
            let word = Array(word)
            if unsplit.contains(word) {
                result.append(word)
                continue
            }
            let plain = folded(word)
            if splitsPunctuation { result += punctuated(plain) } else if !plain.isEmpty { result.append(plain) }
        }
        return result
    }

    private func folded(_ word: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var word = word
        if followsRust {
            if stripsAccents { word = TextForms.withoutAccents(word, forms: .rustForms, classes) }
            return lowercases ? TextForms.lowercasedAlone(word, .rustPatterns) : word
        }
        if lowercases { word = TextForms.lowercased(word) }
        return stripsAccents ? TextForms.withoutAccents(word, forms: classes, classes) : word
    }

    private func punctuated(_ word: [Unicode.Scalar]) -> [[Unicode.Scalar]] {
        var result: [[Unicode.Scalar]] = []
        var startsWord = true
        for scalar in word {
            if classes.isPunctuation(scalar) {
                result.append([scalar])
                startsWord = true
            } else if startsWord {
                result.append([scalar])
                startsWord = false
            } else {
                result[result.count - 1].append(scalar)
            }
        }
        return result
    }
}

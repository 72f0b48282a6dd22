// The standard library's normal forms have no public name that gives their scalars. Foundation's take a scalar beyond the
// first 65536 for the one of its lower 16 bits, and so compose what does not compose.
@_spi(_Unicode) import Swift

/// Unicode normal forms and letter case of arrays of scalars, as Python computes them.
enum TextForms {
    /// Normalization form C.
    /// - Parameter classes: which characters there are; all others stay, and nothing moves across them.
    static func composed(_ text: [Unicode.Scalar], _ classes: CharacterClasses) -> [Unicode.Scalar] {
        // Below U+0300 nothing combines and nothing decomposes on its own.
        if text.allSatisfy({ $0.value < 0x300 }) { return text }
        return form(text, classes) { Array($0._nfc) }
    }

    /// Normalization form D.
    /// - Parameter classes: as for form C.
    private static func decomposed(_ text: [Unicode.Scalar], _ classes: CharacterClasses) -> [Unicode.Scalar] {
        if text.allSatisfy({ $0.value < 0x80 }) { return text }
        return form(text, classes) { Array($0._nfd) }
    }

    /// A form of each run of characters that there are in a library's version of Unicode: no form of an older text ever
    /// changes, so that newer characters alone must be kept out.
    private static func form(
        _ text: [Unicode.Scalar], _ classes: CharacterClasses, _ form: (String) -> [Unicode.Scalar]
    ) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var start = 0
        for end in 0...text.count where end == text.count || !classes.isAssigned(text[end]) {
            if start < end { result += form(string(withTibetanVowelsApart(text[start..<end]))) }
            if end < text.count { result.append(text[end]) }
            start = end + 1
        }
        return result
    }

    /// Takes three vowel signs apart that no normal form has: the library does not order the marks across them.
    private static func withTibetanVowelsApart(_ text: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar] {
        guard text.contains(where: { (0xF73...0xF81).contains($0.value) }) else { return Array(text) }
        return text.flatMap { scalar -> [Unicode.Scalar] in
            switch scalar.value {
            case 0xF73: return ["\u{F71}", "\u{F72}"]
            case 0xF75: return ["\u{F71}", "\u{F74}"]
            case 0xF81: return ["\u{F71}", "\u{F80}"]
            default: return [scalar]
            }
        }
    }

    /// Form D without its nonspacing marks.
    /// - Parameters:
    ///   - forms: which characters have a form D.
    ///   - classes: which are marks.
    static func withoutAccents(
        _ text: [Unicode.Scalar], forms: CharacterClasses, _ classes: CharacterClasses
    ) -> [Unicode.Scalar] {
        decomposed(text, forms).filter { !classes.isNonspacingMark($0) }
    }

    /// Lower case of each scalar for itself, as Rust's tokenizers make it; those that the library does not know stay.
    static func lowercasedAlone(_ text: [Unicode.Scalar], _ classes: CharacterClasses) -> [Unicode.Scalar] {
        text.flatMap { lowercased($0, classes) }
    }

    /// Python's `str.lower`, in which a capital sigma at the end of a word becomes ς.
    static func lowercased(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        for (index, scalar) in text.enumerated() {
            if scalar.value == 0x3A3 {
                result.append(endsWord(text, index) ? "\u{3C2}" : "\u{3C3}")
            } else {
                result.append(contentsOf: lowercased(scalar, .python))
            }
        }
        return result
    }

    /// A text with each of a sequence of scalars replaced, from the left.
    static func replacing(
        _ text: [Unicode.Scalar], _ old: [Unicode.Scalar], with new: [Unicode.Scalar]
    ) -> [Unicode.Scalar] {
        guard let first = old.first else { return text }
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            if text[index] == first, text[index...].starts(with: old) {
                result += new
                index += old.count
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    /// A string of the scalars.
    static func string(_ text: [Unicode.Scalar]) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: text)
        return String(view)
    }

    private static func lowercased(_ scalar: Unicode.Scalar, _ classes: CharacterClasses) -> [Unicode.Scalar] {
        if scalar.value < 0x80 {
            let isUpper = (0x41...0x5A).contains(scalar.value)
            return [isUpper ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar]
        }
        return classes.isAssigned(scalar) ? Array(scalar.properties.lowercaseMapping.unicodeScalars) : [scalar]
    }

    /// Unicode's Final_Sigma: a cased letter before, none after, letters that ignore case left out.
    private static func endsWord(_ text: [Unicode.Scalar], _ index: Int) -> Bool {
        let before = text[..<index].last { !$0.properties.isCaseIgnorable }
        guard before?.properties.isCased == true else { return false }
        let after = text[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        return after?.properties.isCased != true
    }
}

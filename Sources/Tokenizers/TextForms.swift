import Foundation

/// Unicode normal forms and letter case of arrays of scalars, as Python computes them.
enum TextForms {
    /// Normalization form C.
    static func composed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        // Below U+0300 nothing combines and nothing decomposes on its own.
        if text.allSatisfy({ $0.value < 0x300 }) { return text }
        // Hangul letters combine with each other only, so that the text falls apart at them.
        var result: [Unicode.Scalar] = []
        var index = 0
        while index < text.count {
            let isHangul = isHangul(text[index])
            let end = text[index...].firstIndex { self.isHangul($0) != isHangul } ?? text.count
            let run = Array(text[index..<end])
            if isHangul {
                result += withHangulComposed(run)
            } else {
                result += string(withTibetanVowelsApart(run)).precomposedStringWithCanonicalMapping.unicodeScalars
            }
            index = end
        }
        return result
    }

    private static func isHangul(_ scalar: Unicode.Scalar) -> Bool {
        (0x1100...0x11FF).contains(scalar.value) || (0xAC00...0xD7A3).contains(scalar.value)
    }

    /// Takes three vowel signs apart that no normal form has: Foundation does not order the marks across them.
    private static func withTibetanVowelsApart(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        guard text.contains(where: { (0xF73...0xF81).contains($0.value) }) else { return text }
        return text.flatMap { scalar -> [Unicode.Scalar] in
            switch scalar.value {
            case 0xF73: return ["\u{F71}", "\u{F72}"]
            case 0xF75: return ["\u{F71}", "\u{F74}"]
            case 0xF81: return ["\u{F71}", "\u{F80}"]
            default: return [scalar]
            }
        }
    }

    /// Joins Hangul letters that follow each other (chapter 3.12 of the Unicode standard): Foundation leaves some of
    /// them apart, and joins old letters to nonsense.
    private static func withHangulComposed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        for scalar in text {
            let value = Int(scalar.value)
            if let last = result.last.map({ Int($0.value) }) {
                let isLeading = (0x1100...0x1112).contains(last) && (0x1161...0x1175).contains(value)
                let isOpen = (0xAC00...0xD7A3).contains(last) && (last - 0xAC00) % 28 == 0
                var joined: Int?
                if isLeading { joined = 0xAC00 + ((last - 0x1100) * 21 + (value - 0x1161)) * 28 }
                if isOpen, (0x11A8...0x11C2).contains(value) { joined = last + value - 0x11A7 }
                if let scalar = joined.flatMap({ Unicode.Scalar(UInt32($0)) }) {
                    result[result.count - 1] = scalar
                    continue
                }
            }
            result.append(scalar)
        }
        return result
    }

    /// Normalization form D.
    static func decomposed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        if text.allSatisfy({ $0.value < 0x80 }) { return text }
        return Array(string(withTibetanVowelsApart(text)).decomposedStringWithCanonicalMapping.unicodeScalars)
    }

    /// Form D without its nonspacing marks.
    static func withoutAccents(_ text: [Unicode.Scalar], _ classes: CharacterClasses) -> [Unicode.Scalar] {
        decomposed(text).filter { !classes.isNonspacingMark($0) }
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

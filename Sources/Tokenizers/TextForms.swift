import Foundation

/// Unicode normal forms and letter case of arrays of scalars, as Python computes them.
enum TextForms {
    /// Normalization form C.
    static func composed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        // Below U+0300 nothing combines and nothing decomposes on its own.
        if text.allSatisfy({ $0.value < 0x300 }) { return text }
        return Array(string(text).precomposedStringWithCanonicalMapping.unicodeScalars)
    }

    /// Normalization form D.
    static func decomposed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        if text.allSatisfy({ $0.value < 0x80 }) { return text }
        return Array(string(text).decomposedStringWithCanonicalMapping.unicodeScalars)
    }

    /// Form D without its nonspacing marks.
    static func withoutAccents(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        decomposed(text).filter { $0.value < 0x80 || $0.properties.generalCategory != .nonspacingMark }
    }

    /// Lower case of each scalar for itself, as Rust's tokenizers make it.
    static func lowercasedAlone(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        text.flatMap { lowercased($0) }
    }

    /// Python's `str.lower`, in which a capital sigma at the end of a word becomes ς.
    static func lowercased(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        for (index, scalar) in text.enumerated() {
            if scalar.value == 0x3A3 {
                result.append(endsWord(text, index) ? "\u{3C2}" : "\u{3C3}")
            } else {
                result.append(contentsOf: lowercased(scalar))
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

    private static func lowercased(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        if scalar.value < 0x80 {
            let isUpper = (0x41...0x5A).contains(scalar.value)
            return [isUpper ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar]
        }
        return Array(scalar.properties.lowercaseMapping.unicodeScalars)
    }

    /// Unicode's Final_Sigma: a cased letter before, none after, letters that ignore case left out.
    private static func endsWord(_ text: [Unicode.Scalar], _ index: Int) -> Bool {
        let before = text[..<index].last { !$0.properties.isCaseIgnorable }
        guard before?.properties.isCased == true else { return false }
        let after = text[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        return after?.properties.isCased != true
    }
}

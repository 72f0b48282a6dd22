/// The classes of characters that tokenizers ask for, as one of the reference's libraries sees them: each has its own
/// Unicode version, in which later characters are unassigned.
struct CharacterClasses {
    /// The first Unicode version whose characters are unassigned.
    private let end: Int
    /// Whether unassigned characters are dropped from texts.
    private let dropsUnassigned: Bool

    /// Python 3.11: Unicode 14, in whose `unicodedata` unassigned characters are among the control characters.
    static let python = CharacterClasses(end: 15, dropsUnassigned: true)
    /// BERT's part of the package tokenizers: Unicode 8.
    static let rustBERT = CharacterClasses(end: 9, dropsUnassigned: false)
    /// Normal forms in the package tokenizers: Unicode 9.
    static let rustForms = CharacterClasses(end: 10, dropsUnassigned: false)
    /// Regular expressions and letter case in the package tokenizers: Unicode 16.
    static let rustPatterns = CharacterClasses(end: 17, dropsUnassigned: false)

    func isAssigned(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.age.map { $0.major < end } ?? false }

    /// Categories Cc, Cf, Cs and Co, but for tab and line ends, and perhaps Cn: dropped from texts.
    func isControl(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 {
            if scalar == "\t" || scalar == "\n" || scalar == "\r" { return false }
            return scalar.value < 0x20 || scalar.value == 0x7F
        }
        guard isAssigned(scalar) else { return dropsUnassigned }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse: return true
        // Noncharacters have an age, but no category.
        case .unassigned: return dropsUnassigned
        default: return false
        }
    }

    /// Space, tab, line ends and category Zs: spaces to BERT and CLIP.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 { return scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" }
        return scalar.properties.generalCategory == .spaceSeparator
    }

    /// What Python's `str.split` and `str.strip` take for white space.
    static func isWhitespace(_ scalar: Unicode.Scalar) -> Bool {
        (0x1C...0x1F).contains(scalar.value) || scalar.properties.isWhitespace
    }

    /// Category P, and every printable ASCII character that is no letter, digit or space.
    func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 33...47, 58...64, 91...96, 123...126: return true
        case ..<0x80: return false
        default: break
        }
        guard isAssigned(scalar) else { return false }
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            return true
        default: return false
        }
    }

    /// The blocks of ideographs whose characters are words of their own.
    static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
            0x2B740...0x2B81F, 0x2B820...0x2CEAF, 0x2F800...0x2FA1F:
            return true
        default: return false
        }
    }

    /// Category Mn: accents, and much else that stands above or below a letter.
    func isNonspacingMark(_ scalar: Unicode.Scalar) -> Bool {
        // A mark of Javanese that was a spacing one before Unicode 11.
        if scalar.value == 0xA9BD, end <= 11 { return false }
        return scalar.value >= 0x300 && scalar.properties.generalCategory == .nonspacingMark && isAssigned(scalar)
    }

    /// Category L.
    func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        guard isAssigned(scalar) else { return false }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
        default: return false
        }
    }

    /// Category N.
    func isNumber(_ scalar: Unicode.Scalar) -> Bool {
        guard isAssigned(scalar) else { return false }
        switch scalar.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: return true
        default: return false
        }
    }
}

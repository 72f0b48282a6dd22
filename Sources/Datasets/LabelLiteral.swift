import Files
import Foundation

/// A parser of label dictionaries: `{'Edema': 1.0, 'Fracture': None}` as Python prints them, or the same as JSON.
///
/// It knows one flat dictionary from pathology names to 1, 0, -1 and nothing, and refuses all else: it computes nothing,
/// so a hostile text can do nothing but fail.
struct LabelLiteral {
    private let bytes: UnsafeRawBufferPointer
    private var index = 0

    /// Why a text is no label dictionary.
    struct Failure: Error {
        let message: String
    }

    private static let names = Pathologies.names.map { Array($0.utf8) }
    private static let words = ["None", "null", "nan", "NaN"].map { Array($0.utf8) }
    /// The longest text that is looked at; the fourteen names with their values take about 400 bytes.
    private static let maximumLength = 4096

    private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The labels of a text in UTF-8.
    /// - Throws: `Failure` with the byte, counted from 0 in the cell.
    static func parse(_ bytes: UnsafeRawBufferPointer) throws -> Labels {
        guard bytes.count <= maximumLength else {
            throw Failure(message: "\(bytes.count) bytes are too many for a label dictionary")
        }
        var parser = LabelLiteral(bytes)
        return try parser.dictionary()
    }

    /// A number as the label columns hold it: `1.0`, `0`, `-1`.
    /// - Throws: `Failure`.
    static func state(ofNumber bytes: UnsafeRawBufferPointer) throws -> LabelState {
        guard bytes.count <= maximumLength else { throw Failure(message: "no CheXpert value") }
        var parser = LabelLiteral(bytes)
        parser.skipSpace()
        let state = try parser.number()
        parser.skipSpace()
        guard parser.index == bytes.count else { throw parser.failure("expected the end of the cell") }
        return state
    }

    private mutating func dictionary() throws -> Labels {
        var labels = Labels()
        var seen: UInt32 = 0
        var last = -1
        skipSpace()
        guard take(UInt8(ascii: "{")) else { throw failure("expected '{'") }
        skipSpace()
        var isOpen = !take(UInt8(ascii: "}"))
        while isOpen {
            let position = try plainKey(after: last) ?? key()
            last = position
            let bit = UInt32(1) << UInt32(position)
            guard seen & bit == 0 else { throw failure("\"\(Pathologies.names[position])\" stands twice") }
            seen |= bit
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw failure("expected ':'") }
            skipSpace()
            if !takeWord() { labels[position] = try number() }
            skipSpace()
            if take(UInt8(ascii: ",")) {
                skipSpace()
                isOpen = !take(UInt8(ascii: "}"))
            } else {
                guard take(UInt8(ascii: "}")) else { throw failure("expected ',' or '}'") }
                isOpen = false
            }
        }
        skipSpace()
        guard index == bytes.count else { throw failure("expected the end of the cell") }
        return labels
    }

    /// Reads the name that follows `last` in the usual order where it stands here without escapes, which it nearly always
    /// does; nil where something else stands.
    private mutating func plainKey(after last: Int) -> Int? {
        guard last + 1 < LabelLiteral.names.count, index < bytes.count else { return nil }
        let quote = bytes[index]
        let name = LabelLiteral.names[last + 1]
        let end = index + 1 + name.count
        guard quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""), end < bytes.count, bytes[end] == quote,
            bytes[(index + 1)..<end].elementsEqual(name)
        else { return nil }
        index = end + 1
        return last + 1
    }

    private mutating func key() throws -> Int {
        guard index < bytes.count, bytes[index] == UInt8(ascii: "'") || bytes[index] == UInt8(ascii: "\"") else {
            throw failure("expected a pathology in quotes")
        }
        let quote = bytes[index]
        let start = index
        index += 1
        var name: [UInt8] = []
        while index < bytes.count, bytes[index] != quote {
            if bytes[index] == UInt8(ascii: "\\") {
                name.append(contentsOf: try escape())
            } else {
                guard bytes[index] >= 0x20 else { throw failure("a control character inside a name") }
                name.append(bytes[index])
                index += 1
            }
        }
        guard take(quote) else { throw failure("a name without its closing quote") }
        if let position = LabelLiteral.names.firstIndex(of: name) { return position }
        index = start
        let text = String(decoding: name, as: UTF8.self)
        throw failure("unknown pathology \(excerpt(text))" + suggestion(text, Pathologies.names) + ";")
    }

    /// The bytes of an escape that both Python and JSON know, or that one of them does.
    private mutating func escape() throws -> [UInt8] {
        index += 1
        guard index < bytes.count else { throw failure("a backslash at the end") }
        let letter = bytes[index]
        index += 1
        switch letter {
        case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "x"): return try codePoint(digits: 2)
        case UInt8(ascii: "u"): return try codePoint(digits: 4)
        default:
            index -= 1
            throw failure("an unknown escape")
        }
    }

    private mutating func codePoint(digits: Int) throws -> [UInt8] {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard index < bytes.count, let digit = Character(UnicodeScalar(bytes[index])).hexDigitValue else {
                throw failure("expected a hexadecimal digit")
            }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        guard let scalar = UnicodeScalar(value) else { throw failure("half of a surrogate pair") }
        return Array(String(Character(scalar)).utf8)
    }

    /// Reads a word for no value; false where something else stands.
    private mutating func takeWord() -> Bool {
        guard index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "n") else { return false }
        for text in LabelLiteral.words where bytes[index...].starts(with: text) {
            index += text.count
            return true
        }
        return false
    }

    /// Reads a number in decimal, which must be 1, 0 or -1.
    private mutating func number() throws -> LabelState {
        let start = index
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                index += 1
                continue
            default: break
            }
            break
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        switch text {
        case "1.0", "1": return .positive
        case "0.0", "0", "-0.0": return .negative
        case "-1.0", "-1": return .uncertain
        default: break
        }
        guard let first = text.utf8.first(where: { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") }),
            first != UInt8(ascii: "e"), first != UInt8(ascii: "E"), let value = Double(text)
        else {
            index = start
            throw failure("expected 1, 0, -1 or None")
        }
        switch value {
        case 1: return .positive
        case 0: return .negative
        case -1: return .uncertain
        default:
            index = start
            throw failure("\(excerpt(text)) is no CheXpert value; they are 1, 0, -1 and None;")
        }
    }

    private mutating func skipSpace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    private func failure(_ reason: String) -> Failure {
        if index >= bytes.count { return Failure(message: "\(reason) at the end of the cell") }
        let rest = String(decoding: bytes[index...].prefix(20), as: UTF8.self)
        return Failure(message: "\(reason) at byte \(index), found \(excerpt(rest))")
    }
}

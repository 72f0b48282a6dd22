import Foundation

/// Scalars of YAML 1.2's core schema (section 10.3 of its specification): how plain text becomes a value, and back.
enum YAMLScalar {
    /// What is wrong with a plain scalar that looks like a number.
    struct RangeError: Error { let message: String }

    /// The value of a plain (unquoted) scalar. `no`, `on`, `1_000`, `12:30:45` and dates are strings, as in YAML 1.2.
    static func resolve(_ text: String) throws -> JSON {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        case ".nan", ".NaN", ".NAN": return .number(.nan)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .number(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .number(-.infinity)
        default: break
        }
        let bytes = Array(text.utf8)
        if bytes.count > 2, bytes[0] == UInt8(ascii: "0") {
            if bytes[1] == UInt8(ascii: "o"), bytes[2...].allSatisfy({ (0x30...0x37).contains($0) }) {
                return try integer(String(text.dropFirst(2)), radix: 8, as: text)
            }
            if bytes[1] == UInt8(ascii: "x"), bytes[2...].allSatisfy(isHexadecimal) {
                return try integer(String(text.dropFirst(2)), radix: 16, as: text)
            }
        }
        switch numberKind(bytes) {
        case .none: return .string(text)
        case .integer: return try integer(text, radix: 10, as: text)
        case .number:
            let value = strtod(text, nil)
            guard value.isFinite else {
                throw RangeError(message: "the number \(text) is larger than a 64-bit float can hold")
            }
            return .number(value)
        }
    }

    private static func integer(_ digits: String, radix: Int, as text: String) throws -> JSON {
        guard let value = Int(digits, radix: radix) else {
            throw RangeError(message: "the integer \(text) does not fit in 64 bits; put it in quotes if it is a name")
        }
        return .integer(value)
    }

    private enum NumberKind { case none, integer, number }

    /// `[-+]? [0-9]+` is an integer, `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?` a number.
    private static func numberKind(_ bytes: [UInt8]) -> NumberKind {
        var index = 0
        func peek() -> UInt8 { index < bytes.count ? bytes[index] : 0 }
        func digits() -> Int {
            let start = index
            while (0x30...0x39).contains(peek()) { index += 1 }
            return index - start
        }
        func sign() { if peek() == UInt8(ascii: "-") || peek() == UInt8(ascii: "+") { index += 1 } }
        sign()
        let whole = digits()
        if index == bytes.count { return whole > 0 ? .integer : .none }
        if peek() == UInt8(ascii: ".") {
            index += 1
            if digits() == 0 && whole == 0 { return .none }
        } else if whole == 0 {
            return .none
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            index += 1
            sign()
            if digits() == 0 { return .none }
        }
        return index == bytes.count ? .number : .none
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: return true
        default: return false
        }
    }

    /// A scalar value as text that `resolve`, or the quotes round it, give back exactly.
    static func text(_ value: JSON) -> String {
        switch value {
        case .null: return "null"
        case .boolean(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .number(let value):
            if value.isNaN { return ".nan" }
            if value.isInfinite { return value > 0 ? ".inf" : "-.inf" }
            return PythonNumber.text(value)
        case .string(let value): return text(value)
        case .array, .object: return value.summary
        }
    }

    /// A string, in double quotes where YAML 1.2 or an older reader would take the bare text for something else.
    static func text(_ value: String) -> String { isPlain(value) ? value : quoted(value) }

    /// Words that YAML 1.1 readers (PyYAML) take for booleans or nulls.
    private static let words: Set<String> = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf",
    ]

    private static func isPlain(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, last != 0x20, bytes.count <= 1024 else { return false }
        func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        func isInner(_ byte: UInt8) -> Bool {
            isLetter(byte) || isDigit(byte) || "_./+-=@^() ".utf8.contains(byte)
        }
        guard isLetter(first) || isDigit(first) || "_./".utf8.contains(first) else { return false }
        guard bytes.allSatisfy(isInner), !words.contains(text.lowercased()) else { return false }
        if isLetter(first) || first == UInt8(ascii: "_") || first == UInt8(ascii: "/") { return true }
        // What begins with a digit or a point may be a number, a date or a time to some reader, unless a letter or a
        // slash that no number holds stands in it. Three points end a document.
        let unlike = bytes.contains { isLetter($0) && !"abcdefABCDEFxXoOtTzZinINF".utf8.contains($0) }
        return !text.hasPrefix("...") && (unlike || bytes.contains(UInt8(ascii: "/")))
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: out += "\\\""
            case 0x5C: out += "\\\\"
            case 0x0A: out += "\\n"
            case 0x0D: out += "\\r"
            case 0x09: out += "\\t"
            case 0..<0x20, 0x7F...0x9F: out += "\\x" + hexadecimal(scalar.value, 2)
            case 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: out += "\\u" + hexadecimal(scalar.value, 4)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    private static func hexadecimal(_ value: UInt32, _ width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

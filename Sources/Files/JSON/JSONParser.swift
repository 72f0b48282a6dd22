/// A strict recursive parser of RFC 8259 over UTF-8 bytes that are known to be valid.
struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    let name: String
    let allowsNonFinite: Bool
    private var index = 0
    private var depth = 0

    /// The deepest nesting of arrays and objects.
    static let maximumDepth = 128

    init(bytes: UnsafeRawBufferPointer, name: String, allowsNonFinite: Bool) {
        self.bytes = bytes
        self.name = name
        self.allowsNonFinite = allowsNonFinite
    }

    mutating func document() throws -> JSON {
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF {
            throw failure("the text begins with a byte order mark, which JSON does not allow")
        }
        skipSpace()
        let value = try self.value()
        skipSpace()
        if index < bytes.count { throw failure("unexpected \(found()) after the end of the value") }
        return value
    }

    private mutating func value() throws -> JSON {
        guard index < bytes.count else { throw failure("the text ends where a value was expected") }
        switch bytes[index] {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-") where allowsNonFinite && matches("-Infinity"): return .number(-Double.infinity)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t") where matches("true"): return .boolean(true)
        case UInt8(ascii: "f") where matches("false"): return .boolean(false)
        case UInt8(ascii: "n") where matches("null"): return .null
        case UInt8(ascii: "N") where allowsNonFinite && matches("NaN"): return .number(Double.nan)
        case UInt8(ascii: "I") where allowsNonFinite && matches("Infinity"): return .number(Double.infinity)
        default: throw failure("expected a value, found \(found())")
        }
    }

    private mutating func object() throws -> JSON {
        try enter()
        var members: [(key: String, value: JSON)] = []
        // By bytes: to Swift, two spellings of one character are equal strings.
        var keys = Set<[UInt8]>()
        skipSpace()
        if take("}") { return leave(.object([])) }
        while true {
            skipSpace()
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
                throw failure("expected a key in double quotes, found \(found())")
            }
            let start = index
            let key = try string()
            guard keys.insert(Array(key.utf8)).inserted else {
                index = start
                throw failure("the key \"\(key)\" stands twice in one object")
            }
            skipSpace()
            guard take(":") else { throw failure("expected ':' after the key, found \(found())") }
            skipSpace()
            members.append((key, try value()))
            skipSpace()
            if take("}") { return leave(.object(members)) }
            guard take(",") else { throw failure("expected ',' or '}', found \(found())") }
        }
    }

    private mutating func array() throws -> JSON {
        try enter()
        var elements: [JSON] = []
        skipSpace()
        if take("]") { return leave(.array([])) }
        while true {
            skipSpace()
            elements.append(try value())
            skipSpace()
            if take("]") { return leave(.array(elements)) }
            guard take(",") else { throw failure("expected ',' or ']', found \(found())") }
        }
    }

    private mutating func enter() throws {
        guard depth < JSONParser.maximumDepth else {
            throw failure("nested deeper than \(JSONParser.maximumDepth) levels")
        }
        depth += 1
        index += 1
    }

    private mutating func leave(_ value: JSON) -> JSON {
        depth -= 1
        return value
    }

    private mutating func number() throws -> JSON {
        let start = index
        _ = take("-")
        if !take("0") {
            guard skipDigits() else { throw failure("expected a digit, found \(found())") }
        } else if index < bytes.count, isDigit(bytes[index]) {
            throw failure("a number must not begin with 0")
        }
        var isInteger = true
        if take(".") {
            isInteger = false
            guard skipDigits() else { throw failure("expected a digit after the point, found \(found())") }
        }
        if take("e") || take("E") {
            isInteger = false
            if !take("-") { _ = take("+") }
            guard skipDigits() else { throw failure("expected a digit in the exponent, found \(found())") }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        // The integer -0 has no Int; as a float it keeps its sign.
        if isInteger, text != "-0", let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            index = start
            throw failure("the number \(text.prefix(32)) is too large")
        }
        return .number(value)
    }

    private mutating func string() throws -> String {
        index += 1
        let start = index
        while index < bytes.count, bytes[index] != UInt8(ascii: "\""), bytes[index] != UInt8(ascii: "\\") {
            if bytes[index] < 0x20 { throw controlCharacter() }
            index += 1
        }
        if take("\"") { return String(decoding: bytes[start..<index - 1], as: UTF8.self) }
        var text = Array(bytes[start..<index])
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                index += 1
                return String(decoding: text, as: UTF8.self)
            }
            if byte == UInt8(ascii: "\\") {
                try escape(into: &text)
            } else if byte < 0x20 {
                throw controlCharacter()
            } else {
                text.append(byte)
                index += 1
            }
        }
        throw failure("the text ends inside a string")
    }

    private func controlCharacter() -> FileError {
        let code = String(bytes[index], radix: 16)
        return failure("a string holds the control character 0x\(code), which must be escaped")
    }

    private mutating func escape(into text: inout [UInt8]) throws {
        guard index + 1 < bytes.count else { throw failure("the text ends inside a string") }
        let letter = bytes[index + 1]
        if let byte = JSONParser.plainEscape(letter) {
            text.append(byte)
            index += 2
            return
        }
        guard letter == UInt8(ascii: "u") else { throw failure("unknown escape in a string") }
        let start = index
        var code = try hexUnit()
        if (0xD800..<0xDC00).contains(code), index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u")
        {
            let low = try hexUnit()
            guard (0xDC00..<0xE000).contains(low) else {
                index = start
                throw failure("half of a surrogate pair in a string")
            }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else {
            index = start
            throw failure("half of a surrogate pair in a string")
        }
        text.append(contentsOf: String(Character(scalar)).utf8)
    }

    /// The byte that a letter after a backslash stands for; nil for `u` and unknown letters.
    private static func plainEscape(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return letter
        case UInt8(ascii: "b"): return 8
        case UInt8(ascii: "f"): return 12
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "t"): return 9
        default: return nil
        }
    }

    /// The four hexadecimal digits after `\u`.
    private mutating func hexUnit() throws -> UInt32 {
        guard index + 6 <= bytes.count else { throw failure("the text ends inside a string") }
        var code: UInt32 = 0
        for position in index + 2..<index + 6 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue, bytes[position] < 0x80 else {
                throw failure("expected four hexadecimal digits after \\u")
            }
            code = code << 4 | UInt32(digit)
        }
        index += 6
        return code
    }

    private mutating func skipSpace() {
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            index += 1
        }
    }

    private mutating func skipDigits() -> Bool {
        let start = index
        while index < bytes.count, isDigit(bytes[index]) { index += 1 }
        return index > start
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private mutating func take(_ letter: Unicode.Scalar) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(truncatingIfNeeded: letter.value) else { return false }
        index += 1
        return true
    }

    private mutating func matches(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard index + count <= bytes.count else { return false }
        for position in 0..<count where bytes[index + position] != word.utf8Start[position] { return false }
        index += count
        return true
    }

    private func found() -> String {
        guard index < bytes.count else { return "the end of the text" }
        let byte = bytes[index]
        if byte >= 0x21 && byte < 0x7F { return "'\(Character(Unicode.Scalar(byte)))'" }
        return "byte 0x\(String(byte, radix: 16))"
    }

    private func failure(_ reason: String) -> FileError {
        var line = 1
        var column = 1
        for position in 0..<min(index, bytes.count) {
            column += 1
            if bytes[position] == 0x0A {
                line += 1
                column = 1
            }
        }
        return FileError.malformed(path: name, location: "line \(line), column \(column)", reason: reason)
    }
}

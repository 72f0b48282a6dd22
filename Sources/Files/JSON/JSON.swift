/// A value of plain data: what a JSON text (RFC 8259), YAML's core schema, a row of results and a Lua table of plain values
/// have in common. Objects keep the order of their keys; integers and floating-point numbers are different kinds.
public indirect enum JSON: Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([(key: String, value: JSON)])

    /// Parses a text strictly: one value, no duplicate keys, no trailing commas, no comments, nesting up to 128.
    /// - Parameters:
    ///   - text: the text.
    ///   - name: the path that errors name.
    ///   - allowsNonFinite: accept the bare words `NaN`, `Infinity` and `-Infinity`, which Python's `json` writes.
    /// - Throws: `FileError.malformed` with line and column (both from 1, the column in bytes).
    public static func parse(_ text: String, name: String, allowsNonFinite: Bool = false) throws -> JSON {
        var text = text
        return try text.withUTF8 {
            try parse(UnsafeRawBufferPointer($0), name: name, allowsNonFinite: allowsNonFinite)
        }
    }

    /// Parses UTF-8 bytes strictly; see the other `parse`.
    /// - Throws: `FileError.malformed` with line and column, or with the byte that is not UTF-8.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, name: String, allowsNonFinite: Bool = false
    ) throws -> JSON {
        if let bad = FileReader.firstInvalidUTF8(bytes) {
            throw FileError.malformed(path: name, location: "byte \(bad)", reason: "not valid UTF-8")
        }
        var parser = JSONParser(bytes: bytes, name: name, allowsNonFinite: allowsNonFinite)
        return try parser.document()
    }

    /// Reads and parses a file of at most `limit` bytes.
    /// - Throws: `FileError`.
    public static func read(_ path: String, limit: Int = 64 << 20, allowsNonFinite: Bool = false) throws -> JSON {
        let data = try FileReader.data(path, limit: limit)
        return try data.withUnsafeBytes { try parse($0, name: path, allowsNonFinite: allowsNonFinite) }
    }

    /// The value of an object's key; nil where the key is absent or this is no object.
    public subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The element of an array, from 0; nil where the index is outside or this is no array.
    public subscript(index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// The text of a string value, else nil.
    public var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// The value of a boolean, else nil.
    public var boolean: Bool? {
        if case .boolean(let value) = self { return value }
        return nil
    }

    /// The value of an integer, also one written with a fraction of zero; else nil.
    public var integer: Int? {
        switch self {
        case .integer(let value): return value
        case .number(let value): return Int(exactly: value)
        default: return nil
        }
    }

    /// The value of a number of either kind, else nil.
    public var number: Double? {
        switch self {
        case .integer(let value): return Double(value)
        case .number(let value): return value
        default: return nil
        }
    }

    /// The elements of an array, else nil.
    public var array: [JSON]? {
        if case .array(let elements) = self { return elements }
        return nil
    }

    /// The members of an object in their order, else nil.
    public var object: [(key: String, value: JSON)]? {
        if case .object(let members) = self { return members }
        return nil
    }

    /// Equal kind and content; objects also in the order of their keys. A NaN equals a NaN, and 0.0 does not equal -0.0, so
    /// that equal values are written equally.
    public static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): return true
        case (.boolean(let a), .boolean(let b)): return a == b
        case (.integer(let a), .integer(let b)): return a == b
        case (.number(let a), .number(let b)): return a.bitPattern == b.bitPattern || a.isNaN && b.isNaN
        // Byte by byte: Swift's own comparison takes differently composed accents for equal.
        case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
        case (.array(let a), .array(let b)): return a == b
        case (.object(let a), .object(let b)):
            return a.count == b.count
                && zip(a, b).allSatisfy { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value }
        default: return false
        }
    }
}

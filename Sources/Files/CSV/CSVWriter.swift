/// What is written for a null.
public enum NullStyle: Sendable {
    /// The text that stands in the file: `NA` stays `NA`. A null of a JSON file is an empty cell.
    case kept
    /// An empty cell, as pandas writes every null.
    case empty
}

/// Writes rows as pandas' `to_csv(index=False)`: quotes only where a field needs them.
///
/// Besides commas, quotes and line ends, two things are quoted that pandas leaves bare, which changes no reader's result: a
/// carriage return (RFC 4180), and what a spreadsheet would run as a formula.
public struct CSVWriter {
    /// The lines so far, in UTF-8.
    public private(set) var bytes: [UInt8] = []
    private let lineEnd: [UInt8]
    private var lineStart = 0
    private var fields = 0

    /// No line yet; `lineEnd` is LF or CRLF.
    public init(lineEnd: String = "\n") { self.lineEnd = Array(lineEnd.utf8) }

    /// The lines so far.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Adds a field.
    public mutating func append(_ field: String) {
        var field = field
        field.withUTF8 { append(UnsafeRawBufferPointer($0), .literal) }
    }

    /// Adds a field as a table holds it.
    public mutating func append(_ field: UnsafeRawBufferPointer, _ kind: CellRange.Kind) {
        begin()
        if kind == .doubledQuotes {
            bytes.append(UInt8(ascii: "\""))
            bytes.append(contentsOf: field)
            bytes.append(UInt8(ascii: "\""))
        } else if CSVWriter.needsQuotes(field) {
            bytes.append(UInt8(ascii: "\""))
            for byte in field {
                if byte == UInt8(ascii: "\"") { bytes.append(byte) }
                bytes.append(byte)
            }
            bytes.append(UInt8(ascii: "\""))
        } else {
            bytes.append(contentsOf: field)
        }
    }

    /// Adds a value as pandas writes it; see `CSVWriter.text`. An empty text is written in quotes, so that it differs from
    /// nothing.
    public mutating func append(_ value: JSON) {
        if case .string("") = value {
            begin()
            bytes.append(contentsOf: "\"\"".utf8)
        } else {
            append(CSVWriter.text(value))
        }
    }

    /// Adds an empty field.
    public mutating func appendEmpty() { begin() }

    /// Adds fields and ends the row.
    public mutating func appendRow(_ fields: [String]) {
        for field in fields { append(field) }
        endRow()
    }

    /// Ends the row.
    public mutating func endRow() {
        // An empty line would be no row at all.
        if bytes.count == lineStart { bytes.append(contentsOf: "\"\"".utf8) }
        bytes.append(contentsOf: lineEnd)
        lineStart = bytes.count
        fields = 0
    }

    /// Hands the lines so far to a file, and forgets them.
    /// - Throws: `FileError.unwritable`.
    public mutating func flush(to file: FileWriter) throws {
        try file.write(bytes)
        bytes.removeAll(keepingCapacity: true)
        lineStart = 0
    }

    private mutating func begin() {
        if fields > 0 { bytes.append(UInt8(ascii: ",")) }
        fields += 1
    }

    /// The text of a value's cell, before quotes, as pandas writes it: floats with the fewest digits, `True` and `False`,
    /// nothing for a null. NaN and the infinities are `nan`, `inf`, `-inf`, so that a number that failed differs from a hole;
    /// lists and maps are JSON.
    public static func text(_ value: JSON) -> String {
        switch value {
        case .null: return ""
        case .boolean(let value): return value ? "True" : "False"
        case .integer(let value): return String(value)
        case .number(let value): return PythonNumber.text(value)
        case .string(let text): return text
        case .array, .object: return value.text()
        }
    }

    /// What keeps a text from being a field: no reader takes a NUL byte, nor more bytes than `CSVLimits.standard` has for a field.
    public static func fault(of field: String) -> String? {
        if field.utf8.contains(0) { return "a NUL byte cannot be written into a table" }
        let (bytes, most) = (field.utf8.count, CSVLimits.standard.fieldBytes)
        return bytes > most ? "a text of \(bytes) bytes; a field of a table takes \(most)" : nil
    }

    private static func needsQuotes(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first else { return false }
        for byte in bytes {
            switch byte {
            case UInt8(ascii: ","), UInt8(ascii: "\""), 0x0A, 0x0D: return true
            default: continue
            }
        }
        switch first {
        case UInt8(ascii: "="), UInt8(ascii: "@"), 0x09: return true
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            guard bytes.count > 1, bytes[1] != 0x20 else { return false }
            return Double(String(decoding: bytes, as: UTF8.self)) == nil
        default: return false
        }
    }
}

import Files

/// What is written for a null.
public enum NullStyle: Sendable {
    /// The text that stands in the file: `NA` stays `NA`. A null of a JSON file is an empty cell.
    case kept
    /// An empty cell, as pandas writes every null.
    case empty
}

/// Writes rows as pandas' `to_csv(index=False)`: LF, and quotes only where a field needs them.
///
/// Besides commas, quotes and line ends, two things are quoted that pandas leaves bare, which changes no reader's result: a
/// carriage return (RFC 4180), and what a spreadsheet would run as a formula.
struct CSVWriter {
    private let writer: FileWriter
    private var line: [UInt8] = []
    private var fields = 0

    init(_ writer: FileWriter) { self.writer = writer }

    /// Adds a field.
    mutating func append(_ field: String) {
        var field = field
        field.withUTF8 { append(UnsafeRawBufferPointer($0), .literal) }
    }

    /// Adds a field as a table holds it.
    mutating func append(_ bytes: UnsafeRawBufferPointer, _ kind: CellRange.Kind) {
        if fields > 0 { line.append(UInt8(ascii: ",")) }
        fields += 1
        if kind == .doubledQuotes {
            line.append(UInt8(ascii: "\""))
            line.append(contentsOf: bytes)
            line.append(UInt8(ascii: "\""))
        } else if CSVWriter.needsQuotes(bytes) {
            line.append(UInt8(ascii: "\""))
            for byte in bytes {
                if byte == UInt8(ascii: "\"") { line.append(byte) }
                line.append(byte)
            }
            line.append(UInt8(ascii: "\""))
        } else {
            line.append(contentsOf: bytes)
        }
    }

    /// Adds an empty field.
    mutating func appendEmpty() {
        if fields > 0 { line.append(UInt8(ascii: ",")) }
        fields += 1
    }

    mutating func endRow() throws {
        // An empty line would be no row at all.
        if line.isEmpty { line.append(contentsOf: "\"\"".utf8) }
        line.append(0x0A)
        try writer.write(line)
        line.removeAll(keepingCapacity: true)
        fields = 0
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
        case UInt8(ascii: "="), UInt8(ascii: "@"): return true
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            guard bytes.count > 1, bytes[1] != 0x20 else { return false }
            return Double(String(decoding: bytes, as: UTF8.self)) == nil
        default: return false
        }
    }
}

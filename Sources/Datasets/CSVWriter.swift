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

    mutating func append(_ field: String) {
        if fields > 0 { line.append(UInt8(ascii: ",")) }
        fields += 1
        var field = field
        field.withUTF8 { bytes in
            guard CSVWriter.needsQuotes(bytes) else {
                line.append(contentsOf: bytes)
                return
            }
            line.append(UInt8(ascii: "\""))
            for byte in bytes {
                if byte == UInt8(ascii: "\"") { line.append(byte) }
                line.append(byte)
            }
            line.append(UInt8(ascii: "\""))
        }
    }

    mutating func endRow() throws {
        // An empty line would be no row at all.
        if line.isEmpty { line.append(contentsOf: "\"\"".utf8) }
        line.append(0x0A)
        try writer.write(line)
        line.removeAll(keepingCapacity: true)
        fields = 0
    }

    static func needsQuotes(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
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

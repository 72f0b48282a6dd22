import Files

/// Comma-separated text (RFC 4180), as result tables use it.
enum CSVText {
    /// A field, in quotes where it needs them. A text that a spreadsheet would take for a formula is quoted too.
    static func field(_ text: String) -> String {
        let isRisky = text.utf8.first.map { "=+-@\t\r".utf8.contains($0) } ?? false
        let needsQuotes = isRisky || text.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
        guard needsQuotes else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    /// A value as pandas writes it: floats with the fewest digits, `True` and `False`, nothing for a null. NaN and the
    /// infinities are written as `nan`, `inf`, `-inf`, so that a number that failed differs from a hole; lists and maps
    /// as JSON.
    static func field(_ value: ConfigValue) -> String {
        switch value {
        case .null: return ""
        case .boolean(let value): return value ? "True" : "False"
        case .integer(let value): return String(value)
        case .number(let value): return PythonNumber.text(value)
        case .string(let text): return text.isEmpty ? "\"\"" : field(text)
        case .list, .map: return field(value.json.text())
        }
    }

    /// A parsed table: a header and rows of as many fields.
    struct Table {
        var header: [String]
        var rows: [[String]]
    }

    /// Parses a table strictly.
    /// - Throws: `FileError.malformed` with the line.
    static func parse(_ text: String, name: String) throws -> Table {
        var records: [(line: Int, fields: [String])] = []
        var bytes = Array(text.utf8)[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        var line = 1
        while !bytes.isEmpty {
            let first = line
            records.append((first, try record(&bytes, line: &line, name: name)))
        }
        guard let header = records.first else { return Table(header: [], rows: []) }
        for record in records.dropFirst() where record.fields.count != header.fields.count {
            throw FileError.malformed(
                path: name, location: "line \(record.line)",
                reason: "\(record.fields.count) fields, but the header has \(header.fields.count)")
        }
        return Table(header: header.fields, rows: records.dropFirst().map(\.fields))
    }

    /// One record; `bytes` then begin after its line end.
    private static func record(_ bytes: inout ArraySlice<UInt8>, line: inout Int, name: String) throws -> [String] {
        var fields: [String] = []
        var field: [UInt8] = []
        let start = line
        func malformed(_ reason: String) -> FileError {
            .malformed(path: name, location: "line \(start)", reason: reason)
        }
        while true {
            if bytes.first == 0x22 && field.isEmpty {
                bytes.removeFirst()
                while true {
                    guard let byte = bytes.popFirst() else { throw malformed("a quote is not closed") }
                    if byte == 0x0A { line += 1 }
                    if byte != 0x22 {
                        field.append(byte)
                    } else if bytes.first == 0x22 {
                        bytes.removeFirst()
                        field.append(0x22)
                    } else {
                        break
                    }
                }
                if let next = bytes.first, next != 0x2C, next != 0x0A, next != 0x0D {
                    throw malformed("text stands after a closing quote")
                }
            }
            guard let byte = bytes.popFirst() else {
                return fields + [String(decoding: field, as: UTF8.self)]
            }
            switch byte {
            case 0x2C:
                fields.append(String(decoding: field, as: UTF8.self))
                field = []
            case 0x0A, 0x0D:
                if byte == 0x0D, bytes.first == 0x0A { bytes.removeFirst() }
                line += 1
                return fields + [String(decoding: field, as: UTF8.self)]
            case 0x22: throw malformed("a quote stands inside a bare field")
            default: field.append(byte)
            }
        }
    }
}

import Foundation

/// A strict reader of RFC 4180 files in UTF-8: commas, quotes doubled inside quotes, lines that end in LF or CRLF.
///
/// Nothing is guessed: ragged rows, stray quotes, NUL, invalid UTF-8 and repeated columns are errors that name row and byte.
/// What everyday tables have besides is read as pandas reads it: a byte order mark is skipped, blank lines are passed over, a
/// first column without a name (a pandas index) is called `Unnamed: 0`. Other columns without a name are passed over where they
/// are empty, as spreadsheets leave them, and else are errors. A file that is compressed by gzip is unpacked. Cells stay where
/// they are in the file.
public struct CSVReader {
    private let name: String
    private let bytes: UnsafeRawBufferPointer
    private let limits: CSVLimits
    private var position = 0
    private var rowStart = 0
    /// The row that is being read: 0 is the header, data rows count from 1.
    private var row = 0
    /// The first byte that no text may hold: a NUL or what is not UTF-8.
    private let firstBadByte: Int
    private var cells: [CellRange] = []
    private var passedOver = TextTable.PassedOver()
    /// Which columns have a name; all where the list is empty.
    private var isNamed: [Bool] = []
    /// The fewest fields of a row: those up to the last column that has a name.
    private var leastFields = 0

    private enum Delimiter { case comma, lineEnd, fileEnd }

    /// Reads a file.
    /// - Parameters:
    ///   - path: the file.
    ///   - limits: its limits.
    ///   - check: is called now and then; what it throws ends the reading.
    /// - Throws: `FileError` with row, line and byte; what `check` throws.
    public static func read(
        _ path: String, limits: CSVLimits = .standard, check: () throws -> Void = {}
    ) throws -> TextTable {
        let content = try TextBytes.file(path)
        try checkKind(content.bytes, path)
        var reader = CSVReader(name: path, bytes: content.bytes, limits: limits)
        return try reader.table(content, isFile: true, check)
    }

    /// Reads a text that is in memory; `name` is the path that errors name.
    /// - Throws: `FileError` with row, line and byte.
    public static func parse(_ text: String, name: String, limits: CSVLimits = .standard) throws -> TextTable {
        var text = text
        let content = text.withUTF8 { TextBytes(copying: UnsafeRawBufferPointer($0)) }
        var reader = CSVReader(name: name, bytes: content.bytes, limits: limits)
        return try reader.table(content, isFile: false) {}
    }

    private init(name: String, bytes: UnsafeRawBufferPointer, limits: CSVLimits) {
        self.name = name
        self.bytes = bytes
        self.limits = limits
        let invalid = FileReader.firstInvalidUTF8(bytes) ?? Int.max
        var zero = Int.max
        if let base = bytes.baseAddress, let found = memchr(base, 0, bytes.count) {
            zero = base.distance(to: UnsafeRawPointer(found))
        }
        firstBadByte = min(invalid, zero)
    }

    private mutating func table(_ content: TextBytes, isFile: Bool, _ check: () throws -> Void) throws -> TextTable {
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
        guard bytes.count <= CellRange.maximumStart else {
            throw malformed("the file is larger than \(CellRange.maximumStart) bytes", at: 0)
        }
        skipBlankLines(columns: 1)
        guard position < bytes.count else { throw malformed("the file is empty; a header line was expected", at: 0) }
        try readRow(expected: nil)
        let columns = try header()
        cells.removeAll()
        while true {
            skipBlankLines(columns: columns.count)
            guard position < bytes.count else { break }
            row += 1
            if row > limits.rows { throw malformed("more than the limit of \(limits.rows) rows", at: position) }
            if row % 65_536 == 0 { try check() }
            try readRow(expected: columns.count)
            if row == 1024 { reserve() }
        }
        return TextTable(
            name: name, isFile: isFile, columns: named(columns), content: content, cells: named(cells),
            sha256: content.sourceHash, passedOver: passedOver)
    }

    /// Those of `elements`, rows of all columns, whose columns have a name.
    private func named<Element>(_ elements: [Element]) -> [Element] {
        if isNamed.isEmpty { return elements }
        return elements.enumerated().filter { isNamed[$0.offset % isNamed.count] }.map(\.element)
    }

    /// Passes over lines without a character, and over lines of spaces in tables of several columns.
    private mutating func skipBlankLines(columns: Int) {
        while position < bytes.count {
            var index = position
            if columns > 1 {
                while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
            }
            if index + 1 < bytes.count, bytes[index] == 0x0D, bytes[index + 1] == 0x0A { index += 1 }
            guard index < bytes.count ? bytes[index] == 0x0A : index > position else { return }
            position = min(index + 1, bytes.count)
            passedOver.blankLines += 1
        }
    }

    private mutating func header() throws -> [String] {
        let names = cells.map { cell -> String in
            let field = UnsafeRawBufferPointer(rebasing: bytes[cell.start..<cell.start + cell.length])
            return cell.kind == .doubledQuotes
                ? String(decoding: TextTable.undoubled(field), as: UTF8.self) : String(decoding: field, as: UTF8.self)
        }
        var seen: [TextKey: Int] = [:]
        for (index, column) in names.enumerated() where !column.isEmpty {
            if let first = seen.updateValue(index, forKey: TextKey(column)) {
                throw malformed(
                    "columns \(first + 1) and \(index + 1) are both named \(excerpt(column))", at: cells[index].start)
            }
        }
        leastFields = (names.lastIndex { !$0.isEmpty } ?? 0) + 1
        guard names.contains("") else { return names }
        if names.dropFirst().contains("") {
            isNamed = names.indices.map { $0 == 0 || !names[$0].isEmpty }
            passedOver.emptyColumns = isNamed.filter { !$0 }.count
        }
        guard names[0].isEmpty else { return names }
        // pandas' name, and what it makes of it where a table has had an index before.
        var first = "Unnamed: 0"
        while seen[TextKey(first)] != nil { first += ".1" }
        return [first] + names.dropFirst()
    }

    private mutating func readRow(expected: Int?) throws {
        rowStart = position
        let most = expected ?? limits.columns
        var count = 0
        while true {
            let fieldStart = position
            let (cell, delimiter) = try readField()
            count += 1
            if firstBadByte < position { throw badByte() }
            if cell.length > limits.fieldBytes {
                throw malformed(
                    "field \(count) has \(cell.length) bytes, more than the limit of \(limits.fieldBytes)",
                    at: fieldStart)
            }
            if position - rowStart > limits.rowBytes {
                throw malformed(
                    "the row has \(position - rowStart) bytes or more, over the limit of \(limits.rowBytes)",
                    at: rowStart)
            }
            if count > most {
                guard expected != nil else {
                    throw malformed("more than the limit of \(most) columns", at: fieldStart)
                }
                throw malformed("more fields than the \(most) columns of the header", at: fieldStart)
            }
            if expected != nil, !isNamed.isEmpty, !isNamed[count - 1], cell.length > 0 {
                let field = UnsafeRawBufferPointer(rebasing: bytes[cell.start..<cell.start + cell.length])
                throw malformed(
                    "column \(count) has no name in the header, but holds \(excerpt(String(decoding: field, as: UTF8.self)))"
                        + " here", at: fieldStart)
            }
            cells.append(cell)
            if delimiter != .comma { break }
        }
        if let expected, count < expected {
            guard count >= leastFields else {
                throw malformed("\(count) fields, but the header has \(expected) columns", at: rowStart)
            }
            let empty = CellRange(start: rowStart, length: 0, kind: .plain)
            cells.append(contentsOf: repeatElement(empty, count: expected - count))
        }
    }

    private mutating func readField() throws -> (CellRange, Delimiter) {
        if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try readQuoted() }
        let start = position
        var index = start
        let count = bytes.count
        while index < count {
            switch bytes[index] {
            case UInt8(ascii: ","), 0x0A, 0x0D:
                position = index
                let cell = try cell(start, index, .plain)
                return (cell, try readDelimiter())
            case UInt8(ascii: "\""):
                throw malformed(
                    "a quote inside a field that does not begin with one; quote the field and double it", at: index)
            default: index += 1
            }
        }
        position = index
        return (try cell(start, index, .plain), .fileEnd)
    }

    private mutating func readQuoted() throws -> (CellRange, Delimiter) {
        let start = position + 1
        var from = start
        var kind = CellRange.Kind.plain
        while let base = bytes.baseAddress, from < bytes.count,
            let found = memchr(base + from, Int32(UInt8(ascii: "\"")), bytes.count - from)
        {
            let quote = base.distance(to: UnsafeRawPointer(found))
            if quote + 1 < bytes.count, bytes[quote + 1] == UInt8(ascii: "\"") {
                kind = .doubledQuotes
                from = quote + 2
                continue
            }
            position = quote + 1
            let cell = try cell(start, quote, kind)
            return (cell, try readDelimiter())
        }
        if firstBadByte < bytes.count { throw badByte() }
        throw malformed("the quote that opens here is never closed", at: start - 1)
    }

    /// What stands at `position`, after a field, which is then left behind.
    private mutating func readDelimiter() throws -> Delimiter {
        guard position < bytes.count else { return .fileEnd }
        switch bytes[position] {
        case UInt8(ascii: ","):
            position += 1
            return .comma
        case 0x0A:
            position += 1
            return .lineEnd
        case 0x0D:
            guard position + 1 < bytes.count, bytes[position + 1] == 0x0A else {
                throw malformed(
                    "a carriage return without a line feed; lines end in LF or CRLF, and a field that holds one is quoted",
                    at: position)
            }
            position += 2
            return .lineEnd
        default:
            throw malformed("text after the closing quote of a field; a quote inside is doubled", at: position)
        }
    }

    private func cell(_ start: Int, _ end: Int, _ kind: CellRange.Kind) throws -> CellRange {
        guard end - start <= CellRange.maximumLength else {
            throw malformed(
                "a field has \(end - start) bytes, more than the limit of \(limits.fieldBytes)", at: start)
        }
        return CellRange(start: start, length: end - start, kind: kind)
    }

    /// Makes room for all rows at once, judged by those read so far, instead of doubling on the way.
    private mutating func reserve() {
        let estimate = Double(cells.count) * Double(bytes.count) / Double(max(1, position)) * 1.1
        let columns = max(1, cells.count / max(1, row))
        cells.reserveCapacity(Int(min(estimate, Double(limits.rows) * Double(columns), Double(bytes.count))))
    }
}

extension CSVReader {
    fileprivate func malformed(_ reason: String, at byte: Int) -> FileError {
        let lines = bytes[..<min(byte, bytes.count)].reduce(1) { $1 == 0x0A ? $0 + 1 : $0 }
        let place = row == 0 ? "header" : "row \(row)"
        return .malformed(path: name, location: "\(place), line \(lines), byte \(byte)", reason: reason)
    }

    fileprivate func badByte() -> FileError {
        let byte = bytes[firstBadByte]
        if byte == 0 { return malformed("a NUL byte", at: firstBadByte) }
        return malformed(
            "not valid UTF-8 (byte 0x\(String(byte, radix: 16))); save the file as UTF-8", at: firstBadByte)
    }

    /// Names what is no CSV at all.
    fileprivate static func checkKind(_ bytes: UnsafeRawBufferPointer, _ path: String) throws {
        func begins(_ text: String) -> Bool { bytes.prefix(text.utf8.count).elementsEqual(text.utf8) }
        func begins(_ start: [UInt8]) -> Bool { bytes.prefix(start.count).elementsEqual(start) }
        var reason: String?
        if begins([0x50, 0x4B, 0x03, 0x04]) {
            reason = "a zip archive (or an Excel workbook); a CSV file was expected"
        }
        if begins([0xFF, 0xFE]) || begins([0xFE, 0xFF]) { reason = "UTF-16; save the file as UTF-8" }
        if begins("version https://git-lfs") { reason = "a Git LFS pointer, not the file; run git lfs pull" }
        if begins("<!DOCTYPE") || begins("<!doctype") || begins("<html") {
            reason = "a web page, not a CSV file; a login page that was downloaded instead?"
        }
        if let reason { throw FileError.malformed(path: path, location: "", reason: reason) }
    }
}

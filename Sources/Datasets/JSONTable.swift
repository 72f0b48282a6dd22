import Files
import Foundation
import Tensors

/// A reader of tables in JSON: a list of objects, or one object a line.
///
/// The file is cut into its objects first and each is parsed alone, so that the memory needed is that of the texts.
struct JSONTableReader {
    private let path: String
    private let bytes: UnsafeRawBufferPointer
    private let limits: CSVLimits
    private var position = 0

    /// Reads a file.
    /// - Throws: `FileError` with row and byte.
    static func read(_ path: String, limits: CSVLimits) throws -> TextTable {
        let content = try TextBytes.file(path)
        var reader = JSONTableReader(path: path, bytes: content.bytes, limits: limits)
        let objects = try reader.objects()
        let table = try reader.table(objects, sha256: content.sha256())
        return table
    }

    private init(path: String, bytes: UnsafeRawBufferPointer, limits: CSVLimits) {
        self.path = path
        self.bytes = bytes
        self.limits = limits
    }

    /// The bytes of each object.
    private mutating func objects() throws -> [Range<Int>] {
        if let bad = FileReader.firstInvalidUTF8(bytes) { throw malformed("not valid UTF-8", row: nil, at: bad) }
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
        skipSpace()
        guard position < bytes.count else {
            throw malformed("the file is empty; a list of objects, or one object a line, was expected", row: nil, at: 0)
        }
        let isList = bytes[position] == UInt8(ascii: "[")
        if isList { position += 1 }
        var found: [Range<Int>] = []
        while true {
            skipSpace()
            if position >= bytes.count {
                if isList { throw malformed("the list is never closed", row: found.count, at: position) }
                return found
            }
            if isList, found.isEmpty, bytes[position] == UInt8(ascii: "]") { break }
            if found.count == limits.rows {
                throw malformed("more than the limit of \(limits.rows) rows", row: nil, at: position)
            }
            found.append(try objectRange(row: found.count + 1))
            if !isList { continue }
            skipSpace()
            guard position < bytes.count else { continue }
            if bytes[position] == UInt8(ascii: ",") {
                position += 1
                continue
            }
            guard bytes[position] == UInt8(ascii: "]") else {
                throw malformed("expected ',' or ']' after the object", row: found.count, at: position)
            }
            break
        }
        position += 1
        skipSpace()
        guard position >= bytes.count else {
            throw malformed("unexpected text after the list", row: nil, at: position)
        }
        return found
    }

    /// Walks over one object by its braces; its inside is checked when it is parsed.
    private mutating func objectRange(row: Int) throws -> Range<Int> {
        let start = position
        guard bytes[start] == UInt8(ascii: "{") else { throw malformed("expected an object", row: row, at: start) }
        var depth = 0
        while position < bytes.count {
            guard position - start <= limits.rowBytes else {
                throw malformed("the object has more than the limit of \(limits.rowBytes) bytes", row: row, at: start)
            }
            switch bytes[position] {
            case UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "}"):
                depth -= 1
                if depth == 0 {
                    position += 1
                    return start..<position
                }
            case UInt8(ascii: "\""):
                position += 1
                while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
                    position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
                }
            default: break
            }
            position += 1
        }
        throw malformed("the object is never closed", row: row, at: start)
    }

    private func table(_ objects: [Range<Int>], sha256: String) throws -> TextTable {
        var columns: [String] = []
        var positions: [TextKey: Int] = [:]
        // The columns are known only at the end, so the objects are parsed twice rather than kept.
        try forEach(objects) { _, members in
            for (key, _) in members where positions[TextKey(key)] == nil {
                guard !key.isEmpty else { throw Problem(reason: "a key is empty") }
                guard columns.count < limits.columns else {
                    throw Problem(reason: "more than the limit of \(limits.columns) columns")
                }
                positions[TextKey(key)] = columns.count
                columns.append(key)
            }
        }
        guard !columns.isEmpty else { throw malformed("no object with a key", row: nil, at: 0) }
        var builder = TextTableBuilder(columns: columns)
        try forEach(objects) { row, members in
            var cells = [String?](repeating: nil, count: columns.count)
            for (key, value) in members {
                guard let position = positions[TextKey(key)] else { continue }
                cells[position] = JSONTableReader.text(value)
            }
            for cell in cells {
                guard (cell?.utf8.count ?? 0) <= limits.fieldBytes else {
                    throw Problem(reason: "a text is longer than the limit of \(limits.fieldBytes) bytes")
                }
                try builder.append(cell, name: path, row: row)
            }
        }
        return builder.table(name: path, sha256: sha256)
    }

    private struct Problem: Error {
        let reason: String
    }

    private func forEach(
        _ objects: [Range<Int>], _ body: (Int, [(key: String, value: JSON)]) throws -> Void
    ) throws {
        for (index, range) in objects.enumerated() {
            if index % 4096 == 0 { try Cancellation.check() }
            let slice = UnsafeRawBufferPointer(rebasing: bytes[range])
            do {
                let value = try JSON.parse(slice, name: path, allowsNonFinite: true)
                guard case .object(let members) = value else { continue }
                try body(index + 1, members)
            } catch let problem as Problem {
                throw malformed(problem.reason, row: index + 1, at: range.lowerBound)
            } catch FileError.malformed(_, let location, let reason) {
                throw malformed("\(reason) (\(location) of the object)", row: index + 1, at: range.lowerBound)
            }
        }
    }

    /// The text of a cell; nil for a null.
    private static func text(_ value: JSON) -> String? {
        switch value {
        case .null: return nil
        case .string(let text): return text
        // Python writes a missing number as a bare NaN.
        case .number(let number) where number.isNaN: return nil
        case .object(let members):
            // In label dictionaries a missing value may be a NaN as well, which JSON has no word for.
            return JSON.object(
                members.map { member in
                    if case .number(let number) = member.value, number.isNaN { return (member.key, .null) }
                    return member
                }
            ).text()
        default: return value.text()
        }
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func malformed(_ reason: String, row: Int?, at byte: Int) -> FileError {
        .malformed(path: path, location: (row.map { "row \($0), " } ?? "") + "byte \(byte)", reason: reason)
    }
}

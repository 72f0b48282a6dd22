import Files
import Foundation

/// Tables that several runs append to, like CheXGenBench's `Results/image_generation_metrics.csv`.
public enum ResultTables {
    /// Largest table that is appended to, in bytes.
    static let limit = 256 << 20

    /// Appends a row. The file is written whole (temporary file, fsync, rename) under a lock of its folder, so that
    /// several processes may append at once. Old rows stay byte for byte where the columns are the same. Where the row
    /// has columns that the table lacks, they are added at the end and are empty in old rows; columns that the row
    /// lacks are empty in it.
    /// - Parameters:
    ///   - path: the table; its folder is made where it is missing.
    ///   - row: columns in order, each name once.
    /// - Throws: `FileError` where the table is malformed or cannot be written; it is then as it was.
    public static func append(_ path: String, _ row: [(String, ConfigValue)]) throws {
        try withLock(path) { try append(row, to: path, after: try read(path)) }
    }

    /// Runs `body` while this process alone may append to tables in the table's folder.
    static func withLock<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        let folder = Paths.folder(path)
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw FileError.unwritable(path: path, reason: "the folder \(folder) cannot be made: \(error.reason)")
        }
        let lock = try FolderLock.wait(folder: folder)
        return try withExtendedLifetime(lock, body)
    }

    /// The text of a table; empty where there is no file.
    static func read(_ path: String) throws -> String {
        do {
            return try FileReader.text(path, limit: limit)
        } catch FileError.missing {
            return ""
        }
    }

    /// Appends a row to a table whose text is known; the caller has the lock.
    static func append(_ row: [(String, ConfigValue)], to path: String, after text: String) throws {
        try checkColumns(row, operation: "append to \(path)")
        let table = try CSVText.parse(text, name: path)
        let newline = text.contains("\r\n") ? "\r\n" : "\n"
        var header = table.header
        for (name, _) in row where !header.contains(name) { header.append(name) }
        var out = text
        if header != table.header {
            out = text.hasPrefix("\u{FEFF}") ? "\u{FEFF}" : ""
            out += header.map(CSVText.field).joined(separator: ",") + newline
            let holes = Array(repeating: "", count: header.count - table.header.count)
            for fields in table.rows {
                out += ((fields.map(CSVText.field)) + holes).joined(separator: ",") + newline
            }
        } else if let last = text.utf8.last, last != 0x0A, last != 0x0D {
            out += newline
        }
        out += line(row, header: header) + newline
        try AtomicFile.write(path, out)
    }

    /// A row as a line of a table with these columns.
    static func line(_ row: [(String, ConfigValue)], header: [String]) -> String {
        let values = Dictionary(row.map { ($0.0, $0.1) }) { first, _ in first }
        return header.map { CSVText.field(values[$0] ?? .null) }.joined(separator: ",")
    }

    /// How many rows of a table hold exactly this row's values.
    static func count(_ row: [(String, ConfigValue)], in text: String, path: String) throws -> Int {
        let table = try CSVText.parse(text, name: path)
        let wanted = try CSVText.parse(line(row, header: table.header) + "\n", name: path).header
        return table.header.isEmpty ? 0 : table.rows.filter { $0 == wanted }.count
    }

    static func checkColumns(_ row: [(String, ConfigValue)], operation: String) throws {
        guard !row.isEmpty else {
            throw RunsError.usage(operation: operation, message: "a row needs at least one column")
        }
        var seen: Set<String> = []
        for (name, _) in row {
            guard !name.isEmpty else {
                throw RunsError.usage(operation: operation, message: "a column has an empty name")
            }
            guard seen.insert(name).inserted else {
                throw RunsError.usage(operation: operation, message: "the column `\(name)` is given twice")
            }
        }
    }
}

extension Error {
    /// The system's reason for a failed file operation, where there is one.
    var reason: String {
        let error = self as NSError
        if let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError, cause.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(clamping: cause.code)))
        }
        return error.localizedDescription
    }
}

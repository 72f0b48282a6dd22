import Files

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
    public static func append(_ path: String, _ row: [(String, JSON)]) throws {
        try withLock(path) { try append(row, to: path, after: try read(path)) }
    }

    /// The cells that a row of numbers has in a table: its own, and a mark where they are of other identities and may stand
    /// there all the same.
    /// - Throws: `RunsError.identity` where they may not; `FileError` where the table or its identities are malformed.
    static func cells(of row: PublishedRow, in text: String, path: String) throws -> [(String, JSON)] {
        if row.identities.isEmpty { return row.cells }
        let known = try TableIdentities(of: path, table(text, path: path))
        let (difference, unknown) = (known.difference(row), known.unknown(row))
        if difference == nil, unknown == nil { return row.cells }
        guard row.onOtherIdentity == .mark else {
            if let difference { throw RunsError.identity(table: path, difference: difference) }
            throw RunsError.unknownIdentity(
                table: path, columns: unknown?.columns ?? [], rows: unknown?.rows ?? 0,
                file: TableIdentities.path(of: path))
        }
        let mark = [
            difference,
            unknown.map {
                "\($0.columns.joined(separator: ", ")): of \($0.rows) rows before it is not known what they are"
            },
        ]
        return row.cells + [(TableIdentities.mark, .string(mark.compactMap { $0 }.joined(separator: "; ")))]
    }

    /// Appends a row with the identities of its numbers, which come first: identities without a row harm nobody.
    static func append(_ row: PublishedRow, to path: String, after text: String) throws {
        if !row.identities.isEmpty { try TableIdentities(of: path, table(text, path: path)).append(row) }
        try append(row.cells, to: path, after: text)
    }

    /// Runs `body` while this process alone may append to tables in the table's folder.
    static func withLock<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        let folder = Paths.folder(path)
        try Folders.make(folder)
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
    static func append(_ row: [(String, JSON)], to path: String, after text: String) throws {
        try checkColumns(row, operation: "append to \(path)")
        let table = try table(text, path: path)
        let columns = table?.columns ?? []
        var header = columns
        for (name, _) in row where !header.contains(name) { header.append(name) }
        let newline = text.contains("\r\n") ? "\r\n" : "\n"
        var lines = CSVWriter(lineEnd: newline)
        var old = text
        // Rows end before the empty columns that the reader passes over, so these go.
        if header != columns || table?.passedOver.emptyColumns ?? 0 > 0 {
            old = text.hasPrefix("\u{FEFF}") ? "\u{FEFF}" : ""
            lines.appendRow(header)
            if let table {
                for number in 0..<table.rowCount {
                    for column in header.indices {
                        if column < columns.count {
                            let (bytes, kind) = table.raw(number, column)
                            lines.append(bytes, kind)
                        } else {
                            lines.appendEmpty()
                        }
                    }
                    lines.endRow()
                }
            }
        } else if let last = text.utf8.last, last != 0x0A {
            old += newline
        }
        add(row, to: &lines, header: header)
        try AtomicFile.write(path, old + lines.text)
    }

    /// The table of a text; nil where it is empty.
    static func table(_ text: String, path: String) throws -> TextTable? {
        text.isEmpty ? nil : try CSVReader.parse(text, name: path, limits: .hard)
    }

    /// Adds a row to a table with these columns.
    static func add(_ row: [(String, JSON)], to lines: inout CSVWriter, header: [String]) {
        let values = Dictionary(row.map { ($0.0, $0.1) }) { first, _ in first }
        for name in header { lines.append(values[name] ?? .null) }
        lines.endRow()
    }

    /// How many rows of a table hold exactly this row's values.
    static func count(_ row: [(String, JSON)], in text: String, path: String) throws -> Int {
        guard let table = try table(text, path: path) else { return 0 }
        let values = Dictionary(row.map { ($0.0, $0.1) }) { first, _ in first }
        let wanted = table.columns.map { CSVWriter.text(values[$0] ?? .null) }
        return (0..<table.rowCount).filter { number in
            wanted.indices.allSatisfy { table.text(number, $0) == wanted[$0] }
        }.count
    }

    static func checkColumns(_ row: [(String, JSON)], operation: String) throws {
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

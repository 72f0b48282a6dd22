import Files

/// A row that a cell appends to a table outside of the run folder.
struct TableEntry {
    let path: String
    let row: JSON
    /// What the row's mark says, where it has one.
    let mark: String?
    /// How many equal rows the table held before.
    let before: Int
    var isDone: Bool
}

extension RunFolder {
    /// Appends a row to a table outside of the run folder, once: a cell that is run again after being stopped does not
    /// append it a second time. See `ResultTables.append` and `PublishedRow`.
    /// - Throws: `FileError`; `RunsError.notDeterministic` where the cell appended another row here before, `.identity` where
    ///   the row's numbers are not of the table's kind.
    public func append(toTable table: String, _ row: PublishedRow, cell: Cell) throws {
        let table = Paths.absolute(table)
        try ResultTables.checkColumns(row.cells, operation: "append to \(table)")
        let value = JSON.object(row.cells.map { (key: $0.0, value: $0.1) })
        try lock.withLock {
            let number = tablesReplayed[cell.name] ?? 0
            let known = tables[cell.name] ?? []
            try ResultTables.withLock(table) {
                let text = try ResultTables.read(table)
                var written = row
                if number < known.count {
                    let entry = known[number]
                    guard entry.path == table, entry.row == value else {
                        let differences = RunDiff.differences(entry.row, value, "before it was stopped", "now")
                        throw RunsError.notDeterministic(
                            cell: cell.label,
                            message: "row \(number + 1) for \(table) differs: " + differences.joined(separator: "; "))
                    }
                    if let mark = entry.mark { written.cells.append((TableIdentities.mark, .string(mark))) }
                    // The row may have come into the table just before the process died.
                    let isThere =
                        try entry.isDone || ResultTables.count(written.cells, in: text, path: table) > entry.before
                    if !isThere { try ResultTables.append(written, to: table, after: text) }
                    if !entry.isDone { try finishTable(number, cell: cell) }
                } else {
                    written.cells = try ResultTables.cells(of: row, in: text, path: table)
                    let mark = written.cells.count > row.cells.count ? written.cells.last?.1.string : nil
                    let before = try ResultTables.count(written.cells, in: text, path: table)
                    try journal.append(
                        .object(
                            [
                                ("kind", .string("table")), ("cell", .string(cell.name)), ("number", .integer(number)),
                                ("path", .string(table)), ("row", value), ("before", .integer(before)),
                            ] + (mark.map { [("mark", .string($0))] } ?? [])))
                    tables[cell.name, default: []].append(
                        TableEntry(path: table, row: value, mark: mark, before: before, isDone: false))
                    try ResultTables.append(written, to: table, after: text)
                    try finishTable(number, cell: cell)
                }
            }
            tablesReplayed[cell.name] = number + 1
        }
    }

    /// Appends a row whose numbers are compared with none.
    /// - Throws: as the other.
    public func append(toTable table: String, _ row: [(String, JSON)], cell: Cell) throws {
        try append(toTable: table, PublishedRow(row), cell: cell)
    }

    private func finishTable(_ number: Int, cell: Cell) throws {
        try journal.append(
            .object([
                ("kind", .string("table")), ("cell", .string(cell.name)), ("number", .integer(number)),
                ("done", .boolean(true)),
            ]))
        tables[cell.name]?[number].isDone = true
    }

    /// Takes up a table record of the journal; false where it has no sense.
    func replayTable(_ record: JSON, cell: String) -> Bool {
        guard case .integer(let number)? = record["number"] else { return false }
        let count = tables[cell]?.count ?? 0
        if record["done"] == .boolean(true) {
            guard number >= 0, number < count else { return false }
            tables[cell]?[number].isDone = true
            return true
        }
        guard number == count, case .string(let path)? = record["path"], let row = record["row"],
            case .integer(let before)? = record["before"]
        else { return false }
        tables[cell, default: []].append(
            TableEntry(path: path, row: row, mark: record["mark"]?.string, before: before, isDone: false))
        return true
    }
}

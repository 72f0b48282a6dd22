import Files

/// A row that a cell appends to a table outside of the run folder.
struct TableEntry {
    let path: String
    let row: JSON
    /// How many equal rows the table held before.
    let before: Int
    var isDone: Bool
}

extension RunFolder {
    /// Appends a row to a table outside of the run folder, once: a cell that is run again after being stopped does not
    /// append it a second time. See `ResultTables.append`.
    /// - Throws: `FileError`; `RunsError.notDeterministic` where the cell appended another row here before.
    public func append(toTable table: String, _ row: [(String, JSON)], cell: Cell) throws {
        let table = Paths.absolute(table)
        try ResultTables.checkColumns(row, operation: "append to \(table)")
        let value = JSON.object(row.map { (key: $0.0, value: $0.1) })
        try lock.withLock {
            let number = tablesReplayed[cell.name] ?? 0
            let known = tables[cell.name] ?? []
            try ResultTables.withLock(table) {
                let text = try ResultTables.read(table)
                if number < known.count {
                    let entry = known[number]
                    guard entry.path == table, entry.row == value else {
                        let differences = RunDiff.differences(entry.row, value, "before it was stopped", "now")
                        throw RunsError.notDeterministic(
                            cell: cell.label,
                            message: "row \(number + 1) for \(table) differs: " + differences.joined(separator: "; "))
                    }
                    // The row may have come into the table just before the process died.
                    let isThere = try entry.isDone || ResultTables.count(row, in: text, path: table) > entry.before
                    if !isThere { try ResultTables.append(row, to: table, after: text) }
                    if !entry.isDone { try finishTable(number, cell: cell) }
                } else {
                    let before = try ResultTables.count(row, in: text, path: table)
                    try journal.append(
                        .object([
                            ("kind", .string("table")), ("cell", .string(cell.name)), ("number", .integer(number)),
                            ("path", .string(table)), ("row", value), ("before", .integer(before)),
                        ]))
                    tables[cell.name, default: []].append(
                        TableEntry(path: table, row: value, before: before, isDone: false))
                    try ResultTables.append(row, to: table, after: text)
                    try finishTable(number, cell: cell)
                }
            }
            tablesReplayed[cell.name] = number + 1
        }
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
        tables[cell, default: []].append(TableEntry(path: path, row: row, before: before, isDone: false))
        return true
    }
}

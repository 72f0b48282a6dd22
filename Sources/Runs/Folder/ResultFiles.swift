import Files

/// The texts of `results.csv` and `results.jsonl`: a function of the rows alone, so that equal runs are equal to the byte.
/// That of `results_long.csv` is `LongTable`.
enum ResultFiles {
    /// A row with its cell's sweep settings before it; a column of the row's own hides a setting of the same name.
    static func complete(_ row: [(String, JSON)], cell: Cell) -> [(String, JSON)] {
        let own = Set(row.map { $0.0 })
        return cell.settings.filter { !own.contains($0.key) }.map { ($0.key, $0.value) } + row
    }

    /// Columns in the order of their first appearance, then the rows. A column of which no row has a value is left out: an
    /// experiment declares all that it could measure, in order, and a run measures a part of it.
    static func csv(_ rows: [[(String, JSON)]]) -> String {
        let header = columns(rows)
        if header.isEmpty { return "" }
        var lines = CSVWriter()
        lines.appendRow(header)
        for row in rows { ResultTables.add(row, to: &lines, header: header) }
        return lines.text
    }

    /// What follows a column's name for the word, `lower` or `higher`, that says which of its values are better.
    static let direction = " direction"

    /// The columns of which some row has a value, in the order of the first appearance of all. Those that say which values of
    /// another column are better say the same in every row, and stand in `results.jsonl` alone.
    static func columns(_ rows: [[(String, JSON)]]) -> [String] {
        var header: [String] = []
        var known: Set<String> = []
        var filled: Set<String> = []
        for row in rows {
            for (name, value) in row {
                if known.insert(name).inserted { header.append(name) }
                let isDirection = name.hasSuffix(direction) && ["lower", "higher"].contains(value.string)
                if value != .null, !isDirection { filled.insert(name) }
            }
        }
        return header.filter(filled.contains)
    }

    /// One JSON object a line, with the columns that the row has.
    static func jsonLine(_ row: [(String, JSON)]) -> String {
        JSON.object(row.map { (key: $0.0, value: $0.1) }).text() + "\n"
    }
}

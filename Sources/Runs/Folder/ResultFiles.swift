import Files

/// The texts of `results.csv` and `results.jsonl`: a function of the rows alone, so that equal runs are equal to the byte.
enum ResultFiles {
    /// A row with its cell's sweep settings before it; a column of the row's own hides a setting of the same name.
    static func complete(_ row: [(String, JSON)], cell: Cell) -> [(String, JSON)] {
        let own = Set(row.map { $0.0 })
        return cell.settings.filter { !own.contains($0.key) }.map { ($0.key, $0.value) } + row
    }

    /// Columns in the order of their first appearance, then the rows.
    static func csv(_ rows: [[(String, JSON)]]) -> String {
        var header: [String] = []
        var known: Set<String> = []
        for row in rows {
            for (name, _) in row where known.insert(name).inserted { header.append(name) }
        }
        if header.isEmpty { return "" }
        var lines = CSVWriter()
        lines.appendRow(header)
        for row in rows { ResultTables.add(row, to: &lines, header: header) }
        return lines.text
    }

    /// One JSON object a line, with the columns that the row has.
    static func jsonLine(_ row: [(String, JSON)]) -> String {
        JSON.object(row.map { (key: $0.0, value: $0.1) }).text() + "\n"
    }
}

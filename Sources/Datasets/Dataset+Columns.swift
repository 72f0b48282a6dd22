import Files

extension Dataset {
    /// The dataset with a column more, or with another content of a column that there is; nil is a null.
    /// - Throws: `DatasetError.value` for another number of values than rows, an empty name, or a row that stands twice in
    ///   the dataset with different values.
    public func adding(column name: String, _ values: [String?]) throws -> Dataset {
        func wrong(_ message: String) -> DatasetError { .value(operation: "add column", message: message) }
        guard !name.isEmpty else { throw wrong("the column needs a name") }
        guard values.count == count else { throw wrong("\(values.count) values for \(count) rows") }
        var texts = parts.map { [String?](repeating: nil, count: $0.table.rowCount) }
        var isSet = parts.map { [Bool](repeating: false, count: $0.table.rowCount) }
        for (position, id) in rows.enumerated() {
            let (part, row) = (Int(id.part), Int(id.row))
            if isSet[part][row], texts[part][row].map({ TextKey($0) }) != values[position].map({ TextKey($0) }) {
                throw wrong("row \(row + 1) of \(parts[part].table.name) stands twice, with different values")
            }
            isSet[part][row] = true
            texts[part][row] = values[position]
        }
        let replaced = columns.firstIndex { TextKey($0) == TextKey(name) }
        let newParts = try parts.enumerated().map { number, part -> Part in
            var builder = TextTableBuilder(columns: [name])
            for (row, text) in texts[number].enumerated() {
                try builder.append(text, name: part.table.name, row: row + 1)
            }
            let reference = ColumnReference(table: builder.table(name: "column \(name)"), position: 0)
            var references = part.columns
            if let replaced { references[replaced] = reference } else { references.append(reference) }
            return Part(table: part.table, columns: references, roles: part.roles)
        }
        let step = DatasetOperation(name: "add column", detail: name, before: count, after: count)
        return Dataset(
            columns: replaced == nil ? columns + [name] : columns, parts: newParts, rows: rows,
            history: history + [step])
    }
}

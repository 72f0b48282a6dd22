import Files
import Tensors

extension Dataset {
    /// The first row of each text of a column, as pandas' `drop_duplicates(subset=…)`: all nulls are equal.
    /// - Throws: `DatasetError.column`; `FileError` where the file was changed.
    public func unique(by column: String) throws -> Dataset { try unique(by: [column]) }

    /// The first row of each combination of texts of some columns; all nulls are equal.
    /// - Throws: `DatasetError.column`, `.value` for no column; `FileError` where the file was changed.
    public func unique(by names: [String]) throws -> Dataset {
        let indexes = try names.map { try columnIndex($0) }
        guard !indexes.isEmpty else { throw DatasetError.value(operation: "unique", message: "no column was named") }
        try checkUnchanged()
        var kept: [RowID] = []
        if indexes.count == 1 {
            var seen = Set<TextKey?>()
            for id in rows {
                let cell = parts[Int(id.part)].columns[indexes[0]].cell(Int(id.row))
                if seen.insert(cell.map { TextKey($0) }).inserted { kept.append(id) }
            }
        } else {
            var seen = Set<[TextKey?]>()
            for id in rows {
                let key = indexes.map { parts[Int(id.part)].columns[$0].cell(Int(id.row)).map { TextKey($0) } }
                if seen.insert(key).inserted { kept.append(id) }
            }
        }
        return derived(kept, "unique", names.joined(separator: ", "))
    }

    /// The rows at some positions, in the order given; a position may stand more than once.
    /// - Throws: `DatasetError.value` for a position that is not there.
    public func select(rows positions: [Int], as operation: String = "select") throws -> Dataset {
        derived(try positions.map { try rowID($0) }, operation, "")
    }

    /// The rows for which `keep` says yes; it gets the position of the row.
    /// - Throws: what `keep` throws, and `TensorError.stopped`.
    public func filter(_ keep: (Int) throws -> Bool) throws -> Dataset {
        var kept: [RowID] = []
        for (position, id) in rows.enumerated() {
            try Cancellation.check()
            if try keep(position) { kept.append(id) }
        }
        return derived(kept, "filter", "")
    }

    /// The rows whose text of a column is among `values`, as pandas' `isin`; nil among them stands for nulls.
    /// - Throws: `DatasetError.column`; `FileError` where the file was changed.
    public func whereIn(_ column: String, _ values: [String?]) throws -> Dataset {
        let index = try columnIndex(column)
        try checkUnchanged()
        let wanted = Set(values.map { $0.map { TextKey($0) } })
        let kept = rows.filter {
            wanted.contains(parts[Int($0.part)].columns[index].cell(Int($0.row)).map { TextKey($0) })
        }
        return derived(kept, "where_in", "\(column), \(values.count) values")
    }

    /// The rows without a null in any of the named columns, as pandas' `dropna(subset=…)`.
    /// - Throws: `DatasetError.column`; `FileError` where the file was changed.
    public func dropna(_ names: [String]) throws -> Dataset {
        let indexes = try names.map { try columnIndex($0) }
        try checkUnchanged()
        let kept = rows.filter { id in
            !indexes.contains { parts[Int(id.part)].columns[$0].isNull(Int(id.row)) }
        }
        return derived(kept, "dropna", names.joined(separator: ", "))
    }

    /// The first `n` rows, or all where there are fewer.
    /// - Throws: `DatasetError.value` for a negative number.
    public func head(_ n: Int) throws -> Dataset {
        guard n >= 0 else { throw DatasetError.value(operation: "head", message: "n must not be negative, got \(n)") }
        return derived(Array(rows.prefix(n)), "head", "\(n)")
    }

    /// One of `shards` consecutive parts, `number` from 1, as NumPy's `array_split`: the first `count mod shards` of them
    /// have a row more.
    /// - Throws: `DatasetError.value` for numbers outside 1 … shards.
    public func shard(_ number: Int, of shards: Int) throws -> Dataset {
        guard shards >= 1, number >= 1, number <= shards else {
            throw DatasetError.value(
                operation: "shard", message: "wanted shard 1 to n of n, got \(number) of \(shards)")
        }
        let (size, longer) = count.quotientAndRemainder(dividingBy: shards)
        // No product overflows: it is at most `count` where `size` is not 0.
        let start = (number - 1) * size + min(number - 1, longer)
        let end = start + size + (number <= longer ? 1 : 0)
        return derived(Array(rows[start..<end]), "shard", "\(number) of \(shards)")
    }

    /// The rows of this dataset, then those of another, which must have the same columns in whatever order.
    ///
    /// Each row keeps its own image folder and roles, so real and synthetic images can stand in one dataset.
    /// - Throws: `DatasetError.column` that names the columns which only one of them has.
    public func concat(_ other: Dataset) throws -> Dataset {
        let missing = columns.filter { !other.hasColumn($0) }
        let extra = other.columns.filter { !hasColumn($0) }
        guard missing.isEmpty, extra.isEmpty else {
            func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }
            throw DatasetError.column(
                table: other.name,
                message: "the columns differ from those of \(name); only there: \(list(missing)); "
                    + "only here: \(list(extra))")
        }
        let order = try columns.map { try other.columnIndex($0) }
        let isSameOrder = order == Array(columns.indices)
        var parts = self.parts
        // A part that both have is kept once, so that joining shards again gives what was cut.
        let numbers = other.parts.map { part -> Int in
            if isSameOrder, let known = parts.firstIndex(where: { $0 === part }) { return known }
            parts.append(
                isSameOrder
                    ? part : Part(table: part.table, columns: order.map { part.columns[$0] }, roles: part.roles))
            return parts.count - 1
        }
        let added = other.rows.map { RowID(part: numbers[Int($0.part)], row: Int($0.row)) }
        let steps = other.history.map { "\($0.name)(\($0.detail)) \($0.before) to \($0.after)" }
        let detail = ([other.name] + steps).joined(separator: "; ")
        let step = DatasetOperation(name: "concat", detail: detail, before: count, after: count + added.count)
        return Dataset(columns: columns, parts: parts, rows: rows + added, history: history + [step])
    }

    func rowID(_ position: Int) throws -> RowID {
        try checkRow(position)
        return rows[position]
    }
}

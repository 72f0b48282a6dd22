extension Dataset {
    /// Where each of this dataset's rows stands in `parent`, from which it was derived, counted from 0.
    /// - Throws: `DatasetError.value` where a row is not one of the parent's, or stands in it more than once.
    public func positions(in parent: Dataset) throws -> [Int] {
        var places: [RowKey: Int] = [:]
        for (place, row) in parent.rows.enumerated() {
            guard places.updateValue(place, forKey: parent.key(row)) == nil else {
                throw DatasetError.value(
                    operation: "positions", message: "row \(place + 1) of the parent stands in it more than once")
            }
        }
        return try rows.enumerated().map { item in
            guard let place = places[key(item.element)] else {
                throw DatasetError.value(
                    operation: "positions", message: "row \(item.offset + 1) is not a row of the other dataset")
            }
            return place
        }
    }

    /// A row's table and its place in that table: the same wherever the row was derived to.
    private struct RowKey: Hashable {
        let table: ObjectIdentifier
        let row: Int
    }

    private func key(_ row: RowID) -> RowKey {
        RowKey(table: ObjectIdentifier(parts[Int(row.part)].table), row: Int(row.row))
    }
}

import Files

/// One column of one table.
struct ColumnReference {
    let table: TextTable
    let position: Int

    func text(_ row: Int) -> String { table.text(row, position) }
    func isNull(_ row: Int) -> Bool { table.isNull(row, position) }
    /// The text, or nil for a null as pandas sees it.
    func cell(_ row: Int) -> String? { isNull(row) ? nil : text(row) }
}

/// Which columns play which part, and where the images lie.
struct Roles {
    var image: ColumnReference?
    var prompt: ColumnReference?
    var id: ColumnReference?
    var patient: ColumnReference?
    var labels: LabelColumn?
    var imageDirectory: String
}

/// Rows that came in together: the columns of a dataset as they were opened, with their roles. Datasets that are derived
/// from one another share their parts and hold only the numbers of their rows.
final class Part {
    /// In the order of the dataset's columns.
    let columns: [ColumnReference]
    let roles: Roles
    /// The table that errors name.
    let table: TextTable

    init(table: TextTable, columns: [ColumnReference], roles: Roles) {
        self.table = table
        self.columns = columns
        self.roles = roles
    }

    /// All tables that cells lie in, the first one first.
    var tables: [TextTable] {
        var result = [table]
        for column in columns where !result.contains(where: { $0 === column.table }) { result.append(column.table) }
        return result
    }

    func checkUnchanged() throws {
        for table in tables { try table.checkUnchanged() }
    }
}

/// A row of a dataset: a row of one of its parts.
struct RowID: Hashable {
    let part: UInt32
    let row: UInt32

    init(part: Int, row: Int) {
        self.part = UInt32(truncatingIfNeeded: part)
        self.row = UInt32(truncatingIfNeeded: row)
    }
}

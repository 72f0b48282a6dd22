import Foundation

extension Dataset {
    /// The text of a cell, or nil for a null as pandas sees it.
    /// - Throws: `DatasetError` for a row or column that is not there.
    public func cell(_ row: Int, _ column: String) throws -> String? { try cell(row, columnIndex(column)) }

    /// The text of a cell, or nil for a null as pandas sees it.
    /// - Throws: `DatasetError` for a row or column that is not there.
    public func cell(_ row: Int, _ column: Int) throws -> String? {
        let (reference, position) = try reference(row, column)
        return reference.cell(position)
    }

    /// The text of a cell as it stands in the file, whatever it spells; empty for a null of a JSON file.
    /// - Throws: `DatasetError` for a row or column that is not there.
    package func rawText(_ row: Int, _ column: Int) throws -> String {
        let (reference, position) = try reference(row, column)
        return reference.text(position)
    }

    /// The texts of a column; nil for a null as pandas sees it.
    /// - Throws: `DatasetError.column`; `FileError` where the file was changed.
    public func column(_ name: String) throws -> [String?] {
        let index = try columnIndex(name)
        try checkUnchanged()
        return rows.map { parts[Int($0.part)].columns[index].cell(Int($0.row)) }
    }

    /// Whether a label column was named, or the fourteen columns are there.
    public var hasLabels: Bool { parts.allSatisfy { $0.roles.labels != nil } }
    /// Whether a patient column was named or found.
    public var hasPatients: Bool { parts.allSatisfy { $0.roles.patient != nil } }

    /// The name of the image column of the first table, if any.
    public var imageColumn: String? { parts.first?.roles.image.map { $0.table.columns[$0.position] } }

    /// The path of a row's image: the cell joined to the image folder, as Python's `os.path.join` does it.
    /// - Throws: `DatasetError` where no image column was named, or the cell is a null.
    public func imagePath(_ row: Int) throws -> String {
        guard let path = try namedImagePath(row) else {
            throw rowError(row, "no image path: the cell of column \"\(imageColumn ?? "")\" is a null")
        }
        return path
    }

    /// The path of a row's image as `imagePath` gives it, or nil where the cell is a null.
    func namedImagePath(_ row: Int) throws -> String? {
        let part = try part(row)
        guard let text = try role(row, "image", part.roles.image) else { return nil }
        return Dataset.imagePath(text, in: part.roles.imageDirectory)
    }

    /// A cell joined to a folder, as Python's `os.path.join` does it.
    public static func imagePath(_ cell: String, in directory: String) -> String {
        if directory.isEmpty || cell.hasPrefix("/") { return cell }
        return directory.hasSuffix("/") ? directory + cell : directory + "/" + cell
    }

    /// The paths of all images, in order.
    /// - Throws: as `imagePath`.
    public func imagePaths() throws -> [String] { try rows.indices.map { try imagePath($0) } }

    /// The prompt of a row, or nil for a null.
    /// - Throws: `DatasetError` where no prompt column was named.
    public func prompt(_ row: Int) throws -> String? { try role(row, "prompt", part(row).roles.prompt) }

    /// The id of a row, or nil for a null.
    /// - Throws: `DatasetError` where no id column was named.
    public func id(_ row: Int) throws -> String? { try role(row, "id", part(row).roles.id) }

    func checkUnchanged() throws {
        for part in parts { try part.checkUnchanged() }
    }

    func checkRow(_ row: Int) throws {
        guard rows.indices.contains(row) else {
            throw DatasetError.value(
                operation: "dataset", message: "row \(row + 1) is outside the \(count) rows of \(name)")
        }
    }

    func part(_ row: Int) throws -> Part {
        try checkRow(row)
        return parts[Int(rows[row].part)]
    }

    /// An error that names the row as it is counted in its own table.
    func rowError(_ row: Int, _ message: String) -> DatasetError {
        guard rows.indices.contains(row) else { return .value(operation: "dataset", message: message) }
        return .row(
            table: parts[Int(rows[row].part)].table.name, row: Int(rows[row].row) + 1, message: message)
    }

    func noRole(_ role: String) -> DatasetError {
        .value(
            operation: role,
            message: "\(name) was opened without a column for it; name one of \(columns.joined(separator: ", "))")
    }

    private func role(_ row: Int, _ name: String, _ column: ColumnReference?) throws -> String? {
        try checkRow(row)
        guard let column else { throw noRole(name) }
        return column.cell(Int(rows[row].row))
    }

    private func reference(_ row: Int, _ column: Int) throws -> (ColumnReference, Int) {
        let part = try part(row)
        guard part.columns.indices.contains(column) else {
            throw DatasetError.value(
                operation: "dataset", message: "column \(column + 1) is outside the \(columns.count) of \(name)")
        }
        return (part.columns[column], Int(rows[row].row))
    }
}

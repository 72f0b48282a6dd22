import Files
import Foundation

/// One step that made a dataset out of another, with how many rows there were before and after.
public struct DatasetOperation: Equatable, Sendable {
    /// The name of the operation as scripts call it: `unique`, `sample`, …
    public let name: String
    /// Its arguments.
    public let detail: String
    /// Rows before it.
    public let before: Int
    /// Rows after it.
    public let after: Int

    /// A step.
    public init(name: String, detail: String, before: Int, after: Int) {
        self.name = name
        self.detail = detail
        self.before = before
        self.after = after
    }
}

/// An immutable table, usually one row an image, in which some columns have roles: image, prompt, labels, id, patient.
///
/// All cells are texts and stay as they stand in the file, byte for byte; nothing is converted. Where an operation asks for
/// nulls, a null is what pandas 2.2 reads as one (`NullSpellings`). A dataset that is derived from another holds the numbers
/// of its rows and shares everything else. Rows and columns are counted from 0 here, from 1 in messages.
public final class Dataset {
    /// The names of the columns, in order.
    public let columns: [String]
    /// What was done to the tables since they were opened, oldest first.
    public let history: [DatasetOperation]
    let parts: [Part]
    let rows: [RowID]
    private let positions: [TextKey: Int]

    init(columns: [String], parts: [Part], rows: [RowID], history: [DatasetOperation]) {
        self.columns = columns
        self.parts = parts
        self.rows = rows
        self.history = history
        positions = Dictionary(
            columns.enumerated().map { (TextKey($1), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The number of rows.
    public var count: Int { rows.count }

    /// The path of the first table, or the name of one made in memory; messages begin with it.
    public var name: String { parts.first?.table.name ?? "dataset" }

    /// What the reader of the first table passed over.
    public var passedOver: TextTable.PassedOver { parts.first?.table.passedOver ?? TextTable.PassedOver() }

    /// Whether there is a column of this name.
    public func hasColumn(_ name: String) -> Bool { positions[TextKey(name)] != nil }

    /// The position of a column.
    /// - Throws: `DatasetError.column` with the nearest name and all that there are.
    public func columnIndex(_ name: String) throws -> Int {
        if let position = positions[TextKey(name)] { return position }
        throw Dataset.missingColumn(name, among: columns, table: self.name)
    }

    /// A dataset with other rows of the same parts, and a step more in its history.
    func derived(_ rows: [RowID], _ name: String, _ detail: String) -> Dataset {
        let step = DatasetOperation(name: name, detail: detail, before: count, after: rows.count)
        return Dataset(columns: columns, parts: parts, rows: rows, history: history + [step])
    }

    static func missingColumn(_ name: String, among columns: [String], table: String) -> DatasetError {
        .column(table: table, message: missing(name, among: columns))
    }

    /// That there is no such column, the nearest name, and those that there are.
    static func missing(_ name: String, among columns: [String]) -> String {
        let shown = columns.prefix(40).joined(separator: ", ") + (columns.count > 40 ? ", …" : "")
        let near = suggestion(name, columns)
        let list = (near.isEmpty ? "; the" : " The") + " columns are \(shown)"
        return "no column \(excerpt(name))" + near + list
    }
}

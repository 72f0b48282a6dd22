/// The limits of a CSV file, which keep a broken or hostile one from taking the memory of the machine.
public struct CSVLimits: Equatable, Sendable {
    /// The most bytes of one field.
    public let fieldBytes: Int
    /// The most bytes of one row.
    public let rowBytes: Int
    /// The most columns.
    public let columns: Int
    /// The most rows, the header not counted.
    public let rows: Int

    /// The limits where nothing else is said: 1 MiB a field, 4 MiB a row, 1,024 columns, 10 million rows.
    public static let standard = CSVLimits(
        unchecked: 1 << 20, rowBytes: 4 << 20, columns: 1024, rows: 10_000_000)

    /// The highest limits that can be asked for.
    public static let hard = CSVLimits(
        unchecked: CellRange.maximumLength, rowBytes: 1 << 28, columns: 16_384, rows: 100_000_000)

    /// Other limits, each up to its hard one.
    /// - Throws: `FileError.unreadable` where one is below 1 or above `hard`.
    public init(
        fieldBytes: Int = standard.fieldBytes, rowBytes: Int = standard.rowBytes, columns: Int = standard.columns,
        rows: Int = standard.rows
    ) throws {
        let hard = CSVLimits.hard
        for (name, value, most) in [
            ("field bytes", fieldBytes, hard.fieldBytes), ("row bytes", rowBytes, hard.rowBytes),
            ("columns", columns, hard.columns), ("rows", rows, hard.rows),
        ] where value < 1 || value > most {
            throw FileError.unreadable(
                path: "csv limits", reason: "\(name) must be from 1 to \(most), not \(value)")
        }
        self.init(unchecked: fieldBytes, rowBytes: rowBytes, columns: columns, rows: rows)
    }

    private init(unchecked fieldBytes: Int, rowBytes: Int, columns: Int, rows: Int) {
        self.fieldBytes = fieldBytes
        self.rowBytes = rowBytes
        self.columns = columns
        self.rows = rows
    }
}

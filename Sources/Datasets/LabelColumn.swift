import Files
import Foundation
import Tensors

/// The labels of a table: a column of dictionaries, or fourteen columns of numbers. They are parsed when one is first asked
/// for, all at once, and kept in eight bytes a row for every dataset that shares the table.
final class LabelColumn {
    private let table: TextTable
    /// One position for dictionaries, or fourteen in the order of `Pathologies.names`.
    private let positions: [Int]
    private let lock = NSLock()
    private var parsed: [Labels]?
    private var badRows = Set<Int>()

    /// The labels of a column of dictionaries.
    init(table: TextTable, position: Int) {
        self.table = table
        positions = [position]
    }

    /// The labels of fourteen columns, or nil where the table does not have them all.
    init?(columnsOf table: TextTable) {
        let found = Pathologies.names.compactMap { table.position(of: $0) }
        guard found.count == Pathologies.count else { return nil }
        self.table = table
        positions = found
    }

    /// The columns that labels are read from.
    var names: [String] { positions.map { table.columns[$0] } }

    /// The labels of a row of the table.
    /// - Throws: `DatasetError.row` where the cell is no label dictionary or no CheXpert value.
    func labels(_ row: Int) throws -> Labels {
        let (labels, isBad) = try lookUp(row)
        // Parsing again gives the message, which is not kept for each of what may be a million bad rows.
        return isBad ? try parse(row) : labels
    }

    private func lookUp(_ row: Int) throws -> (Labels, isBad: Bool) {
        lock.lock()
        defer { lock.unlock() }
        let all = try parsed ?? parseAll()
        parsed = all
        return (all[row], !badRows.isEmpty && badRows.contains(row))
    }

    private func parseAll() throws -> [Labels] {
        try table.checkUnchanged()
        var all: [Labels] = []
        all.reserveCapacity(table.rowCount)
        badRows = []
        for row in 0..<table.rowCount {
            if row % 65_536 == 65_535 { try Cancellation.check() }
            do {
                all.append(try parse(row))
            } catch {
                all.append(Labels())
                badRows.insert(row)
            }
        }
        return all
    }

    private func parse(_ row: Int) throws -> Labels {
        if positions.count == 1 { return try parseDictionary(row) }
        var labels = Labels()
        for (index, position) in positions.enumerated() {
            if table.isNull(row, position) { continue }
            do {
                labels[index] = try LabelLiteral.state(ofNumber: table.raw(row, position).bytes)
            } catch let failure as LabelLiteral.Failure {
                throw error(row, position, failure)
            }
        }
        return labels
    }

    private func parseDictionary(_ row: Int) throws -> Labels {
        if table.isNull(row, positions[0]) { return Labels() }
        let (bytes, kind) = table.raw(row, positions[0])
        do {
            if kind != .doubledQuotes { return try LabelLiteral.parse(bytes) }
            return try TextTable.undoubled(bytes).withUnsafeBytes { try LabelLiteral.parse($0) }
        } catch let failure as LabelLiteral.Failure {
            throw error(row, positions[0], failure)
        }
    }

    private func error(_ row: Int, _ position: Int, _ failure: LabelLiteral.Failure) -> DatasetError {
        .row(
            table: table.name, row: row + 1,
            message: "column \"\(table.columns[position])\" is no CheXpert label: \(failure.message)")
    }
}

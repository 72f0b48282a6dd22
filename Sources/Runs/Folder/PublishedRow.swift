import Files
import Identity

/// A row for a table that several runs append to, with what its numbers are.
public struct PublishedRow {
    /// What happens to a row whose numbers have other identities than those of the table.
    public enum OtherIdentity: String, CaseIterable, Sendable {
        /// An error; the table stays as it is.
        case refuse
        /// The row is added, and its cell in the column `Other identity` says in what it differs.
        case mark
    }

    /// The cells, columns in order, each name once.
    public var cells: [(String, JSON)]
    /// What the numbers of some columns are.
    public var identities: [(column: String, identity: MetricIdentity)]
    /// Columns by whose cells rows are told apart that are not compared, such as `Pathology`.
    public var among: [String]
    /// What happens where identities differ.
    public var onOtherIdentity: OtherIdentity

    /// A row; without identities it is compared with none.
    public init(
        _ cells: [(String, JSON)], identities: [(column: String, identity: MetricIdentity)] = [], among: [String] = [],
        onOtherIdentity: OtherIdentity = .refuse
    ) {
        self.cells = cells
        self.identities = identities
        self.among = among
        self.onOtherIdentity = onOtherIdentity
    }
}

/// The identities of a table's numbers: a file of JSON lines beside the table, so that the table keeps its columns.
///
/// A line holds a row's cells and the identity of each of its numbers. It speaks of the rows of the table that hold these very
/// cells; a row that somebody changed has no identity any more, and those of other programs have none: of what they are nothing is
/// known, so that they stand with no other number unless that one is marked.
struct TableIdentities {
    /// The column that marked rows have.
    static let mark = "Other identity"

    private struct Record {
        let cells: [(name: String, text: String)]
        let identities: [String: MetricIdentity]

        func cell(_ name: String) -> String { cells.first { $0.name == name }?.text ?? "" }
    }

    private let path: String
    private let text: String
    private let records: [Record]
    /// The table's rows of which no line speaks.
    private let others: [Record]

    /// The file beside a table.
    static func path(of table: String) -> String {
        (table.hasSuffix(".csv") ? String(table.dropLast(4)) : table) + ".identities.jsonl"
    }

    /// Reads the file of a table, for the rows that the table holds.
    /// - Throws: `FileError` where the file is malformed.
    init(of tablePath: String, _ table: TextTable?) throws {
        let path = TableIdentities.path(of: tablePath)
        self.path = path
        text = try ResultTables.read(path)
        let rows = table.map { table in
            (0..<table.rowCount).map { row in table.columns.indices.map { table.text(row, $0) } }
        }
        let columns = table?.columns ?? []
        let held = Set(rows ?? [])
        var known: Set<[String]> = []
        records = try text.split(separator: "\n").enumerated().compactMap { number, line in
            let record = try TableIdentities.record(String(line), location: "\(path):\(number + 1)")
            let cells = columns.map { record.cell($0) }
            guard held.contains(cells) else { return nil }
            known.insert(cells)
            return record
        }
        others = (rows ?? []).filter { !known.contains($0) }.map {
            Record(cells: zip(columns, $0).map { (name: $0, text: $1) }, identities: [:])
        }
    }

    private static func record(_ line: String, location: String) throws -> Record {
        let json = try JSON.parse(line, name: location)
        guard let cells = json["row"]?.object, let identities = json["identities"]?.object else {
            throw FileError.malformed(path: location, location: "", reason: "wanted a row and its identities")
        }
        do {
            return Record(
                cells: cells.map { ($0.key, $0.value.string ?? "") },
                identities: try Dictionary(identities.map { ($0.key, try MetricIdentity(json: $0.value)) }) { a, _ in a
                })
        } catch let error as IdentityError {
            throw FileError.malformed(path: location, location: "", reason: error.description)
        }
    }

    /// The rows without a mark that a row is compared with.
    private func kin(of row: PublishedRow, among records: [Record]) -> [Record] {
        let texts = Dictionary(row.cells.map { ($0.0, CSVWriter.text($0.1)) }) { first, _ in first }
        return records.filter { record in
            record.cell(TableIdentities.mark).isEmpty && row.among.allSatisfy { record.cell($0) == texts[$0] ?? "" }
        }
    }

    /// The columns of a row's numbers in which rows of the table have numbers of which nothing is known, and how many rows; nil where
    /// there are none.
    func unknown(_ row: PublishedRow) -> (columns: [String], rows: Int)? {
        let kin = kin(of: row, among: records + others).map { record in
            row.identities.map(\.column).filter { !record.cell($0).isEmpty && record.identities[$0] == nil }
        }
        let found = Set(kin.joined())
        if found.isEmpty { return nil }
        return (row.identities.map(\.column).filter(found.contains), kin.filter { !$0.isEmpty }.count)
    }

    /// In what a row's numbers differ from those of the table; nil where they may stand together.
    ///
    /// Each number is compared with the unmarked rows of the same kind, which have one identity by induction.
    func difference(_ row: PublishedRow) -> String? {
        let kin = kin(of: row, among: records)
        var found: [(difference: MetricIdentity.Difference, columns: [String])] = []
        for (column, identity) in row.identities {
            guard let other = kin.lazy.compactMap({ $0.identities[column] }).first else { continue }
            for difference in identity.differences(from: other) {
                if let place = found.firstIndex(where: { $0.difference == difference }) {
                    found[place].columns.append(column)
                } else {
                    found.append((difference, [column]))
                }
            }
        }
        if found.isEmpty { return nil }
        func shown(_ value: String) -> String { value.isEmpty ? "absent" : value }
        return found.map { item in
            "\(item.columns.joined(separator: ", ")): \(item.difference.field) \(shown(item.difference.ours)), "
                + "not \(shown(item.difference.theirs))"
        }.joined(separator: "; ")
    }

    /// Adds the identities of a row that is about to be appended. A line that a crash left without its row is not repeated.
    /// - Throws: `FileError.unwritable`.
    func append(_ row: PublishedRow) throws {
        if row.identities.isEmpty { return }
        let line = JSON.object([
            ("row", .object(row.cells.map { ($0.0, .string(CSVWriter.text($0.1))) })),
            ("identities", .object(row.identities.map { ($0.column, $0.identity.json) })),
        ]).text()
        if text.hasSuffix("\n" + line + "\n") || text == line + "\n" { return }
        try AtomicFile.write(path, text + (text.isEmpty || text.hasSuffix("\n") ? "" : "\n") + line + "\n")
    }
}

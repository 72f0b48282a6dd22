import Files
import Identity

/// The text of `results_long.csv`: a number a line, with its interval, its floor and each part of its identity in a column of its own.
///
/// A column of the rows is a metric where a column beside it says more of it: `NAME identity`, `NAME low`, `NAME high` or
/// `NAME floor`. What else a row says (the model, the settings of a sweep) stands in each of its lines, notes aside.
struct LongTable {
    /// What a column's ending says of the metric before it, beside its identity.
    private static let parts = ["low", "high", "floor", "std"]
    /// The parts of an identity that have no `details.` before them. Its word for the metric is `statistic` here.
    private static let identity = [
        "statistic", "protocol", "encoder", "weights", "preprocessing", "output", "dtype", "device", "estimator",
        "n_real",
        "n_synthetic", "seed",
    ]
    /// The columns that every table has, in order.
    private static let columns = ["pathology", "metric", "value"] + parts + ["n"] + identity
    /// A row's identity where it has one for all its numbers.
    private static let wholeIdentity = "Identity"
    private static let pathologies = ["Pathology", "Class"]
    /// A row's word for the protocol of all its numbers; that of an identity says the same.
    private static let wholeProtocol = "Protocol"
    private static let note = "Note"

    private typealias Cells = [String: JSON]

    private let metrics: [String]
    /// Columns of the rows whose values stand in each line, and their names here.
    private let facts: [(column: String, name: String)]
    private var lines: [Cells] = []

    /// The file's text; nil where no row holds a metric.
    static func csv(_ rows: [[(String, JSON)]]) -> String? {
        var table = LongTable(columns: ResultFiles.columns(rows))
        if table.metrics.isEmpty { return nil }
        for row in rows { table.add(Cells(row.map { ($0.0, $0.1) }) { first, _ in first }) }
        return table.lines.isEmpty ? nil : table.text
    }

    private init(columns: [String]) {
        let known = Set(columns)
        // `std` alone makes no metric: a script may have a column of that name.
        let metrics = columns.filter { name in
            ["identity", "low", "high", "floor"].contains { known.contains("\(name) \($0)") }
        }
        self.metrics = metrics
        let told = Set(metrics + metrics.flatMap { name in (LongTable.parts + ["identity"]).map { "\(name) \($0)" } })
            .union(LongTable.pathologies + [LongTable.wholeIdentity, LongTable.wholeProtocol, LongTable.note])
        facts = columns.filter { !told.contains($0) }.map {
            ($0, LongTable.columns.contains($0) || $0.hasPrefix("details.") ? "row.\($0)" : $0)
        }
    }

    /// Adds a line a number of a row.
    private mutating func add(_ row: Cells) {
        for metric in metrics {
            guard let value = row[metric], value.number != nil else { continue }
            var line: Cells = ["metric": .string(metric), "value": value]
            line["pathology"] = LongTable.pathologies.lazy.compactMap { row[$0] }.first
            line["protocol"] = row[LongTable.wholeProtocol]
            for part in LongTable.parts { line[part] = row["\(metric) \(part)"] }
            if let text = (row["\(metric) identity"] ?? row[LongTable.wholeIdentity])?.string {
                LongTable.add(identity: text, to: &line)
            }
            for fact in facts { line[fact.name] = row[fact.column] }
            lines.append(line)
        }
    }

    /// Adds the parts of an identity; a text that is none says nothing.
    private static func add(identity text: String, to line: inout Cells) {
        guard let identity = try? MetricIdentity(text: text) else { return }
        line["n"] = .integer(identity.syntheticCount > 0 ? identity.syntheticCount : identity.realCount)
        for field in identity.fields { line[field.name == "metric" ? "statistic" : field.name] = .string(field.value) }
        // A column of numbers stays one where some estimators draw nothing.
        if identity.seed == nil { line["seed"] = .null }
    }

    private var text: String {
        let details = Set(lines.flatMap { $0.keys.filter { $0.hasPrefix("details.") } }).sorted()
        let header = LongTable.columns + details + facts.map(\.name)
        var writer = CSVWriter()
        writer.appendRow(header)
        for line in lines {
            for name in header { writer.append(line[name] ?? .null) }
            writer.endRow()
        }
        return writer.text
    }
}

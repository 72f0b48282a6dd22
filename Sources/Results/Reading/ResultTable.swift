import Files
import Foundation
import Identity
import Metrics

/// A number of a row of results, with what stands beside it.
public struct MeasuredNumber {
    /// The value.
    public let value: Double
    /// Its interval; nil where there is none.
    public let low: Double?
    /// The upper end of the interval.
    public let high: Double?
    /// What perfect images would get.
    public let floor: Double?
    /// The value of endless sets, where it is extrapolated.
    public let limit: Double?
    /// What the number is.
    public let identity: MetricIdentity?
}

/// The rows of a run, and which of their columns are numbers with an interval, which name the rows, and which say the same in all.
public struct ResultTable {
    /// A column of numbers with what belongs to it.
    public struct Measure {
        /// The column: `FID (RadDino)`.
        public let column: String
        /// Which values are better; nil where nothing says so.
        public let direction: StatisticDirection?
        /// Whether any row has an interval, a floor or an identity of it.
        public let isMeasured: Bool
        /// Whether any row has a floor of it.
        public let hasFloor: Bool
        /// Whether any row has a value of endless sets.
        public let hasLimit: Bool
    }

    /// The rows, by column; cells without a value are left out.
    public let rows: [[String: JSON]]
    /// Columns with numbers.
    public let measures: [Measure]
    /// Columns that tell rows apart: what a sweep sets, and texts such as `Pathology`.
    public let labels: [String]
    /// Columns of the sweep that vary.
    public let swept: [String]
    /// Other columns that vary, such as counts.
    public let facts: [String]
    /// Columns that hold one value in all rows.
    public let constants: [(column: String, value: JSON)]
    /// What rows say of themselves, each note once with the number of its rows.
    public let notes: [(text: String, rows: Int)]

    /// What follows a column's name for what belongs to it.
    enum Ending: String, CaseIterable {
        case low = " low"
        case high = " high"
        case floor = " floor"
        case spread = " std"
        case identity = " identity"
        case limit = " at infinity"
        case direction = " direction"
    }

    private static let note = "Note"

    /// Takes rows apart.
    /// - Parameter swept: the names that the run's sweep sets.
    public init(rows given: [[(key: String, value: JSON)]], swept names: [String]) {
        var columns: [String] = []
        var known: Set<String> = []
        rows = given.map { row in
            var cells: [String: JSON] = [:]
            for (name, value) in row where value != .null {
                cells[name] = value
                if known.insert(name).inserted { columns.append(name) }
            }
            return cells
        }
        let rows = rows
        func stem(_ column: String) -> String? {
            for ending in Ending.allCases where column.hasSuffix(ending.rawValue) {
                let stem = String(column.dropLast(ending.rawValue.count))
                guard known.contains(stem) else { continue }
                // A script may have a column of that name that says something else.
                if ending != .direction || Direction.told(of: stem, in: rows) != nil { return stem }
            }
            return nil
        }
        func has(_ column: String, _ ending: Ending) -> Bool { known.contains(column + ending.rawValue) }
        func isConstant(_ column: String) -> Bool {
            guard rows.count > 1, let first = rows[0][column] else { return rows.count == 1 }
            return rows.allSatisfy { $0[column] == first }
        }
        let own = columns.filter { $0 != ResultTable.note && $0.lowercased() != "identity" && stem($0) == nil }
        let swept = names.filter { known.contains($0) && !isConstant($0) }
        var (measures, labels, facts, constants) = ([Measure](), swept, [String](), [(column: String, value: JSON)]())
        for column in own where !names.contains(column) || !known.contains(column) {
            let isMeasured = [.identity, .low, .floor].contains { has(column, $0) }
            let values = rows.compactMap { $0[column] }
            let isNumber = values.allSatisfy { ResultTable.number($0) != nil }
            let isReal = values.contains { if case .number = $0 { return true } else { return false } }
            if isNumber, isMeasured || (isReal && column != "Threshold") {
                measures.append(
                    Measure(
                        column: column, direction: Direction.of(column, in: rows), isMeasured: isMeasured,
                        hasFloor: has(column, .floor), hasLimit: has(column, .limit)))
            } else if isConstant(column) {
                constants.append((column, values[0]))
            } else if !isNumber || column == "Threshold" {
                labels.append(column)
            } else {
                facts.append(column)
            }
        }
        for name in names where known.contains(name) && isConstant(name) {
            if let value = rows.first?[name] { constants.append((name, value)) }
        }
        (self.measures, self.labels, self.swept, self.facts, self.constants) = (
            measures, labels, swept, facts, constants
        )
        var order: [String] = []
        var counts: [String: Int] = [:]
        for row in rows {
            guard let text = row[ResultTable.note]?.string, !text.isEmpty else { continue }
            if counts[text] == nil { order.append(text) }
            counts[text, default: 0] += 1
        }
        notes = order.map { ($0, counts[$0] ?? 0) }
    }

    /// A cell as a number; the words that JSON lines have for what is not finite are numbers, too.
    static func number(_ value: JSON?) -> Double? {
        switch value {
        case .integer(let number)?: return Double(number)
        case .number(let number)?: return number
        case .string("NaN")?: return .nan
        case .string("Infinity")?: return .infinity
        case .string("-Infinity")?: return -.infinity
        default: return nil
        }
    }

    /// The number of a row in a column; nil where it has none.
    public func number(_ row: Int, _ column: String) -> MeasuredNumber? {
        let cells = rows[row]
        func beside(_ ending: Ending) -> Double? { ResultTable.number(cells[column + ending.rawValue]) }
        guard let value = ResultTable.number(cells[column]) else { return nil }
        let identity = cells[column + Ending.identity.rawValue]?.string.flatMap { try? MetricIdentity(text: $0) }
        return MeasuredNumber(
            value: value, low: beside(.low), high: beside(.high), floor: beside(.floor), limit: beside(.limit),
            identity: identity)
    }

    /// How many real and synthetic films a row is of; nil where it does not say.
    public func films(_ row: Int) -> (real: Int?, synthetic: Int?) {
        let identity = measures.lazy.compactMap { number(row, $0.column)?.identity }.first
        func count(_ names: [String]) -> Int? { names.lazy.compactMap { rows[row][$0]?.integer }.first }
        return (
            count(["Real images", "Test films"]) ?? identity?.realCount,
            count(["Synthetic images", "Images", "Films"]) ?? identity?.syntheticCount
        )
    }

    /// What a row is of.
    public func counted(_ row: Int) -> Counted {
        Counted(measures.lazy.compactMap { number(row, $0.column)?.identity }.first)
    }

    /// What tells a row from the others, in words; nil where nothing does.
    public func label(_ row: Int) -> String? {
        guard rows.count > 1 else { return nil }
        let parts = labels.prefix(4).compactMap { name -> String? in
            guard let value = rows[row][name] else { return nil }
            let text = Readable.cut(value.string ?? value.summary, 80)
            if text.isEmpty { return nil }
            return swept.contains(name) || value.string == nil ? "\(ResultTable.short(name)) \(text)" : text
        }
        return parts.isEmpty ? "all" : parts.joined(separator: ", ")
    }

    /// The last part of a parameter's path: `params.encoders.dtype` is `dtype`.
    static func short(_ name: String) -> String {
        name.split(separator: ".").last.map(String.init)?.replacingOccurrences(of: "_", with: " ") ?? name
    }

    /// The first row of each cell of the sweep, which is that of all films together.
    public var firstRows: [Int] {
        var seen: Set<String> = []
        return rows.indices.filter { row in
            seen.insert(swept.map { rows[row][$0]?.text() ?? "" }.joined(separator: "\u{1F}")).inserted
        }
    }
}

/// Which values of a column are better.
enum Direction {
    /// What rows say of it.
    static func told(of column: String, in rows: [[String: JSON]]) -> StatisticDirection? {
        rows.lazy.compactMap { row in
            row[column + ResultTable.Ending.direction.rawValue]?.string.flatMap(StatisticDirection.init)
        }.first
    }

    /// What rows say of it, or what its name says.
    static func of(_ column: String, in rows: [[String: JSON]]) -> StatisticDirection? {
        told(of: column, in: rows) ?? byName(column)
    }

    private static let higher = [
        "accuracy", "precision", "recall", "f1", "auc", "alignment_score", "mean_latent_distance",
        "min_latent_distance",
    ]
    private static let lower = [
        "loss", "count_max", "count_mean", "mean_reid_scores", "max_reid_scores", "rate above it",
    ]

    /// What its name says, where nothing is recorded: of rows that scripts give by hand, and of run folders from before
    /// directions were recorded. New metrics need no word here.
    static func byName(_ column: String) -> StatisticDirection? {
        var name = column
        if name.hasSuffix(")"), let open = name.range(of: " (", options: .backwards) {
            name = String(name[..<open.lowerBound])
        }
        if let known = StatisticRegistry.standard.entries.first(where: { $0.column == name }) { return known.direction }
        name = name.lowercased()
        if higher.contains(where: { name == $0 || name.hasPrefix($0 + "_") }) { return .higher }
        if lower.contains(where: { name == $0 || name.hasSuffix(" " + $0) || name.hasSuffix("_" + $0) }) {
            return .lower
        }
        return nil
    }
}

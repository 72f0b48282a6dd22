import Files
import Foundation
import Identity
import Metrics
import Runs

/// A number of a leaderboard with what stands beside it; what nobody published is nil.
public struct LeaderboardNumber {
    /// The value.
    public var value: Double
    /// The lower end of its interval.
    public var low: Double?
    /// The upper end of its interval.
    public var high: Double?
    /// What perfect films would get.
    public var floor: Double?
    /// Real films that entered.
    public var real: Int?
    /// Synthetic films that entered.
    public var synthetic: Int?
    /// What the number is.
    public var identity: MetricIdentity?
    /// Which values of its column are better, where its run says so.
    public var direction: StatisticDirection?

    /// A number.
    public init(
        _ value: Double, low: Double? = nil, high: Double? = nil, floor: Double? = nil, real: Int? = nil,
        synthetic: Int? = nil, identity: MetricIdentity? = nil, direction: StatisticDirection? = nil
    ) {
        (self.value, self.low, self.high, self.floor) = (value, low, high, floor)
        (self.real, self.synthetic, self.identity, self.direction) = (real, synthetic, identity, direction)
    }
}

/// A model, or a setting of one, with its numbers.
public struct LeaderboardRow {
    /// The model, with the settings of a sweep's cell.
    public var model: String
    /// The place where it was published.
    public var rank: Int?
    /// Parameters, as published: `0.60B`.
    public var size: String?
    /// The year of the model, as published.
    public var year: Int?
    /// Whose definitions its numbers follow.
    public var definition: String?
    /// Whether the numbers are other people's.
    public var isPublished: Bool
    /// Where they come from: a paper, or a run folder.
    public var source: String
    /// Numbers by column, in order.
    public var numbers: [(metric: String, number: LeaderboardNumber)]

    /// A row.
    public init(
        model: String, rank: Int? = nil, size: String? = nil, year: Int? = nil, definition: String? = nil,
        isPublished: Bool = false, source: String = "", numbers: [(metric: String, number: LeaderboardNumber)] = []
    ) {
        (self.model, self.rank, self.size, self.year) = (model, rank, size, year)
        (self.definition, self.isPublished, self.source, self.numbers) = (definition, isPublished, source, numbers)
    }

    /// The number of a column; nil where there is none.
    public func number(_ metric: String) -> LeaderboardNumber? { numbers.first { $0.metric == metric }?.number }

    /// The models that the benchmark lists, in its order: README of github.com/Raman1121/CheXGenBench, the table by FID in the
    /// space of RAD-DINO (Dutt et al., CheXGenBench, arXiv 2505.10496). Sizes and years are the list's own; LLM-CXR's code holds
    /// a model of 3B.
    public static let published: [LeaderboardRow] = [
        ("Sana", "0.60B", 54.23, 2025), ("Pixart Sigma", "0.60B", 60.15, 2024), ("RadEdit", "0.86B", 69.70, 2024),
        ("LLM-CXR", "12B", 71.24, 2024), ("SD V3.5 Medium", "2.50B", 91.30, 2024),
        ("Lumina 2.0", "2.60B", 101.20, 2025),
        ("SD V1-5", "0.86B", 118.93, 2022), ("Flux.1-Dev", "12B", 122.40, 2024), ("SD V1-4", "0.86B", 125.19, 2022),
        ("SD V2-1", "0.86B", 186.53, 2022), ("SD V2", "0.86B", 194.72, 2022),
    ].enumerated().map { index, entry in
        LeaderboardRow(
            model: entry.0, rank: index + 1, size: entry.1, year: entry.3, definition: Protocol.chexgenbench.rawValue,
            isPublished: true, source: publishedSource,
            numbers: [(metric: Leaderboard.standardMetric, number: LeaderboardNumber(entry.2))])
    }

    /// Where the published numbers stand.
    public static let publishedSource = "CheXGenBench (arXiv 2505.10496), list of its repository"

    /// The rows of a run that are of all films: the first of each cell of a sweep, without those of pathologies and subgroups.
    public static func rows(of run: RunResults) -> [LeaderboardRow] {
        let table = run.table
        let parts = table.labels.filter { !table.swept.contains($0) && $0 != "Threshold" }
        return table.firstRows.compactMap { row in
            let cells = table.rows[row]
            guard parts.allSatisfy({ ["", "all"].contains(cells[$0]?.string ?? cells[$0]?.summary ?? "") }) else {
                return nil
            }
            let numbers = table.measures.compactMap { measure -> (metric: String, number: LeaderboardNumber)? in
                guard measure.isMeasured || measure.direction != nil, let found = table.number(row, measure.column),
                    !found.value.isNaN
                else { return nil }
                let films = table.films(row)
                return (
                    measure.column,
                    LeaderboardNumber(
                        found.value, low: found.low, high: found.high, floor: found.floor,
                        real: found.identity?.realCount ?? films.real,
                        synthetic: found.identity?.syntheticCount ?? films.synthetic, identity: found.identity,
                        direction: measure.direction)
                )
            }
            guard !numbers.isEmpty else { return nil }
            let settings = table.swept.compactMap { name in
                cells[name].map { "\(ResultTable.short(name)) \($0.string ?? $0.summary)" }
            }
            let name = cells["Extra Info"]?.string ?? run.model ?? run.record.name
            return LeaderboardRow(
                model: settings.isEmpty ? name : "\(name), \(settings.joined(separator: ", "))",
                definition: cells["Protocol"]?.string
                    ?? numbers.lazy.compactMap { $0.number.identity?.definition.rawValue }.first,
                source: run.record.path, numbers: numbers)
        }
    }

    /// The rows of a run folder, or of all runs in a folder; `missing` says what could not be read, or has no such row.
    /// - Throws: `RunsError` where the path leads to no run, and none lies in it.
    public static func read(_ path: String) throws -> (rows: [LeaderboardRow], missing: [String]) {
        guard let folders = try RecordedRun.folders(in: path) else {
            let run = try RunResults(path)
            let rows = rows(of: run)
            return (rows, rows.isEmpty ? ["\(path): no row of all films with numbers"] : [])
        }
        var found: [LeaderboardRow] = []
        var missing: [String] = []
        for folder in folders {
            do {
                let rows = rows(of: try RunResults(folder))
                if rows.isEmpty { missing.append("\(folder): no row of all films with numbers") }
                found += rows
            } catch { missing.append("\(error)") }
        }
        return (found, missing)
    }
}

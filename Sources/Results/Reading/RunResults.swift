import Files
import Foundation
import Runs

/// All that a page or a table says of one run: what was run, its numbers, its films and curves, and what was left out.
public struct RunResults {
    /// One picture or film that an experiment left behind in a table.
    public struct Film {
        /// The file.
        public let path: String
        /// The real film beside which it is shown.
        public let real: String?
        /// What it was made from, or what was said of it.
        public let caption: String?
        /// Its score, and of what.
        public let value: Double?
        /// What the score is of.
        public let by: String?
    }

    /// Films of one table, the first and the last of it.
    public struct Gallery {
        /// The folder below the artifacts that the table lies in; empty for the artifacts themselves.
        public let place: String
        /// Whether the table is sorted by a score, the worst first.
        public let isSorted: Bool
        /// The first films.
        public let first: [Film]
        /// The last films, the last one first; none of those that are among the first.
        public let last: [Film]
        /// How many the table holds.
        public let count: Int
    }

    /// One line of a plot.
    public struct Curve {
        /// Its name.
        public let label: String
        /// Its points, in order.
        public let points: [(x: Double, y: Double)]
    }

    /// Lines that one plot holds.
    public struct CurveSet {
        /// Losses over epochs, or rates of decisions.
        public enum Kind: Sendable { case losses, roc }
        /// What the lines are.
        public let kind: Kind
        /// The folder below the artifacts that they lie in.
        public let place: String
        /// The lines.
        public let curves: [Curve]
    }

    /// What was read of the folder.
    public let record: RecordedRun
    /// The rows of results.
    public let table: ResultTable
    /// How the run stands.
    public let state: RunState
    /// Films with captions.
    public let galleries: [Gallery]
    /// Pictures that show several films: absolute paths.
    public let pictures: [String]
    /// Curves of training and of decisions.
    public let curves: [CurveSet]
    /// The files below the artifacts, with their bytes.
    public let files: [(name: String, bytes: Int)]
    /// Images and rows that do not count, and why; `leftOutCount` may be more.
    public let leftOut: [String]
    /// How many images and rows do not count.
    public let leftOutCount: Int
    /// Prompts that lost tokens, and how many tokens.
    public let cutPrompts: (prompts: Int, tokens: Int)
    /// Cells that failed, and why.
    public let failures: [String]
    /// What could not be read.
    public let faults: [String]

    /// Bounds of what is read beside the rows.
    public enum Limits {
        /// Files below the artifacts.
        public static let files = 20_000
        /// Bytes of a table of films or of a curve.
        public static let tableBytes = 64 << 20
        /// Films of either end of a table.
        public static let films = 12
        /// Reasons that are kept.
        public static let reasons = 100
        /// Tables of films, and sets of curves.
        public static let sets = 6
        /// Points of a curve.
        public static let points = 400
    }

    /// Reads a run folder.
    /// - Throws: `RunsError` where it is none; what else cannot be read stands in `faults`.
    public init(_ path: String) throws {
        let record = try RecordedRun(path)
        self.record = record
        table = ResultTable(rows: record.rows, swept: record.swept)
        let attempt = record.attempts.last
        state = RunState(attempt: attempt ?? .null, isFinished: record.isFinished, folder: record.path)
        failures = (attempt?["failures"]?.array ?? []).compactMap(\.string)
        var artifacts = Artifacts(record)
        files = artifacts.files
        galleries = artifacts.galleries()
        pictures = artifacts.pictures()
        curves = artifacts.curves()
        (leftOut, leftOutCount) = artifacts.leftOut()
        let table = table
        func counts(_ column: String) -> [Int] { table.rows.compactMap { $0[column]?.integer }.filter { $0 > 0 } }
        // A row a film, or a row for all films of a cell, whose prompts are those of the others.
        let lost = counts("lost_tokens")
        cutPrompts =
            lost.isEmpty
            ? (counts("Prompts cut").max() ?? 0, counts("Tokens cut").max() ?? 0)
            : (lost.count, lost.reduce(0) { $0 &+ $1 })
        faults = record.faults + artifacts.faults
    }

    /// The name of the model that the run is about, where it says one.
    public var model: String? {
        let name = record.config.params["name"]?.value.string
        return name ?? record.rows.lazy.compactMap { $0.first { $0.key == "Extra Info" }?.value.string }.first
    }

    /// The experiment's name: that of its script without the ending.
    public var experiment: String { record.config.experimentName }
}

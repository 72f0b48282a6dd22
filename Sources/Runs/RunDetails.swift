import Files
import Foundation

/// A run on disk with all that it holds, read like `RunSummary` without changing anything.
public struct RunDetails {
    /// How it stands.
    public let summary: RunSummary
    /// Its `run.yaml`.
    public let config: RunConfig
    /// The attempts of `run.json`, one for each process that worked on the run.
    public let attempts: [JSON]
    /// How many cells are in which state, in the order of the states, and how many there are.
    public let cells: (byState: [(state: String, count: Int)], count: Int)
    /// How many files the run is pinned to.
    public let pinnedFiles: Int
    /// The columns of `results.csv`.
    public let columns: [String]
    /// Its rows.
    public let rows: [[String]]
    /// Its artifacts by name, with their bytes.
    public let artifacts: [(name: String, bytes: Int)]

    /// Reads the run in a folder.
    /// - Throws: `FileError.missing` where there is none; `RunsError.folder` where it is damaged.
    public init(_ path: String) throws {
        let folder = Paths.name(path) == RunFolder.Names.config ? Paths.folder(path) : path
        guard Folders.isFolder(folder) else {
            throw FileError.missing(path: folder, hint: "chexgen runs lists the runs")
        }
        guard RunSummary.isRun(folder) else {
            throw RunsError.folder(
                path: folder, message: "this is not the folder of a run; chexgen runs lists those in it")
        }
        summary = RunSummary(folder)
        if summary.state == .broken {
            throw RunsError.folder(path: folder, message: "the run is broken: \(summary.note)")
        }
        let place = summary.path
        func file(_ name: String) -> String { "\(place)/\(name)" }
        config = try RunConfig.load(file(RunFolder.Names.config))
        attempts = try RunReport.attempts(file(RunFolder.Names.report))
        let count = try Sweep(config.sweep).settings.count
        cells = (Self.states(try Journal.read(file(RunFolder.Names.journal)), of: count, summary.state), count)
        pinnedFiles = config.pins.reduce(0) { sum, pin in
            guard pin.path.hasSuffix("/") else { return sum + 1 }
            let name = Pins.manifestName(root: String(pin.path.dropLast()), sha256: pin.sha256)
            let text = try? FileReader.text(file("\(Pins.manifestFolder)/\(name)"), limit: 1 << 30)
            return sum + (text?.utf8.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) } ?? 1)
        }
        let csv = file(RunFolder.Names.csv)
        let text = RunFolder.exists(csv) ? try FileReader.text(csv, limit: 1 << 30) : ""
        let table = try ResultTables.table(text, path: csv)
        columns = table?.columns ?? []
        rows =
            table.map { table in
                (0..<table.rowCount).map { row in table.columns.indices.map { table.text(row, $0) } }
            } ?? []
        artifacts = RecordedRun.files(below: file(RunFolder.Names.artifacts)).files
    }

    private static func states(_ journal: [JSON], of count: Int, _ run: RunState) -> [(
        state: String, count: Int
    )] {
        var states: [String: String] = [:]
        for record in journal where record["kind"] == .string("cell") {
            if let cell = record["cell"]?.string, let state = record["state"]?.string { states[cell] = state }
        }
        // A cell that was running when its process died was interrupted.
        let words = states.values.map { $0 == "running" && run != .running ? "interrupted" : $0 }
        let order = ["done", "running", "failed", "interrupted", "pending"]
        return order.compactMap { word in
            let number = word == "pending" ? count - words.count : words.filter { $0 == word }.count
            return number > 0 ? (word, number) : nil
        }
    }
}

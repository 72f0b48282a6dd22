import Files
import Foundation

/// The state of a cell.
public enum CellState: Equatable, Sendable {
    case pending
    case running
    case done
    case failed(String)
    case interrupted
}

/// A run on disk: its resolved config, its results, and the journal that lets it go on after being killed.
///
/// The journal is the truth; `results.csv`, `results_long.csv`, `results.jsonl`, `run.yaml` and `run.json` are written from it,
/// each whole.
/// One process has the folder at a time, by a lock that dies with the process. Methods may be called from any thread.
public final class RunFolder: @unchecked Sendable {
    /// The folder, absolute.
    public let path: String
    /// The folder's name.
    public let name: String
    /// What is run.
    public let plan: RunPlan
    /// The files that the run reads.
    public let pins: Pins
    /// Whether an earlier process began this run.
    public let isResumed: Bool

    let lock = NSRecursiveLock()
    let folderLock: FolderLock
    /// The folder that the run was begun in.
    let home: String
    /// The `fields` of programs that computed a part of the run before this one went on with it.
    let earlierPrograms: [JSON]
    let journal: Journal
    let console: Console
    var report: RunReport
    /// Rows of each cell by name, as the journal holds them.
    var rows: [String: [[(String, JSON)]]] = [:]
    var states: [String: CellState] = [:]
    /// Rows and table rows that each cell has recorded since it was begun in this process.
    var replayed: [String: Int] = [:]
    var tables: [String: [TableEntry]] = [:]
    var tablesReplayed: [String: Int] = [:]
    var stored: [String: [String: StoredEntry]] = [:]
    /// The artifacts that each cell has asked a path for in this process, and those that it had when it was done before.
    var asked: [String: Set<String>] = [:]
    var made: [String: Set<String>] = [:]
    /// What the run wrote, in this process and in earlier ones.
    var written = WrittenPaths()
    var writing = ResultWriting()

    init(path: String, plan: RunPlan, pins: Pins, opened: Opened, console: Console) throws {
        self.path = path
        self.plan = plan
        self.pins = pins
        self.console = console
        name = Paths.name(path)
        folderLock = opened.lock
        journal = opened.journal
        home = opened.home
        earlierPrograms = opened.earlierPrograms
        isResumed = opened.isResumed
        report = opened.report
        _ = written.add(path)
        try replay(opened.records)
    }

    /// What is open when a folder has been made or found.
    struct Opened {
        let lock: FolderLock
        let home: String
        var earlierPrograms: [JSON] = []
        let journal: Journal
        let records: [JSON]
        let isResumed: Bool
        let report: RunReport
    }

    /// The names in a run folder.
    enum Names {
        static let lock = "lock"
        static let journal = "journal"
        static let config = "run.yaml"
        static let report = "run.json"
        static let csv = "results.csv"
        static let longCSV = "results_long.csv"
        static let jsonl = "results.jsonl"
        static let log = "run.log"
        static let inputs = "inputs"
        static let once = "once"
        static let artifacts = "artifacts"
    }

    /// The state of a cell.
    public func state(of cell: Cell) -> CellState { lock.withLock { states[cell.name] ?? .pending } }

    /// The cells that are not done, in order.
    public var remainingCells: [Cell] { plan.cells.filter { state(of: $0) != .done } }

    /// Writes a line to `run.log` and, unless it is for the log alone, to the console.
    public func log(_ text: String, isShown: Bool = true) {
        if isShown { console.line(text) }
        lock.withLock {
            let line = Array((WallClock.iso + " " + text + "\n").utf8)
            let descriptor = open(path + "/" + Names.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            // The log is for people; a full disk stops the run where results are written, not here.
            _ = write(descriptor, line, line.count)
        }
    }

    /// Progress that is shown on this run's console.
    public func progress(total: Int, label: String) -> Progress {
        Progress(total: total, label: label, console: console)
    }

    /// Writes what is known by now: results, config with pins, report. The run is over for this process.
    /// - Parameter exit: how the command ends; stands in `run.json`.
    /// - Throws: `FileError`; `RunsError.pin` where a folder of files turned out to be another one than it is pinned to.
    public func finish(exit: ExitStatus) throws {
        try lock.withLock {
            for cell in plan.cells where states[cell.name] == .running { try set(.interrupted, of: cell) }
            try writeResults()
            try writeConfig(isFinished: exit == .done)
            report.finish(exit: exit, states: plan.cells.map { states[$0.name] ?? .pending })
            try journal.checkIsThere()
            try report.write(path + "/" + Names.report)
        }
        if exit == .done { try pins.verifyFolders() }
    }

    /// Writes `run.yaml` with the pins known by now; manifests first, so that every hash in it has its manifest.
    func writeConfig(isFinished: Bool = false) throws {
        try journal.checkIsThere()
        var (all, manifests) = pins.all
        if let library = plan.program.library {
            manifests.append((LuaLibrary.manifestName(library.sha256), library.manifest.text))
        }
        if !manifests.isEmpty {
            try makeOwnFolder(Pins.manifestFolder)
            for manifest in manifests {
                try AtomicFile.write("\(path)/\(Pins.manifestFolder)/\(manifest.name)", manifest.text)
            }
        }
        try AtomicFile.write(path + "/" + Names.config, plan.yaml(state(pins: all, isFinished: isFinished)))
        // Manifests of an earlier moment, when fewer files were read, are of no use any more.
        let current = Set(manifests.map(\.name))
        let folder = path + "/" + Pins.manifestFolder
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where name.hasSuffix(".sha256") && !current.contains(name) {
            unlink(folder + "/" + name)
        }
    }

    private func state(pins: [(path: String, sha256: String)], isFinished: Bool) -> RunPlan.State {
        RunPlan.State(
            folder: path, home: home, pins: pins, earlierPrograms: earlierPrograms, isFinished: isFinished)
    }

    /// Whether a path lies in the run folder, or the run wrote it: what the run makes is no input of it.
    func isOwn(_ file: String) -> Bool {
        file.hasPrefix(path + "/") || lock.withLock { written }.contains(file)
    }

    /// Makes a folder in the run folder, which must be there: one that was removed does not come back in parts.
    func makeOwnFolder(_ name: String) throws {
        let folder = path + "/" + name
        guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
            throw FileError.unwritable(
                path: folder, reason: "the folder cannot be made: \(String(cString: strerror(errno)))")
        }
    }

    static func makeFolder(_ path: String) throws {
        try Folders.make(path)
    }
}

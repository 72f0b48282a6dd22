import Files
import Foundation

/// How a run stands.
public enum RunState: String, Sendable {
    case done, running, interrupted, failed
    /// The folder is damaged: what it holds cannot be said, or the run cannot go on.
    case broken

    /// The state by a run's last attempt.
    /// - Parameters:
    ///   - attempt: the attempt in the run's report.
    ///   - isFinished: whether the journal says that all of it was computed.
    ///   - folder: the run's.
    public init(attempt: JSON, isFinished: Bool = false, folder: String) {
        switch attempt["exit"] ?? .null {
        // An attempt whose process was killed still says that it goes on; so does one that writes its page.
        case .null where isFinished: self = .done
        case .null:
            self = FolderLock.isTaken(Paths.joined(folder, RunFolder.Names.lock)) ? .running : .interrupted
        case .integer(Int(ExitStatus.done.rawValue)): self = .done
        case .integer(Int(ExitStatus.interrupted.rawValue)), .string: self = .interrupted
        default: self = .failed
        }
    }
}

/// What a run on disk says of itself. Nothing is changed, no lock is kept, and a run that is going on does not notice.
public struct RunSummary {
    /// The folder, absolute.
    public let path: String
    /// How the run stands.
    public private(set) var state = RunState.broken
    /// The experiment's script, without its folder and ending.
    public private(set) var experiment = ""
    /// When it was begun, in UTC.
    public private(set) var begun = ""
    /// Rows of results.
    public private(set) var rows = 0
    /// Why it failed or is broken; empty where it is neither.
    public private(set) var note = ""

    /// The folder's name.
    public var name: String { Paths.name(path) }

    /// Reads the run in a folder; one that cannot be read is `.broken` and says why.
    public init(_ path: String) {
        self.path = Paths.absolute(path)
        do {
            try read()
        } catch {
            state = .broken
            note = String(describing: error)
        }
        if begun.isEmpty {
            var status = stat()
            if stat(self.path, &status) == 0 { begun = WallClock.iso(of: status.st_mtim.tv_sec) }
        }
    }

    /// The runs in a folder, the newest first; a folder that is a run itself is the only one.
    /// - Throws: `FileError.missing` where there is no such folder.
    public static func all(in folder: String) throws -> [RunSummary] {
        guard Folders.isFolder(folder) else { throw FileError.missing(path: folder, hint: "; chexgen run makes runs") }
        if isRun(folder) { return [RunSummary(folder)] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { !$0.hasPrefix(".") && isRun(Paths.joined(folder, $0)) }
            .map { RunSummary(Paths.joined(folder, $0)) }
            .sorted { ($0.begun, $0.name) > ($1.begun, $1.name) }
    }

    /// Whether a folder is one of a run, whole or not.
    public static func isRun(_ folder: String) -> Bool {
        Folders.isFolder(folder)
            && [RunFolder.Names.config, RunFolder.Names.report, RunFolder.Names.journal].contains {
                RunFolder.exists(Paths.joined(folder, $0))
            }
    }

    private func file(_ name: String) -> String { "\(path)/\(name)" }

    private mutating func read() throws {
        let attempts = try RunReport.attempts(file(RunFolder.Names.report))
        begun = attempts.first?["started"]?.string ?? ""
        guard let last = attempts.last else {
            throw RunsError.folder(path: file(RunFolder.Names.report), message: "it names no attempt")
        }
        experiment = try RunConfig.load(file(RunFolder.Names.config)).experimentName
        guard try Journal.isJournal(file(RunFolder.Names.journal)) else {
            throw RunsError.folder(path: file(RunFolder.Names.journal), message: "this is no journal of a run")
        }
        do {
            rows = try FileReader.data(file(RunFolder.Names.jsonl), limit: 1 << 30).reduce(0) {
                $0 + ($1 == 0x0A ? 1 : 0)
            }
        } catch FileError.missing {}
        state = RunState(attempt: last, folder: path)
        if state == .failed { note = last["failures"]?[0]?.string ?? "" }
    }
}

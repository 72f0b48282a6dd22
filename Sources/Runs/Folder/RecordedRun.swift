import Files
import Foundation

/// A run folder as it lies on the disk, finished or not: what readers of results see of it. Nothing in it is locked or changed.
public struct RecordedRun {
    /// What is read of a folder at most; what lies beyond is named in `faults`.
    public enum Limits {
        /// Rows of `results.jsonl`.
        public static let rows = 100_000
        /// Bytes of `results.jsonl`.
        public static let bytes = 256 << 20
    }

    /// The folder, absolute.
    public let path: String
    /// What `run.yaml` says.
    public let config: RunConfig
    /// The rows of results in their order, the columns of each in theirs.
    public let rows: [[(key: String, value: JSON)]]
    /// The attempts that `run.json` lists, one for each process that worked on the run.
    public let attempts: [JSON]
    /// What of the folder could not be read, in sentences.
    public let faults: [String]

    /// Whether a folder looks like that of a run.
    public static func isRun(_ path: String) -> Bool {
        Folders.isFolder(path) && RunFolder.exists("\(path)/\(RunFolder.Names.config)")
    }

    /// Reads a folder.
    /// - Parameter path: the folder, or its `run.yaml`.
    /// - Throws: `RunsError` where it is no run's folder or its `run.yaml` cannot be read. What else is missing, cut or malformed
    ///   stands in `faults`.
    public init(_ path: String) throws {
        let folder = Paths.name(path) == RunFolder.Names.config ? Paths.folder(path) : path
        guard RecordedRun.isRun(folder) else {
            let what = RunFolder.exists(folder) ? "this is no folder of a run" : "there is no such run"
            throw RunsError.folder(path: path, message: "\(what); one holds \(RunFolder.Names.config)")
        }
        self.path = Paths.absolute(folder)
        do {
            config = try RunConfig.load("\(folder)/\(RunFolder.Names.config)")
        } catch let error as FileError {
            throw RunsError.folder(path: folder, message: "\(error)")
        }
        var faults: [String] = []
        rows = RecordedRun.rows("\(folder)/\(RunFolder.Names.jsonl)", &faults)
        do {
            attempts = try RunReport.attempts("\(folder)/\(RunFolder.Names.report)")
        } catch {
            attempts = []
            faults.append("\(error)")
        }
        self.faults = faults
    }

    /// The folders of runs in a folder, by name; nil where a path is a run's own, or no folder.
    /// - Throws: `RunsError` where it is a folder, and none lies in it.
    public static func folders(in path: String) throws -> [String]? {
        if isRun(path) || !Folders.isFolder(path) { return nil }
        let folders = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
            .map { Paths.joined(path, $0) }.filter(isRun)
        guard !folders.isEmpty else {
            throw RunsError.folder(path: path, message: "this is no folder of a run, and none lies in it")
        }
        return folders
    }

    /// The files below a folder with their bytes, by name; links are none. `isCut` says that there are more than `most`.
    public static func files(below folder: String, most: Int = .max) -> (
        files: [(name: String, bytes: Int)], isCut: Bool
    ) {
        var found: [(name: String, bytes: Int)] = []
        var isCut = false
        let names = FileManager.default.enumerator(atPath: folder)
        while let name = names?.nextObject() as? String {
            guard found.count < most else {
                isCut = true
                break
            }
            var status = stat()
            guard lstat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            found.append((name, Int(status.st_size)))
        }
        return (found.sorted { $0.name < $1.name }, isCut)
    }

    /// The folder's name.
    public var name: String { Paths.name(path) }

    /// The folder of artifacts.
    public var artifacts: String { "\(path)/\(RunFolder.Names.artifacts)" }

    /// What is printed while a run goes on.
    public var log: String { "\(path)/\(RunFolder.Names.log)" }

    /// Whether the run came to its end with all of its cells done.
    public var isFinished: Bool { config.provenance["finished"]?.boolean == true }

    /// The names that the sweep sets, in the order of `run.yaml`; none where there is no sweep.
    public var swept: [String] {
        switch config.sweep?.value {
        case .object(let entries)?: return entries.map(\.key)
        case .array(let cells)?:
            var seen: Set<String> = []
            return cells.flatMap { ($0.object ?? []).map(\.key) }.filter { seen.insert($0).inserted }
        default: return []
        }
    }

    private static func rows(_ path: String, _ faults: inout [String]) -> [[(key: String, value: JSON)]] {
        var rows: [[(key: String, value: JSON)]] = []
        do {
            let file = try MappedFile(path)
            guard file.bytes.count <= Limits.bytes else {
                throw FileError.unreadable(
                    path: path, reason: "its \(file.bytes.count) bytes are more than the limit of \(Limits.bytes)")
            }
            var start = 0
            var line = 0
            while start < file.bytes.count {
                let end = file.bytes[start...].firstIndex(of: 0x0A) ?? file.bytes.count
                line += 1
                guard line <= Limits.rows else {
                    faults.append("\(path): only the first \(Limits.rows) rows are read")
                    break
                }
                let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[start..<end])
                guard case .object(let members) = try JSON.parse(bytes, name: "\(path), row \(line)") else {
                    throw FileError.malformed(path: path, location: "row \(line)", reason: "this is no row of results")
                }
                rows.append(members)
                start = end + 1
            }
        } catch { faults.append("\(error)") }
        return rows
    }
}

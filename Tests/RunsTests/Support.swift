import Files
import Foundation
import Runs
import Testing

/// A folder for one test, removed with it.
final class Scratch {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "chexgen-runs-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        path = String(cString: template)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        let folder = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    func read(_ name: String) throws -> String {
        try String(contentsOf: URL(fileURLWithPath: path + "/" + name), encoding: .utf8)
    }

    /// A plan for an experiment in this folder.
    func plan(_ yaml: String = "", defaults: JSON = .object([]), sets: [String] = []) throws -> RunPlan {
        if !FileManager.default.fileExists(atPath: path + "/fidelity.lua") { try write("fidelity.lua", "return {}") }
        try write("fidelity.yaml", "experiment: fidelity.lua\n" + yaml)
        let config = try RunConfig.load(path + "/fidelity.yaml", sets: sets)
        return try RunPlan(config: config, defaults: defaults, version: "0.1")
    }
}

/// A console that shows nothing, as tests have nobody to tell.
let quietConsole = Console(quiet: true)

/// The message of the error that `body` throws; empty where it throws none.
func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch { return "\(error)" }
}

/// The exit status of the error that `body` throws.
func exitStatus(_ body: () throws -> Void) -> Runs.ExitStatus? {
    do {
        try body()
        return .done
    } catch { return (error as? RunsError)?.exitStatus }
}

/// The SHA-256 of a text.
func sha(_ text: String) -> String { SHA256.hex(of: text) }

/// Where the records of a journal lie.
func journalRecords(_ journal: Data) -> [Range<Int>] {
    var records: [Range<Int>] = []
    var offset = 8
    while offset + 16 <= journal.count {
        let length = (0..<4).reduce(0) { $0 | Int(journal[journal.startIndex + offset + $1]) << (8 * $1) }
        records.append(offset..<offset + 16 + length)
        offset += 16 + length
    }
    return records
}

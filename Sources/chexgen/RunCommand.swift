import Launcher
import BuildIdentity
import Files
import Foundation
import LuaRuntime
import Runs

/// `chexgen run`.
enum RunCommand {
    static let options: [CommandLineOptions.Option] = [
        .init(name: "set", value: "path.to.key=value", text: "change a value of the YAML, such as params.batch=8"),
        .init(name: "out", value: "DIR", text: "the run folder to make (default: a new one below runs)"),
        .init(name: "resume", value: "DIR", text: "go on with the run in this folder; the file may be left out"),
        .init(name: "threads", value: "N", text: "threads (default: the YAML's, else all cores)"),
        .init(name: "limit-memory", value: "MB", text: "stop the script above this much memory"),
        .init(name: "limit-seconds", value: "S", text: "stop the script after this long"),
        .init(name: "allow-write", value: "DIR", text: "let the script write in this folder, too"),
        .init(
            name: "sealed", value: nil, text: "hold the script to its inputs: it reads what it may write, and no more"),
        .init(name: "allow-read", value: "DIR", text: "seal the script, but let it read in this folder"),
        .init(
            name: "allow-changed-program", value: nil,
            text: "take a run of another build or Lua library, whose numbers may be others"),
        .init(name: "quiet", value: nil, text: "no progress"),
    ]

    static func run(_ words: [String]) throws -> Int32 {
        let given = try CommandLineOptions(words, options: options)
        let resumed = try given.one("resume")
        guard let file = given.positional.first ?? resumed.map({ $0 + "/run.yaml" }) else {
            throw UsageError("chexgen run wants a .yaml or .lua file")
        }
        if file.contains("="), !FileManager.default.fileExists(atPath: file) {
            throw UsageError("\(file): no such file; did you mean --set \(file)?")
        }
        var request = RunRequest(file: file, build: BuildIdentity.sources)
        request.options = options.map(\.name)
        request.arguments = Array(given.positional.dropFirst())
        request.overrides = given.all("set")
        request.outputFolder = try given.one("out")
        request.resumeFolder = resumed
        request.allowsOtherProgram = given.has("allow-changed-program")
        request.threads = try given.integer("threads")
        if let megabytes = try given.number("limit-memory") {
            guard megabytes < 0x1p40 else { throw UsageError("--limit-memory: \(megabytes) MB is too much") }
            request.memoryLimit = Int(megabytes * 1_048_576)
        }
        request.timeLimit = try given.number("limit-seconds")
        if let seconds = request.timeLimit, seconds > RunConfig.Limits.mostSeconds {
            throw UsageError("--limit-seconds: \(seconds) s is too much: at most 1000000000; leave it out for no limit")
        }
        do { _ = try LuaOptions.environmentLimit() } catch { throw UsageError("\(error)") }
        for folder in given.all("allow-write") where !Folders.isFolder(folder) {
            throw UsageError("--allow-write: there is no folder \(folder)")
        }
        // A single file may be read, too.
        for folder in given.all("allow-read") where !FileManager.default.fileExists(atPath: folder) {
            throw UsageError("--allow-read: there is no folder \(folder)")
        }
        request.writableFolders = given.all("allow-write")
        if given.has("sealed") || given.has("allow-read") {
            request.readableFolders = given.all("allow-read")
        }
        request.isQuiet = given.has("quiet")
        return try Signals.working { try ExperimentRunner(request).run().rawValue }
    }
}

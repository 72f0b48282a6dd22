import Launcher
import BuildIdentity
import Files
import Foundation
import LuaRuntime
import Runs

extension Command {
    /// `chexgen run`.
    static let run = Command(
        name: "run", about: "run an experiment, or a plain script",
        arguments: [.init("FILE", .experiment, .optional), .init("ARGUMENT", .free, .any)],
        options: [
            .init("set", "path.to.key=value", .free, "change a value of the YAML, such as params.batch=8"),
            .init("check", "look at all inputs, and at the disk, and compute nothing"),
            .init("out", "DIR", .folder, "the run folder to make (default: a new one below runs)"),
            .init("resume", "DIR", .run, "go on with the run in this folder; the file may be left out"),
            .init("threads", "N", .free, "threads (default: the YAML's, else all cores)"),
            .init("limit-memory", "MB", .free, "stop the script above this much memory"),
            .init("limit-seconds", "S", .free, "stop the script after this long"),
            .init("allow-write", "DIR", .folder, "let the script write in this folder, too"),
            .init("sealed", "hold the script to its inputs: it reads what it may write, and no more"),
            .init("allow-read", "DIR", .folder, "seal the script, but let it read in this folder"),
            .init(
                "allow-changed-program", "take a run of another build or Lua library, whose numbers may be others"),
            .init("quiet", "no progress"),
        ],
        text: [
            "An experiment is a YAML file that names its script, or a Lua script that returns a table with a function `run`. "
                + "Any other Lua script is just run, with the arguments behind it in `arg`.",
            "FILE may be the name of an experiment that comes with the program, such as quickstart; chexgen params lists them.",
            "A run makes a folder with its results, its log and `run.yaml`, which repeats it to the byte. A run that was "
                + "stopped goes on with --resume and ends with the bytes of an unbroken one.",
        ],
        examples: [
            ("chexgen run quickstart", "the demo, which needs no weights and no images"),
            ("chexgen run fidelity.yaml --check", "is everything there that the run needs?"),
            ("chexgen run fidelity.yaml --set params.name=sana --set seed=7", "with other values"),
            ("chexgen run --resume runs/fidelity-20260101-120000", "go on with a run that was stopped"),
            ("chexgen run runs/fidelity-20260101-120000/run.yaml", "repeat a run, or say which input changed"),
        ],
        exits: [.done, .failed, .usage, .pin, .interrupted]
    ) { given in try start(given) }

    private static func start(_ given: CommandLineOptions) throws -> ExitStatus {
        let resumed = try given.one("resume")
        guard let word = given.positional.first ?? resumed.map({ $0 + "/run.yaml" }) else {
            throw UsageError(
                "chexgen run wants a .yaml or .lua file, or an experiment's name; chexgen params lists those")
        }
        if word.contains("="), !FileManager.default.fileExists(atPath: word) {
            throw UsageError("\(word): no such file; did you mean --set \(word)?")
        }
        let file = given.positional.isEmpty ? word : try Program.experiment(word)
        var request = RunRequest(file: file, build: BuildIdentity.sources)
        request.options = run.options.map(\.name)
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
        request.isCheck = given.has("check")
        request.isQuiet = given.has("quiet")
        return try Signals.working { try ExperimentRunner(request).run() }
    }
}

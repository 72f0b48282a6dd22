import CSupport
import ChexGenLua
import Evaluation
import Files
import Foundation
import LuaRuntime
import Results
import Runs
import Tensors

/// `chexgen run`: a plain script, or an experiment with its run folder.
public final class ExperimentRunner {
    /// Whether Ctrl-C or SIGTERM asked the process to stop.
    public static var wasInterrupted: Bool { cx_stop_requested() == Int32(LuaStop.interrupt.rawValue) }

    private let request: RunRequest
    private let makeSession: (_ options: LuaOptions, _ seed: Int) throws -> Session

    /// A runner of one request.
    /// - Parameter session: makes the Lua state that scripts see, of a program that knows more than this one.
    public init(
        _ request: RunRequest,
        session: @escaping (_ options: LuaOptions, _ seed: Int) throws -> Session = { try Session($0, seed: $1) }
    ) {
        self.request = request
        makeSession = session
    }

    /// Runs the file.
    /// - Returns: `.done`, or `.failed` where cells of a sweep failed.
    /// - Throws: what went wrong before or in the only cell.
    public func run() throws -> ExitStatus {
        Signals.install()
        if request.isCheck, request.resumeFolder != nil {
            throw RunsError.config(
                location: "--check", message: "a run that is resumed is looked at before it goes on; leave --check out")
        }
        if request.outputFolder != nil, request.resumeFolder != nil {
            throw RunsError.config(
                location: "--out", message: "a run that is resumed stays in its folder; give --out or --resume")
        }
        let isYAML = request.file.hasSuffix(".yaml") || request.file.hasSuffix(".yml")
        if isYAML || request.resumeFolder != nil { try refuseArguments() }
        var config =
            isYAML
            ? try RunConfig.load(request.file, sets: request.overrides)
            : try RunConfig(experiment: request.file, sets: request.overrides)
        if isYAML { try config.findScript(of: request.file) }
        guard FileManager.default.fileExists(atPath: config.experiment) else {
            throw RunsError.config(location: config.experiment, message: "no such file")
        }
        let home = Paths.folder(Paths.absolute(config.experiment))
        let program = try ProgramIdentity.current(
            build: request.build, library: ScriptLocations.library(near: home))
        let modules = ExperimentModules(library: program.library)
        let files = OpenedFiles()
        try checkProgram(program, config)
        let pins = try Pins(config: config)
        if let folder = request.resumeFolder { try pins.releaseWritten(by: folder) }
        try pins.verify()
        if let threads = request.threads { config.threads = threads }
        let threads = config.threads ?? ProcessInfo.processInfo.activeProcessorCount
        config.threads = threads
        try Threads.set(threads)
        Console.shared.isQuiet = request.isQuiet

        var options = LuaOptions()
        options.memoryLimit =
            request.memoryLimit ?? config.limits.memoryMegabytes.map { $0 * 1_048_576 } ?? options.memoryLimit
        options.timeLimit = request.timeLimit ?? config.limits.seconds
        options.searchFolders = ScriptLocations.searchFolders(script: config.experiment)
        options.ownFolders = [ScriptLocations.library(near: home), ScriptLocations.experiments].compactMap { $0 }
        // Modules that a YAML names lie beside it, wherever its script is.
        if !options.searchFolders.contains(config.folder) { options.searchFolders.append(config.folder) }
        options.missingModuleHint = { ScriptLocations.hint(missing: $0, near: home) }
        options.writableFolders = request.writableFolders
        options.arguments = request.arguments
        options.moduleWasFound = { path, bytes in
            ReadDoor.letIn(path)
            try modules.add(path, bytes)
        }
        options.fileWasOpened = { try files.add($0, writes: $1) }
        if let limit = options.memoryLimit { Storage.limit = limit }
        holdToInputs(config)
        let session = try makeSession(options, config.seed)
        defer { session.host.close() }
        // A look at inputs needs no features, and leaves no cache.
        if !request.isCheck { session.context.cache = FeatureCache { Console.shared.line($0) } }

        // As Lua's own program has it, the script's name stands before its arguments.
        if case .function(let name)? = try session.host.run(
            "return function(script) arg[0] = script end", name: "arguments"
        ).first {
            _ = try name.call([.string(request.file)])
        }
        files.isOff = try !isYAML && request.resumeFolder == nil && !declares(config.experiment, session)
        if request.isCheck, files.isOff {
            throw RunsError.config(
                location: "--check",
                message: "\(request.file) is a plain script, which was not run: only experiments are looked at")
        }
        let returned = try session.host.runFile(config.experiment)
        guard let experiment = try Experiment(returned, path: config.experiment) else {
            if request.isCheck, !isYAML {
                throw RunsError.config(
                    location: "--check",
                    message: "\(request.file) is a plain script, and has run; only experiments are looked at")
            }
            guard !isYAML else {
                throw Experiment.missingRun(returned, path: config.experiment)
            }
            // By now it has run, so this can only be said.
            for (name, isGiven) in [
                ("--set", !request.overrides.isEmpty), ("--out", request.outputFolder != nil),
                ("--resume", request.resumeFolder != nil),
            ] where isGiven { Console.shared.line("\(name) did nothing: \(request.file) is a plain script") }
            return .done
        }
        try refuseArguments()
        return try run(
            experiment, plan: RunPlan(config: config, defaults: experiment.defaults, program: program), session
        ) { folder in
            try modules.pin(to: folder)
            try files.pin(to: folder)
        }
    }

    /// Whether a script ends with a `return`, as an experiment does; it is not run.
    private func declares(_ path: String, _ session: Session) throws -> Bool {
        // Behind a `return` there can be no other. What does not compile is told when it is run.
        let compiles = "return function(text) return load(text) == nil or load(text .. '\\nreturn') == nil end"
        guard case .function(let ends)? = try session.host.run(compiles, name: "check").first else { return true }
        let text = try FileReader.data(path, limit: 64 << 20)
        guard case .boolean(let declares)? = try ends.call([.string(String(decoding: text, as: UTF8.self))]).first
        else { return true }
        return declares
    }

    /// A run is pinned to the program that computed it, unless the user says otherwise.
    private func checkProgram(_ program: ProgramIdentity, _ config: RunConfig) throws {
        guard request.allowsOtherProgram else { return try config.check(program) }
        for difference in config.programDifferences(program) {
            Console.shared.line("another program computes this run: \(difference)")
        }
    }

    /// Closes the door to what the scripts of this run may not read; the program itself goes on to read the run's own files.
    private func holdToInputs(_ config: RunConfig) {
        guard let folders = request.readableFolders else { return }
        ReadDoor.close(except: folders)
        for path in [request.file, config.experiment, request.resumeFolder].compactMap({ $0 }) { ReadDoor.letIn(path) }
    }

    /// Looks at all that a run starts from, as every run does, and says what it would compute.
    private func check(_ experiment: Experiment, _ plan: RunPlan, _ session: Session) throws -> ExitStatus {
        let look = try InputLook.check(
            plan, cells: plan.cells, session.context, folder: request.outputFolder, isResumed: false,
            written: { _ in 0 }, by: experiment.check)
        print("\(request.file): nothing is wrong, and nothing was computed")
        if !experiment.about.isEmpty { print("it would compute: \(experiment.about)") }
        let labels = plan.cells.filter { !$0.settings.isEmpty }.map(\.label)
        print(
            "cells: \(plan.cells.count)" + (labels.isEmpty ? "" : ", from \(labels[0]) to \(labels[labels.count - 1])"))
        for (key, path) in look.inputs { print("input: \(key): \(path)") }
        if look.diskBytes > 0 { print("it would write \(max(1, look.diskBytes >> 20)) MB at most") }
        if look.memoryBytes > 0 { print("a cell takes \(max(1, look.memoryBytes >> 20)) MB of memory") }
        return .done
    }

    private func look(
        at cells: [Cell], of plan: RunPlan, in folder: RunFolder? = nil, _ experiment: Experiment, _ session: Session
    ) throws {
        _ = try InputLook.check(
            plan, cells: cells, session.context,
            folder: folder?.path ?? request.outputFolder, isResumed: folder != nil,
            written: { folder?.artifactBytes(of: $0) ?? 0 }, by: experiment.check)
    }

    /// An experiment takes its settings from the YAML and from `--set`: words behind the file are slips.
    /// - Throws: `RunsError.config` with what was probably meant.
    private func refuseArguments() throws {
        guard let word = request.arguments.first else { return }
        let message: String
        if word.hasPrefix("-") {
            message = option(meant: word)
        } else if word.contains("=") {
            message = "a run takes one file and options; did you mean --set \(word)?"
        } else {
            message = "a run takes one file, and \(request.file) is it; only plain scripts take arguments"
        }
        throw RunsError.config(location: word, message: message)
    }

    /// What is said of a word that looks like an option where none is taken.
    private func option(meant word: String) -> String {
        let name = String(word.drop { $0 == "-" }.prefix { $0 != "=" })
        if word.hasPrefix("--"), request.options.contains(name) { return "options stand before `--`" }
        let short = name.count == 1 ? request.options.first { $0.hasPrefix(name) } : nil
        let near = short ?? nearest(name, among: request.options)
        return "unknown option" + (near.map { "; did you mean --\($0)?" } ?? "; chexgen help run lists the options")
    }

    private func open(_ plan: RunPlan) throws -> RunFolder {
        if let folder = request.resumeFolder {
            return try RunFolder.resume(
                folder, plan: plan, command: CommandLine.arguments, allowsOtherProgram: request.allowsOtherProgram)
        }
        if let folder = request.outputFolder {
            return try RunFolder.create(at: folder, plan: plan, command: CommandLine.arguments)
        }
        return try RunFolder.create(in: "runs", plan: plan, command: CommandLine.arguments)
    }

    private func run(
        _ experiment: Experiment, plan: RunPlan, _ session: Session, pinning pin: (RunFolder) throws -> Void
    ) throws -> ExitStatus {
        if request.isCheck { return try check(experiment, plan, session) }
        if request.resumeFolder == nil { try look(at: plan.cells, of: plan, experiment, session) }
        let folder = try open(plan)
        if folder.isResumed { try look(at: folder.remainingCells, of: plan, in: folder, experiment, session) }
        var made: [String] = []
        // What no table came into is no result.
        defer { Folders.removeEmpty(made) }
        do {
            session.context.folder = folder
            Signals.setLastWords("to go on: chexgen run --resume \(folder.path)")
            try pin(folder)
            session.host.addWritableFolder(folder.path)
            for results in plan.sharedResults {
                made += try Folders.make(results)
                session.host.addWritableFolder(results)
            }
        } catch {
            try? folder.finish(exit: (error as? RunsError)?.exitStatus ?? .failed)
            folder.removeIfBlank()
            throw error
        }
        var failed = 0
        for cell in folder.remainingCells {
            do {
                try run(experiment, cell: cell, folder: folder, session: session)
            } catch {
                if Cancellation.isRequested {
                    try? folder.interrupt(cell)
                    folder.log("to go on: chexgen run --resume \(folder.path)")
                    try? folder.finish(exit: ExperimentRunner.wasInterrupted ? .interrupted : .failed)
                    writePage(folder)
                    throw error
                }
                try folder.fail(cell, String(describing: error))
                failed += 1
                let cause = (error as? LuaError)?.cause
                if plan.cells.count == 1 || cause is RunsError {
                    logCalls(of: error, folder, isShown: false)  // the command shows them, with the error
                    try? folder.finish(exit: (cause as? RunsError)?.exitStatus ?? .failed)
                    if !folder.removeIfBlank() { writePage(folder) }
                    throw error
                }
                folder.log("cell \(cell.label) failed: \(error)")
                logCalls(of: error, folder, isShown: true)
            }
        }
        try folder.finish(exit: failed == 0 ? .done : .failed)
        if failed > 0, folder.removeIfBlank() {
            throw LuaError("all \(failed) cells failed before they had computed anything")
        }
        if failed == 0 || !folder.allRows.isEmpty { print("results: \(folder.path)/results.csv") }
        if let page = writePage(folder) { print("report: \(page)") }
        if failed > 0 {
            throw LuaError(
                "\(failed) of \(plan.cells.count) cells failed; to run only them again: "
                    + "chexgen run --resume \(folder.path)")
        }
        return .done
    }

    /// Writes the run's page, which shows no films where the run was stopped: whoever stops it wants no more of it. A page that
    /// cannot be written fails no run.
    @discardableResult private func writePage(_ folder: RunFolder) -> String? {
        let path = Paths.joined(folder.path, ReportPage.fileName)
        do {
            var options = ReportPage.Options()
            options.hasFilms = !Cancellation.isRequested
            try ReportPage([RunResults(folder.path)], options).write(path)
            return path
        } catch {
            folder.log("no report: \(error)")
            return nil
        }
    }

    /// Keeps the script's calls at an error in `run.log`: whoever reads it later has no terminal to scroll back.
    private func logCalls(of error: Error, _ folder: RunFolder, isShown: Bool) {
        guard let error = error as? LuaError, let traceback = error.traceback, !traceback.isEmpty else { return }
        folder.log(traceback, isShown: isShown && !error.isOfInput)
    }

    private func run(_ experiment: Experiment, cell: Cell, folder: RunFolder, session: Session) throws {
        try folder.begin(cell)
        if folder.plan.cells.count > 1 { folder.log("cell \(cell.label)") }
        guard let dtype = DType(rawValue: cell.dtype) else { throw LuaError("unknown dtype \"\(cell.dtype)\"") }
        session.context.dtype = dtype
        session.context.restart(seed: cell.seed)
        let object = RunObject(session: session.context, folder: folder, cell: cell)
        _ = try experiment.run.call([.object(object)])
        try folder.finish(cell)
    }
}

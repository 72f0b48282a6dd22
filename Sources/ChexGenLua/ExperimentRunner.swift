import CSupport
import Files
import Foundation
import LuaRuntime
import Runs
import Tensors

/// `chexgen run`: a plain script, or an experiment with its run folder.
public final class ExperimentRunner {
    /// What the command line asks for.
    public struct Request {
        /// The `.yaml` or `.lua` file.
        public var file: String
        /// Words after the file, which a script finds in `arg`.
        public var arguments: [String] = []
        /// The values of `--set`.
        public var overrides: [(path: String, value: String)] = []
        /// The folder in which run folders are made; `runs` where nil.
        public var outputFolder: String?
        /// The run folder to go on with.
        public var resumeFolder: String?
        public var threads: Int?
        /// Bytes of Lua's heap and of tensors together.
        public var memoryLimit: Int?
        /// Seconds.
        public var timeLimit: Double?
        public var writableFolders: [String] = []
        public var isQuiet = false

        public init(file: String) { self.file = file }
    }

    /// Whether Ctrl-C or SIGTERM asked the process to stop.
    public static var wasInterrupted: Bool { cx_stop_requested() == Int32(LuaStop.interrupt.rawValue) }

    private let request: Request

    public init(_ request: Request) { self.request = request }

    /// Runs the file.
    /// - Returns: `.done`, or `.failed` where cells of a sweep failed.
    /// - Throws: what went wrong before or in the only cell.
    public func run() throws -> ExitStatus {
        Signals.install()
        var config: RunConfig
        let isYAML = request.file.hasSuffix(".yaml") || request.file.hasSuffix(".yml")
        if isYAML {
            config = try RunConfig.load(request.file)
        } else {
            config = RunConfig(script: request.file)
        }
        try config.override(request.overrides)
        if let threads = request.threads { config.threads = threads }
        Threads.set(config.threads ?? ProcessInfo.processInfo.activeProcessorCount)

        var options = LuaOptions()
        options.memoryLimit = request.memoryLimit
        options.timeLimit = request.timeLimit
        options.searchFolders = ScriptLocations.searchFolders(script: config.scriptPath)
        options.writableFolders = request.writableFolders
        options.arguments = [request.file] + request.arguments
        let session = try Session(options, seed: config.seed)
        defer { session.host.close() }
        session.isQuiet = request.isQuiet
        session.cache = FeatureCache.standard()
        guard let dtype = DType(rawValue: config.dtype) else {
            throw RunsError.config(location: request.file, message: "dtype: unknown dtype \"\(config.dtype)\"")
        }
        session.dtype = dtype

        let returned = try session.host.runFile(config.scriptPath)
        guard let experiment = try Experiment(returned, path: config.scriptPath) else {
            guard !isYAML else {
                throw LuaError("\(config.scriptPath): an experiment must return a table with a function 'run'")
            }
            return .done
        }
        return try run(experiment, config: &config, session: session)
    }

    private func run(_ experiment: Experiment, config: inout RunConfig, session: Session) throws -> ExitStatus {
        try config.resolve(defaults: experiment.defaults, untyped: experiment.untyped)
        let folder =
            try request.resumeFolder.map { try RunFolder.resume($0, config: config) }
            ?? RunFolder.create(in: request.outputFolder ?? "runs", config: config, isQuiet: request.isQuiet)
        defer { folder.close() }
        session.folder = folder
        session.host.addWritableFolder(folder.path)
        for path in config.writableFolders { session.host.addWritableFolder(path) }
        try folder.checkPins()
        for file in config.codeFiles { _ = try folder.pin(file: file) }

        var failures: [(cell: Cell, error: Error)] = []
        let cells = config.cells
        for cell in cells {
            if try folder.begin(cell) == .done { continue }
            if cells.count > 1 { try folder.log("cell \(cell.name): \(cell.values.summary)") }
            session.restart(seed: cell.seed)
            let object = RunObject(
                session: session, folder: folder, cell: cell, parameters: cell.parameters, name: folder.name)
            do {
                _ = try experiment.run.call([.object(object)])
                try folder.finish(cell, error: nil)
            } catch {
                try folder.finish(cell, error: ExperimentRunner.wasInterrupted ? nil : error)
                if Cancellation.isRequested || cells.count == 1 || (error as? LuaError)?.cause is RunsError {
                    if ExperimentRunner.wasInterrupted {
                        try? folder.log("to go on: chexgen run \(request.file) --resume \(folder.path)")
                    }
                    throw error
                }
                try folder.log("cell \(cell.name) failed: \(error)")
                failures.append((cell, error))
            }
        }
        try folder.complete(failed: failures.count)
        try folder.log("results: \(folder.path)/results.csv")
        if !failures.isEmpty {
            throw LuaError(
                "\(failures.count) of \(cells.count) cells failed; to run them again: "
                    + "chexgen run \(request.file) --resume \(folder.path)")
        }
        return .done
    }
}

import Files

/// What can be wrong with a run; `exitStatus` says how the command line ends for it.
public enum RunsError: InputFault, Equatable, CustomStringConvertible {
    /// The YAML, a `--set` or the command line is wrong; `location` is `file:line:column` or the `--set` text.
    case config(location: String, message: String)
    /// Several things are wrong with the YAML, the `--set`s or the command line.
    case faults([RunsError])
    /// A file is not the one that the run was pinned to. The hashes are SHA-256 in hexadecimal.
    case pin(path: String, pinned: String, found: String)
    /// What a run starts from is missing, of another kind or too little; each problem is a line that begins with its key.
    case inputs(config: String, problems: [String])
    /// The run was computed by another program, or by more than one.
    case program(run: String, differences: [String])
    /// A run cannot be resumed because something else than a pinned file changed.
    case changed(run: String, differences: [String])
    /// The run folder is in use by another process.
    case busy(run: String, process: Int?)
    /// The run folder or its journal is damaged or cannot be used.
    case folder(path: String, message: String)
    /// A resumed cell records another row than it did before.
    case notDeterministic(cell: String, message: String)
    /// A row's numbers are not of the kind that a table holds.
    case identity(table: String, difference: String)
    /// A table holds numbers of which nothing says what they are, as the file beside it should.
    case unknownIdentity(table: String, columns: [String], rows: Int, file: String)
    /// A script used `record`, `once` or `artifact` wrongly.
    case usage(operation: String, message: String)

    /// The message, as users read it.
    public var description: String {
        switch self {
        case .config(let location, let message): return "\(location): \(message)"
        case .faults(let faults):
            return "\(faults.count) problems, and nothing was started:" + faults.map { "\n  \($0)" }.joined()
        case .pin(let path, let pinned, let found) where Pins.isListing(path):
            return
                "\(path): these are not the files that the run is pinned to: some were added, removed or renamed (the list's hash: "
                + "pinned \(pinned), found \(found))"
        case .pin(let path, let pinned, let found):
            return "\(path): this is not the file that the run is pinned to: pinned \(pinned), found \(found)"
        case .inputs(let config, let problems):
            let count = problems.count == 1 ? "a problem" : "\(problems.count) problems"
            return "\(config): \(count) with the inputs, and nothing was started:"
                + problems.map { "\n  \($0)" }.joined()
        case .program(let run, let differences):
            return "\(run): the run is pinned to another program:" + differences.map { "\n  \($0)" }.joined()
                + "\n--allow-changed-program takes this one, whose numbers may be others"
        case .changed(let run, let differences):
            return "\(run): cannot be resumed, as it was started differently:"
                + differences.map { "\n  \($0)" }.joined()
                + "\nresume it as it was started, or leave --resume out to start another run"
        case .busy(let run, let process):
            let who = process.map { "process \($0)" } ?? "another process"
            return "\(run): \(who) is working on this run"
        case .folder(let path, let message): return "\(path): \(message)"
        case .notDeterministic(let cell, let message):
            return "cell \(cell): not deterministic: \(message)"
        case .identity(let table, let difference):
            return
                "\(table): the numbers of this row have other identities than those of the table (\(difference)); numbers that "
                + "differ in what they are do not belong in one table: publish into another folder, or set "
                + "on_other_identity: mark to have the row there with a note. The run's own results hold it"
        case .unknownIdentity(let table, let columns, let rows, let file):
            return
                "\(table): \(rows) of its rows have numbers (\(columns.joined(separator: ", "))) of which nothing says what they are: "
                + "\(file), where that stands, is not there or does not know them. Put the file back that belongs to the table, "
                + "publish into another folder, or set on_other_identity: mark to have the row there with a note. The run's own "
                + "results hold it"
        case .usage(let operation, let message): return "\(operation): \(message)"
        }
    }

    /// The exit status of the command that ends with this error.
    public var exitStatus: ExitStatus {
        switch self {
        case .config, .faults, .inputs: return .usage
        case .pin, .program: return .pin
        default: return .failed
        }
    }
}

extension RunsError {
    /// What `read` reads of a config or of the command line.
    /// - Throws: `RunsError.config` where that is not the YAML that it must be; what else `read` throws.
    public static func config<Value>(_ read: () throws -> Value) throws -> Value {
        do {
            return try read()
        } catch let error as YAMLError {
            throw RunsError.config(location: error.location, message: error.message)
        }
    }
}

/// The exit statuses of `chexgen`.
public enum ExitStatus: Int32, Sendable {
    /// Everything was done.
    case done = 0
    /// The script or its input failed.
    case failed = 1
    /// The command line or the YAML is wrong.
    case usage = 2
    /// A pinned file or the program changed.
    case pin = 3
    /// Stopped by Ctrl-C or SIGTERM.
    case interrupted = 130
}

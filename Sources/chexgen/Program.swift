import Launcher
import Files
import LuaRuntime
import Runs

/// The command line: finds the command, runs it, and turns errors into messages and exit statuses.
enum Program {
    static func main(_ words: [String]) -> Int32 {
        guard let command = words.first else {
            print(Help.text)
            print(Help.text(of: RunCommand.options))
            return ExitStatus.usage.rawValue
        }
        do {
            let rest = Array(words.dropFirst())
            if rest.first == "--help" || rest.first == "-h" { return help() }
            switch command {
            case "run": return try RunCommand.run(rest)
            case "repl": return try ReplCommand.run(rest)
            case "diff": return try DiffCommand.run(rest)
            case "doctor": return try DoctorCommand.run(rest)
            case "stubs": return try StubsCommand.run(rest)
            case "help", "--help", "-h":
                return help()
            case "version", "--version":
                print("chexgen \(Doctor.version)")
                return ExitStatus.done.rawValue
            default:
                throw UsageError("unknown command '\(command)'; chexgen help lists them")
            }
        } catch {
            return report(error)
        }
    }

    private static func help() -> Int32 {
        print(Help.text)
        print(Help.text(of: RunCommand.options))
        print(Help.exitStatus)
        return ExitStatus.done.rawValue
    }

    /// Prints an error for people and returns the exit status that it stands for.
    static func report(_ error: Error) -> Int32 {
        var status = ExitStatus.failed
        var text = String(describing: error)
        switch error {
        case is UsageError:
            status = .usage
        case let error as RunsError:
            status = error.exitStatus
        case let error as LuaError:
            if let cause = error.cause as? RunsError { status = cause.exitStatus }
            if !error.isOfInput, let traceback = error.traceback, !traceback.isEmpty { text += "\n" + traceback }
        default:
            break
        }
        if ExperimentRunner.wasInterrupted {
            status = .interrupted
            // Whoever stops a run asks for no reason; where a script was may help.
            let place = (error as? LuaError).flatMap { error in error.file.map { "\($0):\(error.line ?? 0)" } }
            text = "interrupted" + (place.map { " at \($0)" } ?? "")
        }
        StandardStreams.writeError("chexgen: \(text)\n")
        return status.rawValue
    }
}

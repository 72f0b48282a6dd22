import Launcher
import Files
import Foundation
import LuaRuntime
import Runs

/// The command line: finds the command, runs it, and turns errors into messages and exit statuses.
enum Program {
    static func main(_ words: [String]) -> Int32 {
        do {
            guard let word = words.first else {
                print(Help.overview)
                return ExitStatus.usage.rawValue
            }
            let command = try command(word)
            var rest = Array(words.dropFirst())
            if rest.first == "-h" { rest[0] = "--help" }
            let given = try command.parse(rest)
            if given.has("help") {
                print(Help.text(of: command))
                return ExitStatus.done.rawValue
            }
            return try command.run(given).rawValue
        } catch {
            return report(error)
        }
    }

    /// A command by the word that calls it.
    /// - Throws: `UsageError` with the nearest command's name.
    static func command(_ word: String) throws -> Command {
        let other = ["-h": "help", "--help": "help", "--version": "version"]
        if let command = Command.named(other[word] ?? word) { return command }
        let hint =
            nearest(word, among: Command.all.map(\.name)).map { "did you mean \($0)?" } ?? "chexgen help lists them"
        throw UsageError("unknown command '\(word)'; \(hint)")
    }

    /// The file of an experiment, or of a script, by its path or by the name under which it comes with the program.
    /// - Throws: `UsageError` where there is none, with where the program's experiments are.
    static func experiment(_ word: String) throws -> String {
        let file = ScriptLocations.located(word)
        var status = stat()
        guard stat(file, &status) != 0, errno == ENOENT else { return file }
        throw UsageError("\(word): no such file\(ScriptLocations.hint(missingFile: word))")
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

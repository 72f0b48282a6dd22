import CLineEdit
import Files
import Launcher
import Foundation
import LuaRuntime
import Runs

extension Command {
    /// `chexgen repl`.
    static let repl = Command(
        name: "repl", about: "type Lua",
        text: ["With history and completion on a terminal; `chexgen` holds every module. Ctrl-D ends it."]
    ) { _ in try Prompt.run() }
}

/// Reads Lua from the terminal, with history and completion where there is one.
enum Prompt {
    /// The state that completion looks names up in; libedit's callback has no context of its own.
    private nonisolated(unsafe) static var host: LuaHost?
    private nonisolated(unsafe) static var candidates: [String] = []

    static func run() throws -> ExitStatus {
        var options = LuaOptions()
        options.searchFolders = ScriptSearch.folders
        options.missingModuleHint = { ScriptLocations.hint(missing: $0) }
        options.writableFolders = [FileManager.default.currentDirectoryPath]
        let session = try Session(options)
        defer { session.host.close() }
        host = session.host
        Signals.install()
        let isTerminal = isatty(STDIN_FILENO) == 1
        let history = NSHomeDirectory() + "/.chexgen_history"
        if isTerminal {
            print("chexgen \(Doctor.version), Lua 5.4. require \"chexgen\" gives every module. Ctrl-D ends.")
            using_history()
            read_history(history)
            rl_attempted_completion_function = { text, _, _ in Prompt.complete(text) }
        }
        _ = try session.host.evaluate(line: "chexgen = require 'chexgen'")
        var pending = ""
        while let line = read(prompt: pending.isEmpty ? "> " : ">> ", isTerminal: isTerminal) {
            if line.isEmpty && pending.isEmpty { continue }
            pending += pending.isEmpty ? line : "\n" + line
            do {
                switch try session.host.evaluate(line: pending) {
                case .incomplete: continue
                case .values(_, let printed): if !printed.isEmpty { print(printed) }
                }
            } catch {
                StandardStreams.writeError("\(error)\n")
                LuaHost.clearStop()
            }
            if isTerminal {
                add_history(pending)
                write_history(history)
            }
            pending = ""
        }
        if isTerminal { print("") }
        return .done
    }

    private static func read(prompt: String, isTerminal: Bool) -> String? {
        guard isTerminal else { return readLine() }
        guard let line = readline(prompt) else { return nil }
        defer { free(line) }
        return String(cString: line)
    }

    private static func complete(_ text: UnsafePointer<CChar>?) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
        candidates = host?.completions(for: text.map { String(cString: $0) } ?? "") ?? []
        rl_attempted_completion_over = 1
        return rl_completion_matches(text) { _, state in
            let index = Int(state)
            return index < Prompt.candidates.count ? strdup(Prompt.candidates[index]) : nil
        }
    }
}

import CSupport

/// One Lua state with its limits and its sandbox. Use it from one thread at a time.
public final class LuaHost {
    /// The modules that were registered, in order.
    public private(set) var modules: [LuaModuleDeclaration] = []

    /// Opens a state and its sandbox.
    public init(_ options: LuaOptions = LuaOptions()) throws { throw LuaError("not open") }

    /// Makes a module known to `require`. `require "chexgen"` gives a table of all modules `chexgen.*`.
    public func register(_ module: LuaModuleDeclaration) throws {}
    /// Sets a global variable.
    public func setGlobal(_ name: String, _ value: LuaValue) throws {}
    /// Runs a script file and gives its results; `arguments` arrive as `...`.
    public func runFile(_ path: String, arguments: [LuaValue] = []) throws -> [LuaValue] { [] }
    /// Runs a script text; `name` stands in error texts.
    public func run(_ source: String, name: String) throws -> [LuaValue] { [] }
    /// Runs a line of the interactive prompt; `=expr` and plain expressions give their values.
    public func evaluate(line: String) throws -> LuaEvaluation { .incomplete }
    /// The names that could stand in place of the name at the end of `text`, as whole replacements of it.
    public func completions(for text: String) -> [String] { [] }
    /// Allows writing below a folder.
    public func addWritableFolder(_ path: String) {}
    /// Closes the state and everything in it. Later calls throw.
    public func close() {}

    /// Asks running scripts and running native work to stop; from a signal handler call `cx_request_stop` instead.
    public static func requestStop(_ reason: LuaStop = .interrupt) { cx_request_stop(Int32(reason.rawValue)) }

    func call(_ function: LuaFunction, _ arguments: [LuaValue]) throws -> [LuaValue] { [] }
    func drop(_ reference: Int32) {}
}

/// What a line of the interactive prompt gave.
public enum LuaEvaluation {
    /// The text is the beginning of a statement: ask for another line.
    case incomplete
    /// The values, and what to show for them.
    case values([LuaValue], printed: String)
}

import CSupport

/// An error of a script, or one that a Swift function raises in a script.
public struct LuaError: Error, CustomStringConvertible {
    /// What is wrong, starting with the script's file and line where they are known.
    public var message: String
    /// Lua's traceback, where the error came out of a script.
    public var traceback: String?
    /// The script's file.
    public var file: String?
    /// The line in it, from 1.
    public var line: Int?
    /// The Swift error that a Swift function threw, or a `LuaStop`.
    public var cause: Error?
    /// The number of the Lua value that was raised, where it was no string; see `cx_lua_error_value`.
    var valueNumber: Int64 = 0

    /// An error with just a message.
    public init(_ message: String) { self.message = message }

    /// The message.
    public var description: String { message }
}

/// Why a script was stopped; the `cause` of the `LuaError` that ends its run. A script cannot catch it.
public enum LuaStop: Int, Error, CustomStringConvertible {
    case interrupt = 1
    case timeLimit = 2
    case instructionLimit = 3
    case memoryLimit = 4
    /// Another process cut a file that was mapped; what was read of it since may be zeros.
    case fileChanged = 5

    /// The reason, in words.
    public var description: String { String(cString: cx_stop_text(Int32(rawValue))) }
}

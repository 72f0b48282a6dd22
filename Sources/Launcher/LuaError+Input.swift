import Files
import LuaRuntime

extension LuaError {
    /// Whether an input is at fault, and not the script, whose calls then say nothing to a user.
    public var isOfInput: Bool { cause is InputFault || hasNoPlace }
}

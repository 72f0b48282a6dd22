/// A function of a script, kept alive by a reference in the host's registry.
public final class LuaFunction {
    weak var host: LuaHost?
    let reference: Int32

    init(host: LuaHost, reference: Int32) {
        self.host = host
        self.reference = reference
    }

    /// Calls the function and gives its results.
    /// - Throws: `LuaError` with a traceback, or where the host is closed.
    public func call(_ arguments: [LuaValue] = []) throws -> [LuaValue] {
        guard let host else { throw LuaError("the Lua host of this function is closed") }
        return try host.call(self, arguments)
    }

    deinit { host?.drop(reference) }
}

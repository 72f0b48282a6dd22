/// An object that holds memory which Lua's collector cannot see.
public protocol LuaExternalBytes: AnyObject {
    /// The size of that memory in bytes.
    var externalBytes: Int { get }
}

/// An object that gives something back before it is released.
public protocol LuaClosable: AnyObject {
    /// Called once: by the script's `close()`, at the end of a `<close>` variable, or when Lua collects the object.
    func close()
}

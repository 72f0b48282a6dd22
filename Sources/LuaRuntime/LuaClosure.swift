/// A Swift function without a declaration, for iterators and callbacks.
public final class LuaClosure {
    let native: NativeFunction

    /// Wraps `body`, which gets all arguments in `arguments.rest`; `name` stands in error texts.
    public init(_ name: String, _ body: @escaping (LuaArguments) throws -> [LuaValue]) {
        native = NativeFunction { values in
            try body(LuaArguments(callee: name, parameters: [], values: [], rest: values, receiver: nil))
        }
    }
}

/// What Lua holds of a Swift function: one retained reference.
final class NativeFunction {
    let body: ([LuaValue]) throws -> [LuaValue]

    init(_ body: @escaping ([LuaValue]) throws -> [LuaValue]) { self.body = body }
}

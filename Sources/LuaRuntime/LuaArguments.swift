/// The arguments of a call, or the keys of an options table: checked against the declaration, with defaults filled in.
public struct LuaArguments {
    let callee: String
    let parameters: [LuaParameter]
    /// One value a declared parameter, `.nil` where absent.
    let values: [LuaValue]
    /// The values after the declared parameters, or those of the variadic one.
    public let rest: [LuaValue]
    /// The object of a method's call.
    let receiver: AnyObject?

    /// The value of a parameter; `.nil` where it is absent and has no default.
    public func value(_ name: String) -> LuaValue {
        parameters.firstIndex { $0.name == name }.map { values[$0] } ?? .nil
    }

    /// Whether a parameter has a value: given, or by default.
    public func has(_ name: String) -> Bool { !value(name).isNil }

    /// An integer; a float with an integral value is one.
    public func integer(_ name: String) throws -> Int {
        guard let integer = value(name).integerValue else { throw mismatch(name, "integer") }
        return integer
    }

    /// A number of either kind, as a float.
    public func number(_ name: String) throws -> Double {
        guard let number = value(name).numberValue else { throw mismatch(name, "number") }
        return number
    }

    /// A boolean.
    public func boolean(_ name: String) throws -> Bool {
        guard let boolean = value(name).booleanValue else { throw mismatch(name, "boolean") }
        return boolean
    }

    /// A string of valid UTF-8.
    public func string(_ name: String) throws -> String {
        guard let string = value(name).stringValue else { throw mismatch(name, "string") }
        return string
    }

    /// A table.
    public func table(_ name: String) throws -> LuaTable {
        guard let table = value(name).tableValue else { throw mismatch(name, "table") }
        return table
    }

    /// The list part of a table.
    public func list(_ name: String) throws -> [LuaValue] {
        guard let table = value(name).tableValue else { throw mismatch(name, "list") }
        return table.array
    }

    /// A function of the script.
    public func function(_ name: String) throws -> LuaFunction {
        guard case .function(let function) = value(name) else { throw mismatch(name, "function") }
        return function
    }

    /// An object of a Swift class.
    public func object<T: AnyObject>(_ name: String, as type: T.Type) throws -> T {
        guard let object = value(name).objectValue as? T else { throw mismatch(name, String(describing: type)) }
        return object
    }

    /// The keys of an options table, with their defaults; all defaults where the table is absent.
    public func options(_ name: String) throws -> LuaArguments {
        guard let parameter = parameters.first(where: { $0.name == name }),
            let keys = parameter.type.optionKeys
        else { throw fail(name, "it is not declared as options") }
        let table: LuaTable
        switch value(name) {
        case .nil: table = LuaTable()
        case .table(let given): table = given
        default: throw mismatch(name, "table")
        }
        return try ArgumentCheck(callee: callee).options(table, keys: keys)
    }

    /// An error about a parameter's value: `bad argument 'name' to 'fn': message`.
    public func fail(_ name: String, _ message: String) -> LuaError {
        LuaError("bad argument '\(name)' to '\(callee)': \(message)")
    }

    private func mismatch(_ name: String, _ wanted: String) -> LuaError {
        ArgumentCheck(callee: callee).mismatch(name, wanted: wanted, got: value(name))
    }
}

extension LuaType {
    /// The keys of an options table, also where it is one of several types.
    var optionKeys: [LuaParameter]? {
        switch self {
        case .options(let keys): return keys
        case .oneOf(let types): return types.lazy.compactMap(\.optionKeys).first
        default: return nil
        }
    }
}

/// A value that crosses the border between Swift and Lua.
public enum LuaValue {
    case `nil`
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    /// A Lua string that is not valid UTF-8.
    case bytes([UInt8])
    case table(LuaTable)
    /// A function of the script (or of a library), held by a registry reference.
    case function(LuaFunction)
    /// A Swift function to be pushed as a Lua function; never read from Lua.
    case closure(LuaClosure)
    /// An object of a registered class.
    case object(AnyObject)

    /// Whether this is `nil`.
    public var isNil: Bool {
        if case .nil = self { return true }
        return false
    }

    /// The value as an integer: an integer, or a float with an integral value.
    public var integerValue: Int? {
        switch self {
        case .integer(let value): return value
        case .number(let value): return Int(exactly: value)
        default: return nil
        }
    }

    /// The value as a float: a number of either kind.
    public var numberValue: Double? {
        switch self {
        case .integer(let value): return Double(value)
        case .number(let value): return value
        default: return nil
        }
    }

    /// The value as a boolean, where it is one.
    public var booleanValue: Bool? {
        if case .boolean(let value) = self { return value }
        return nil
    }

    /// The value as text, where it is a string of valid UTF-8.
    public var stringValue: String? {
        if case .string(let value) = self { return value }
        return nil
    }

    /// The value as a table, where it is one.
    public var tableValue: LuaTable? {
        if case .table(let value) = self { return value }
        return nil
    }

    /// The value as a Swift object, where it is one.
    public var objectValue: AnyObject? {
        if case .object(let value) = self { return value }
        return nil
    }

    /// Whether Lua takes the value for true: everything but `nil` and `false`.
    public var isTruthy: Bool {
        switch self {
        case .nil: return false
        case .boolean(let value): return value
        default: return true
        }
    }
}

extension LuaValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
    ExpressibleByBooleanLiteral
{
    /// An integer.
    public init(integerLiteral value: Int) { self = .integer(value) }
    /// A float.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

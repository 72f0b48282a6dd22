/// The type of a parameter, a result, a property or a constant.
public indirect enum LuaType {
    case any
    case boolean
    /// An integer, or a float with an integral value.
    case integer
    /// A float or an integer.
    case number
    /// Text (valid UTF-8).
    case string
    /// Any table.
    case table
    /// A table with a list part only, each entry of one type.
    case list(LuaType)
    /// A table with named fields only, each value of one type.
    case dictionary(LuaType)
    /// A function; the text is its signature for the stubs, as in `fun(row: Row): boolean`.
    case function(String)
    /// An object of the class of that name.
    case object(String)
    /// A table whose keys are declared; unknown keys are errors.
    case options([LuaParameter])
    /// The first of these types that fits.
    case oneOf([LuaType])
    /// One of these strings.
    case choice([String])
    /// Any number of values, as the last parameter only.
    case variadic(LuaType)

    /// The type as error texts name it: `integer`, `list of Tensor`.
    public var wanted: String {
        switch self {
        case .any: return "any value"
        case .boolean: return "boolean"
        case .integer: return "integer"
        case .number: return "number"
        case .string: return "string"
        case .table: return "table"
        case .list(let element): return "list of \(element.wanted)"
        case .dictionary(let element): return "table of \(element.wanted) by name"
        case .function: return "function"
        case .object(let name): return name
        case .options: return "table"
        case .oneOf(let types): return types.map(\.wanted).joined(separator: " or ")
        case .choice(let names): return names.map { "\"\($0)\"" }.joined(separator: " or ")
        case .variadic(let element): return element.wanted
        }
    }
}

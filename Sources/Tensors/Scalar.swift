/// A single number as scripts give and take it.
public enum Scalar: Equatable, Sendable, CustomStringConvertible {
    case integer(Int)
    case number(Double)
    case bool(Bool)

    /// The value as a double; `true` is 1.
    public var double: Double {
        switch self {
        case .integer(let value): return Double(value)
        case .number(let value): return value
        case .bool(let value): return value ? 1 : 0
        }
    }

    /// The value as a script would write it.
    public var description: String {
        switch self {
        case .integer(let value): return String(value)
        case .number(let value): return String(value)
        case .bool(let value): return String(value)
        }
    }
}

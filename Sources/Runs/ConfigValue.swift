import Files

/// A value of a config, a parameter or a result: what YAML's core schema and a Lua table of plain values have in common.
/// Maps keep the order of their keys; integers and floating-point numbers are different kinds.
public indirect enum ConfigValue: Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case list([ConfigValue])
    case map([(key: String, value: ConfigValue)])

    /// Equal kind and content; maps also in the order of their keys. A NaN equals a NaN, and 0.0 does not equal -0.0,
    /// so that equal values are written equally.
    public static func == (left: ConfigValue, right: ConfigValue) -> Bool {
        switch (left, right) {
        case (.null, .null): return true
        case (.boolean(let a), .boolean(let b)): return a == b
        case (.integer(let a), .integer(let b)): return a == b
        case (.number(let a), .number(let b)): return a.bitPattern == b.bitPattern || a.isNaN && b.isNaN
        // Byte by byte: Swift's own comparison takes differently composed accents for equal.
        case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
        case (.list(let a), .list(let b)): return a == b
        case (.map(let a), .map(let b)):
            return a.count == b.count
                && zip(a, b).allSatisfy { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value }
        default: return false
        }
    }

    /// The value of a map's key; nil where the key is absent or this is no map.
    public subscript(key: String) -> ConfigValue? {
        guard case .map(let entries) = self else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// The kind in the words of messages: `an integer`, `a list`, …
    public var kind: String {
        switch self {
        case .null: return "nothing"
        case .boolean: return "a boolean"
        case .integer: return "an integer"
        case .number: return "a number"
        case .string: return "a string"
        case .list: return "a list"
        case .map: return "a map"
        }
    }

    /// The value in one line, for messages: scalars as YAML writes them, lists and maps as flow text.
    public var summary: String {
        switch self {
        case .list(let elements): return "[" + elements.map(\.summary).joined(separator: ", ") + "]"
        case .map(let entries):
            return "{" + entries.map { "\(YAMLScalar.text($0.key)): \($0.value.summary)" }.joined(separator: ", ") + "}"
        default: return YAMLScalar.text(self)
        }
    }

    /// The value as JSON, for `results.jsonl` and for lists and maps in a cell of `results.csv`.
    var json: JSON {
        switch self {
        case .null: return .null
        case .boolean(let value): return .boolean(value)
        case .integer(let value): return .integer(value)
        case .number(let value): return .number(value)
        case .string(let text): return .string(text)
        case .list(let elements): return .array(elements.map(\.json))
        case .map(let entries): return .object(entries.map { (key: $0.key, value: $0.value.json) })
        }
    }
}

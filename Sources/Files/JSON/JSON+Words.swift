/// A value in the words of messages.
extension JSON {
    /// The kind: `an integer`, `a list`, …
    public var kind: String {
        switch self {
        case .null: return "nothing"
        case .boolean: return "a boolean"
        case .integer: return "an integer"
        case .number: return "a number"
        case .string: return "a string"
        case .array: return "a list"
        case .object: return "a map"
        }
    }

    /// The value in one line: scalars as YAML writes them, lists and maps as flow text.
    public var summary: String {
        switch self {
        case .array(let elements): return "[" + elements.map(\.summary).joined(separator: ", ") + "]"
        case .object(let members):
            return "{" + members.map { "\(YAMLScalar.text($0.key)): \($0.value.summary)" }.joined(separator: ", ") + "}"
        default: return YAMLScalar.text(self)
        }
    }
}

extension YAML {
    /// A value as YAML text: the same text for the same value, always, and one that parses back to the same value.
    public static func text(_ value: JSON) -> String {
        var out = ""
        write(value, to: &out, indent: 0, position: .lineStart)
        return out
    }

    /// Where a value begins: on a line of its own, or after `key:` or `-`.
    private enum Position { case lineStart, afterKey, afterDash }

    private static func write(_ value: JSON, to out: inout String, indent: Int, position: Position) {
        if let line = flow(value) {
            out += (position == .afterKey ? " " : "") + line + "\n"
            return
        }
        let margin = String(repeating: " ", count: indent)
        if position == .afterKey { out += "\n" }
        // After a dash the first entry stands in the dash's own line, the others below it.
        var isFirst = position == .afterDash
        func startLine() {
            if !isFirst { out += margin }
            isFirst = false
        }
        switch value {
        case .array(let elements):
            for element in elements {
                startLine()
                out += "- "
                write(element, to: &out, indent: indent + 2, position: .afterDash)
            }
        case .object(let entries):
            for (key, value) in entries {
                startLine()
                let name = YAMLScalar.text(key)
                // A simple key must end within 1024 characters; longer ones are written as explicit keys.
                out += name.unicodeScalars.count <= 512 ? "\(name):" : "? \(name)\n\(margin):"
                write(value, to: &out, indent: indent + 2, position: .afterKey)
            }
        default: break
        }
    }

    /// The value in one line where it is a scalar, an empty list or map, or a short list of scalars.
    private static func flow(_ value: JSON) -> String? {
        switch value {
        case .array(let elements):
            if elements.isEmpty { return "[]" }
            var parts: [String] = []
            for element in elements {
                switch element {
                case .array, .object: return nil
                default: parts.append(YAMLScalar.text(element))
                }
            }
            let line = "[" + parts.joined(separator: ", ") + "]"
            return line.utf8.count <= 100 ? line : nil
        case .object(let entries): return entries.isEmpty ? "{}" : nil
        default: return YAMLScalar.text(value)
        }
    }
}

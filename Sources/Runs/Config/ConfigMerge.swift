import Files

/// Laying given parameters over an experiment's defaults.
enum ConfigMerge {
    /// The defaults with the given values in their place. The default's type is the type:
    /// - a number also takes an integer; nothing else changes its type;
    /// - a map takes the keys that it has, each merged in turn; other keys are errors;
    /// - an empty map or list (Lua cannot tell them apart) takes any map or list, a list any list, nothing (null) anything.
    /// - Throws: `RunsError.config` with the place of the value and the nearest known name; `.faults` where several are wrong.
    static func merge(defaults: JSON, given: YAMLNode, name: String = "") throws -> JSON {
        func wrong(_ wanted: String) -> RunsError {
            var hint = ""
            switch (defaults, given.value) {
            case (.string, .integer), (.string, .number), (.string, .boolean): hint = "; put it in quotes"
            case (.string, .null): hint = "; an empty one is \"\""
            case (.integer, .number): hint = "; its default is the integer \(defaults.summary)"
            default: break
            }
            let came = given.value.kind
            let text = given.height > 0 || came == "nothing" ? came : "\(came) (\(given.value.summary))"
            return given.error("`\(name)` must be \(wanted), not \(text)\(hint)")
        }
        switch (defaults, given.value) {
        case (.null, let value): return value
        case (.boolean, .boolean), (.integer, .integer), (.string, .string), (.array, .array): return given.value
        case (.number, .number(let value)): return .number(value)
        case (.number, .integer(let value)): return .number(Double(value))
        case (.object(let known), .object) where !known.isEmpty: return try merge(known, given, name: name)
        case (.object(let known), let value) where known.isEmpty:
            if case .object = value { return value }
            if case .array = value { return value }
            throw wrong("a map or a list")
        case (.array(let known), .object) where known.isEmpty: return given.value
        case (.boolean, _): throw wrong("true or false")
        case (.integer, _): throw wrong("an integer")
        case (.number, _): throw wrong("a number")
        case (.string, _): throw wrong("a string")
        case (.array(let known), _): throw wrong(known.isEmpty ? "a list or a map" : "a list")
        case (.object(let known), _): throw wrong("a map with the keys \(known.map(\.key).joined(separator: ", "))")
        }
    }

    private static func merge(
        _ known: [(key: String, value: JSON)], _ given: YAMLNode, name: String
    ) throws -> JSON {
        guard case .object(let entries) = given.content else { return .object(known) }
        var merged = known
        var faults = ConfigFaults()
        for entry in entries {
            guard let index = merged.firstIndex(where: { $0.key == entry.key }) else {
                faults.add(
                    .config(
                        location: entry.place.description,
                        message: YAMLNode.unknown(
                            "parameter", entry.key, of: name.isEmpty ? "`params`" : "`\(name)`", known: known.map(\.key)
                        )))
                continue
            }
            let path = name.isEmpty ? entry.key : "\(name).\(entry.key)"
            let value = try faults.take { try merge(defaults: known[index].value, given: entry.value, name: path) }
            if let value { merged[index].value = value }
        }
        try faults.check()
        return .object(merged)
    }
}

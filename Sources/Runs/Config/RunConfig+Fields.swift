import Files

/// Typed reading of a config's fields.
extension YAMLNode {
    /// An error about this node.
    func error(_ message: String) -> RunsError { .config(location: place.description, message: message) }

    /// The fields of a map whose keys are known; a key that is not is kept as a fault, with the nearest known one.
    /// - Throws: `RunsError.config` where it is no map.
    func fields(of what: String, known: [String], _ faults: inout ConfigFaults) throws -> [String: YAMLNode] {
        guard case .object(let entries) = content else {
            throw error("\(what) must be a map with the keys \(known.joined(separator: ", ")), not \(value.kind)")
        }
        var fields: [String: YAMLNode] = [:]
        for entry in entries {
            guard known.contains(entry.key) else {
                faults.add(
                    .config(
                        location: entry.place.description,
                        message: YAMLNode.unknown("key", entry.key, of: what, known: known)))
                continue
            }
            fields[entry.key] = entry.value
        }
        return fields
    }

    /// The message for a key that is not known.
    static func unknown(_ kind: String, _ key: String, of what: String, known: [String]) -> String {
        var message = "unknown \(kind) `\(key)` in \(what)"
        if let near = nearest(key, among: known) { return message + "; did you mean `\(near)`?" }
        let shown = known.prefix(20)
        if shown.isEmpty { return message + ", which has none" }
        message += "; known: " + shown.joined(separator: ", ")
        return message + (known.count > shown.count ? ", … (\(known.count) in all)" : "")
    }

    func path() throws -> String {
        guard case .string(let text) = value, !text.isEmpty, !text.utf8.contains(0) else {
            throw error("wanted a path, not \(value.summary)")
        }
        return text
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int {
        guard case .integer(let value) = value, range.contains(value) else {
            throw error(
                "`\(name)` must be an integer from \(range.lowerBound) to \(range.upperBound), not \(self.value.summary)"
            )
        }
        return value
    }

    /// A seed: what NumPy, Python and PyTorch take alike, 0 to 2^32 - 1.
    func seed() throws -> Int { try integer("seed", in: 0...0xFFFF_FFFF) }

    func dtype() throws -> String {
        guard case .string(let text) = value, RunConfig.dtypes.contains(text) else {
            throw error("`dtype` must be one of \(RunConfig.dtypes.joined(separator: ", ")), not \(value.summary)")
        }
        return text
    }

    /// The node with the value at a path of keys replaced or added; maps on the way are made where they are missing.
    func setting(_ path: [String], to new: YAMLNode) throws -> YAMLNode {
        guard let key = path.first else { return new }
        var entries: [(key: String, place: Place, value: YAMLNode)]
        switch content {
        case .object(let given): entries = given
        case .scalar(.null): entries = []
        default: throw new.error("`\(key)` cannot be set inside \(value.kind)")
        }
        let rest = Array(path.dropFirst())
        if let index = entries.firstIndex(where: { $0.key == key }) {
            let old = entries[index]
            entries[index] = (key, rest.isEmpty ? new.place : old.place, try old.value.setting(rest, to: new))
        } else {
            let empty = YAMLNode(JSON.object([]), at: new.place)
            entries.append((key, new.place, try empty.setting(rest, to: new)))
        }
        return YAMLNode(.object(entries), at: place)
    }
}

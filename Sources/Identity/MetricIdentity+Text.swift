import Files

extension MetricIdentity {
    /// One line: `metric=fid; protocol=exact; …`. Values with `;`, `=`, `"` or a line break, and empty ones, are quoted as
    /// JSON strings.
    public var text: String { Self.line(fields) }

    static func line(_ fields: [(name: String, value: String)]) -> String {
        fields.map { field in
            let isPlain = !field.value.isEmpty && !field.value.contains { ";=\"\n\r".contains($0) || $0 == "\r\n" }
            return "\(field.name)=\(isPlain ? field.value : JSON.string(field.value).text())"
        }.joined(separator: "; ")
    }

    /// Reads a line that `text` wrote.
    /// - Throws: `IdentityError` that says what is wrong.
    public init(text: String) throws {
        var fields: [(name: String, value: String)] = []
        var rest = text[...]
        while !rest.isEmpty {
            guard let equals = rest.firstIndex(of: "=") else {
                throw IdentityError("\"\(rest.prefix(40))\" has no =")
            }
            let name = String(rest[..<equals])
            rest = rest[rest.index(after: equals)...]
            let end = MetricIdentity.endOfValue(rest)
            fields.append((name, try MetricIdentity.value(rest[..<end], of: name)))
            rest = rest[end...]
            guard rest.isEmpty || rest.hasPrefix("; ") else {
                throw IdentityError("after the field \(name) stands \"\(rest.prefix(40))\"")
            }
            rest = rest.dropFirst(2)
        }
        try self.init(fields: fields)
    }

    /// Where a value ends: at the closing quote, or before the next semicolon.
    private static func endOfValue(_ rest: Substring) -> Substring.Index {
        guard rest.first == "\"" else { return rest.firstIndex(of: ";") ?? rest.endIndex }
        var isEscaped = false
        var index = rest.index(after: rest.startIndex)
        while index < rest.endIndex {
            let character = rest[index]
            if character == "\"" && !isEscaped { return rest.index(after: index) }
            isEscaped = character == "\\" && !isEscaped
            index = rest.index(after: index)
        }
        return rest.endIndex
    }

    private static func value(_ text: Substring, of name: String) throws -> String {
        guard text.first == "\"" else { return String(text) }
        guard let value = (try? JSON.parse(String(text), name: name))?.string else {
            throw IdentityError("the field \(name) is quoted and does not end")
        }
        return value
    }

    /// The identity as a JSON object with the names of `fields`; the counts are numbers, all else is text.
    public var json: JSON {
        .object(
            fields.map { field in
                let isCount = field.name == "n_real" || field.name == "n_synthetic"
                return (field.name, isCount ? Int(field.value).map { .integer($0) } ?? .null : .string(field.value))
            })
    }

    /// Reads what `json` wrote.
    /// - Throws: `IdentityError` naming the field that is missing or of the wrong kind.
    public init(json: JSON) throws {
        guard let members = json.object else { throw IdentityError("it is no object") }
        try self.init(
            fields: members.map { member in
                guard let value = member.value.string ?? member.value.integer.map(String.init) else {
                    throw IdentityError("the field \(member.key) is neither text nor a number")
                }
                return (member.key, value)
            })
    }

    /// One field in which two identities differ.
    public struct Difference: Hashable, Sendable {
        /// The field's name.
        public let field: String
        /// Its value here; empty where the field is absent.
        public let ours: String
        /// Its value there; empty where the field is absent.
        public let theirs: String
    }

    /// The fields in which two identities differ; none where the numbers may be compared.
    public func differences(from other: MetricIdentity) -> [Difference] {
        let theirs = Dictionary(uniqueKeysWithValues: other.fields.map { ($0.name, $0.value) })
        let ours = Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.value) })
        let names = fields.map(\.name) + other.fields.map(\.name).filter { ours[$0] == nil }
        return names.compactMap { name in
            if ours[name] == theirs[name] { return nil }
            return Difference(field: name, ours: ours[name] ?? "", theirs: theirs[name] ?? "")
        }
    }

    /// The fields in which the identities of two cells of results differ; nil where a cell holds none.
    public static func differences(between ours: String, and theirs: String) -> [Difference]? {
        guard let first = try? MetricIdentity(text: ours), let second = try? MetricIdentity(text: theirs) else {
            return nil
        }
        return first.differences(from: second)
    }
}

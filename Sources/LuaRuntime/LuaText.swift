import CSupport
import Files

extension LuaValue {
    /// The value as text, for messages and for output; bytes that are not UTF-8 are replaced.
    var printable: String {
        switch self {
        case .nil: return "nil"
        case .boolean(let value): return String(value)
        case .integer(let value): return String(value)
        case .number(let value): return String(value)
        case .string(let value): return value
        case .bytes(let value): return String(decoding: value, as: UTF8.self)
        case .table: return "table"
        case .function, .closure: return "function"
        case .object: return kindName
        }
    }
}

/// Shows tables at the interactive prompt.
enum TableText {
    private static let mostEntries = 20
    private static let mostDepth = 3

    /// A table as Lua would write it, cut where it is long or deep.
    static func describe(_ table: LuaTable, depth: Int = 0) -> String {
        if depth >= mostDepth { return "{…}" }
        var parts = table.array.prefix(mostEntries).map { describe($0, depth: depth) }
        if table.array.count > mostEntries { parts.append("… (\(table.array.count) in all)") }
        for (name, value) in table.fields.prefix(mostEntries) {
            parts.append("\(name) = \(describe(value, depth: depth))")
        }
        if table.fields.count > mostEntries { parts.append("… (\(table.fields.count) fields)") }
        return parts.isEmpty ? "{}" : "{ " + parts.joined(separator: ", ") + " }"
    }

    private static func describe(_ value: LuaValue, depth: Int) -> String {
        switch value {
        case .table(let table): return describe(table, depth: depth + 1)
        case .string, .bytes: return "\"\(value.printable)\""
        default: return value.printable
        }
    }
}

extension LuaError {
    /// Fills in file and line: those that the message begins with, else those where the error was raised.
    mutating func locate(file place: String?, line placeLine: Int?) {
        file = place
        line = placeLine
        guard let (name, number) = Self.position(of: message) else { return }
        line = number
        // Lua shortens long names in messages; the place has the whole one.
        let shortened = name.hasPrefix("...") ? String(name.dropFirst(3)) : name
        file = place?.hasSuffix(shortened) == true ? place : name
    }

    /// Takes the place off that the message begins with, where a script of the program's own handed on a user's fault.
    /// - Parameter place: the script that raised it at last: of a name that Lua shortened no more is known.
    mutating func leaveOutOwnPlace(_ folders: [String], raisedIn place: String?) {
        guard cause is InputFault, !folders.isEmpty, let (name, number) = Self.position(of: message),
            let script = (name.hasPrefix("...") ? place : name).map({ Paths.resolved(Paths.absolute($0)) })
        else { return }
        guard folders.contains(where: { Paths.isBelow(script, Paths.resolved(Paths.absolute($0))) }) else { return }
        message = String(message.dropFirst("\(name):\(number): ".count))
        (file, line) = (nil, nil)
    }

    /// Whether the script said what went wrong without a place, as `error(text, 0)` does: it then speaks of its input.
    public var hasNoPlace: Bool { cause == nil && Self.position(of: message) == nil }

    /// The `name:12:` that a message begins with.
    private static func position(of message: String) -> (String, Int)? {
        let firstLine = message.prefix { $0 != "\n" }
        var rest = firstLine[...]
        while let colon = rest.firstIndex(of: ":") {
            let digits = rest[rest.index(after: colon)...].prefix { $0.isNumber }
            if let number = Int(digits), digits.endIndex < firstLine.endIndex, firstLine[digits.endIndex] == ":" {
                return (String(firstLine[..<colon]), number)
            }
            rest = rest[rest.index(after: colon)...]
        }
        return nil
    }
}

extension LuaStop {
    /// The error that ends a run, with the limit in its text.
    func error(options: LuaOptions, at place: LuaError) -> LuaError {
        var text = description
        switch self {
        case .timeLimit: if let seconds = options.timeLimit { text += " of \(LuaValue.number(seconds).trimmed) s" }
        case .memoryLimit: if let bytes = options.memoryLimit { text += " of \(bytes >> 20) MB" }
        case .instructionLimit: if let count = options.instructionLimit { text += " of \(count)" }
        case .interrupt: break
        case .fileChanged:
            let path = String(cString: cx_changed_file())
            if !path.isEmpty { text = "stopped: \(path) was cut short by another process while it was in use" }
        }
        var error = place
        error.message = (place.file.map { "\($0):\(place.line ?? 0): " } ?? "") + text
        error.cause = self
        return error
    }
}

extension LuaValue {
    /// A number without a needless `.0`.
    var trimmed: String { integerValue.map(String.init) ?? printable }
}

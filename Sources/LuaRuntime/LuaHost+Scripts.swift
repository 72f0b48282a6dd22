import CLua
import Foundation

extension LuaHost {
    /// The longest script that is read, in bytes.
    static let longestScript = 16 << 20

    /// Runs a script file and gives its results; `arguments` arrive as `...`.
    /// - Throws: `LuaError`: the file cannot be read, is not Lua text, or failed.
    public func runFile(_ path: String, arguments: [LuaValue] = []) throws -> [LuaValue] {
        let bytes = try ScriptFile.bytes(path)
        scripts.add(path, bytes)
        return try load(ScriptFile.text(of: bytes), chunkName: "@" + path).call(arguments)
    }

    /// Runs a script text; `name` stands in error texts.
    /// - Throws: `LuaError`: it is not Lua text, or failed.
    public func run(_ source: String, name: String) throws -> [LuaValue] {
        try load(Array(source.utf8), chunkName: "=" + name).call()
    }

    /// Compiles text to a function.
    func load(_ source: [UInt8], chunkName: String) throws -> LuaFunction {
        let lua = try opened()
        let (status, function) = compile(lua, source, chunkName)
        guard status == CX_DONE.rawValue, let function else { throw failure(lua) }
        return function
    }

    private func compile(_ lua: OpaquePointer, _ source: [UInt8], _ chunkName: String) -> (Int32, LuaFunction?) {
        var reference: Int32 = 0
        let status = source.withUnsafeBytes { bytes in
            cx_lua_load(lua, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, chunkName, &reference)
        }
        return (status, status == CX_DONE.rawValue ? LuaFunction(host: self, reference: reference) : nil)
    }

    /// Runs a line, or several, of the interactive prompt. Plain expressions and `=expr` give their values.
    ///
    /// The time limit and the instruction limit count for each call anew.
    /// - Throws: `LuaError`: the text is not Lua, or failed.
    public func evaluate(line: String) throws -> LuaEvaluation {
        let lua = try opened()
        let text =
            line.drop { $0 == " " || $0 == "\t" }.hasPrefix("=") ? String(line.drop { $0 != "=" }.dropFirst()) : line
        var (status, function) = compile(lua, Array("return \(text)".utf8), "=stdin")
        if function == nil {
            (status, function) = compile(lua, Array(line.utf8), "=stdin")
            if status == CX_INCOMPLETE.rawValue { return .incomplete }
        }
        guard let function else { throw failure(lua) }
        cx_lua_restart_clock(lua)
        try perform("a line") { lua, _ in cx_lua_evaluate(lua, function.reference) }
        let pairs = try output()
        var values: [LuaValue] = []
        var printed: [String] = []
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            values.append(pairs[index + 1])
            let text = pairs[index].printable
            // Tables that have no text of their own are shown by what is in them.
            if case .table(let table) = pairs[index + 1], text.hasPrefix("table: 0x") {
                printed.append(TableText.describe(table))
            } else {
                printed.append(text)
            }
        }
        return .values(values, printed: printed.joined(separator: "\t"))
    }

    /// What the word at the end of `text` could become: `tensor.ze` gives `tensor.zeros`, `x:s` the methods of `x`.
    /// The words go through globals, fields of tables and members of objects; nothing is run to find them.
    public func completions(for text: String) -> [String] {
        let word = String(text.reversed().prefix { $0.isLetter || $0.isNumber || "_.:".contains($0) }.reversed())
        let cut = word.lastIndex { $0 == "." || $0 == ":" }
        let path = cut.map { String(word[..<$0]) } ?? ""
        let stem = cut.map { String(word[...$0]) } ?? ""
        let beginning = String(word.dropFirst(stem.count))
        let components = path.split(omittingEmptySubsequences: false) { $0 == "." || $0 == ":" }
        guard let lua = try? opened(), path.isEmpty == (cut == nil), !components.contains("") || path.isEmpty else {
            return []
        }
        var names = path.isEmpty ? Self.keywords : []
        let writer = TapeWriter(tape: cx_lua_input(lua), host: self)
        if !path.isEmpty { for component in components { writer.write(text: String(component)) } }
        guard cx_lua_members(lua) == CX_DONE.rawValue, let found = try? output() else { return [] }
        names += found.compactMap(\.stringValue)
        return Set(names.filter { $0.hasPrefix(beginning) }).sorted().map { stem + $0 }
    }

    private static let keywords = [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
        "not", "or", "repeat", "return", "then", "true", "until", "while",
    ]
}

/// What a line of the interactive prompt gave.
public enum LuaEvaluation {
    /// The text is the beginning of a statement: ask for another line.
    case incomplete
    /// The values, and what to show for them.
    case values([LuaValue], printed: String)
}

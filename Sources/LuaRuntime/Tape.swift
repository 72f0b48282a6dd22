import CLua

/// Writes values on a tape for Lua. Objects and functions are retained; the tape gives them up if Lua does not
/// take them.
struct TapeWriter {
    let tape: OpaquePointer
    let host: LuaHost

    /// Tables that contain themselves end here.
    private static let mostNesting = 60

    func write(_ values: [LuaValue]) throws {
        for value in values { try write(value) }
    }

    func write(_ value: LuaValue, readOnly: Bool = false, depth: Int = 0) throws {
        switch value {
        case .nil: cx_tape_nil(tape)
        case .boolean(let value): cx_tape_boolean(tape, value)
        case .integer(let value): cx_tape_integer(tape, Int64(value))
        case .number(let value): cx_tape_number(tape, value)
        case .string(let value): write(text: value)
        case .bytes(let value): value.withUnsafeBytes { cx_tape_string(tape, $0.baseAddress, $0.count) }
        case .table(let table): try write(table, readOnly: readOnly, depth: depth)
        case .function(let function):
            guard function.host === host else { throw LuaError("a function belongs to another Lua host") }
            cx_tape_function(tape, function.reference, Unmanaged.passRetained(function).toOpaque())
        case .closure(let closure): write(native: closure.native)
        case .object(let object):
            let kind = try host.classes.kind(of: object)
            let bytes = kind.hasExternalBytes ? (object as? LuaExternalBytes)?.externalBytes ?? 0 : 0
            cx_tape_object(tape, Unmanaged.passRetained(object).toOpaque(), kind.number, Int64(bytes))
        }
    }

    func write(native: NativeFunction) {
        cx_tape_native(tape, Unmanaged.passRetained(native).toOpaque())
    }

    func write(text: String) {
        var text = text
        text.withUTF8 { cx_tape_string(tape, $0.baseAddress, $0.count) }
    }

    private func write(_ table: LuaTable, readOnly: Bool, depth: Int) throws {
        guard depth < Self.mostNesting else {
            throw LuaError("a table for Lua is nested deeper than \(Self.mostNesting), or contains itself")
        }
        if let origin = table.origin, origin.host === host, !readOnly {
            return cx_tape_function(tape, origin.reference, Unmanaged.passRetained(origin).toOpaque())
        }
        // What is inside a read-only table can be read only.
        let readOnly = readOnly || table.isReadOnly
        cx_tape_table(tape, table.array.count, table.fields.count, readOnly)
        for value in table.array { try write(value, readOnly: readOnly, depth: depth + 1) }
        for (name, value) in table.fields {
            write(text: name)
            try write(value, readOnly: readOnly, depth: depth + 1)
        }
    }
}

/// Reads values from a tape that Lua wrote. All of it must be read, for its function references are the reader's.
struct TapeReader {
    let nodes: UnsafeBufferPointer<cx_node>
    let host: LuaHost
    private var cursor = 0
    /// The class of a closed object that was met.
    private(set) var closed: String?

    init(nodes: UnsafePointer<cx_node>?, count: Int, host: LuaHost) {
        self.nodes = UnsafeBufferPointer(start: nodes, count: nodes == nil ? 0 : count)
        self.host = host
    }

    /// Reads all values.
    /// - Throws: `LuaError` where an object among them is closed.
    static func read(_ nodes: UnsafePointer<cx_node>?, count: Int, host: LuaHost) throws -> [LuaValue] {
        var reader = TapeReader(nodes: nodes, count: count, host: host)
        var values: [LuaValue] = []
        while reader.cursor < reader.nodes.count { values.append(reader.next()) }
        if let name = reader.closed { throw LuaError("\(name) is closed") }
        return values
    }

    private mutating func next() -> LuaValue {
        guard cursor < nodes.count else { return .nil }
        let node = nodes[cursor]
        cursor += 1
        switch cx_kind(node.kind) {
        case CX_BOOLEAN: return .boolean(node.integer != 0)
        case CX_INTEGER: return .integer(Int(node.integer))
        case CX_NUMBER: return .number(node.number)
        case CX_STRING: return string(node)
        case CX_TABLE: return .table(table(entries: Int(node.length), fields: Int(node.integer)))
        case CX_FUNCTION: return .function(LuaFunction(host: host, reference: Int32(truncatingIfNeeded: node.length)))
        case CX_OBJECT:
            guard let pointer = node.pointer else { return .nil }
            return .object(Unmanaged<AnyObject>.fromOpaque(pointer).takeUnretainedValue())
        case CX_CLOSED:
            if case .string(let name) = string(node) { closed = name }
            return .nil
        default: return .nil
        }
    }

    private func string(_ node: cx_node) -> LuaValue {
        let bytes = UnsafeRawBufferPointer(start: node.pointer, count: Int(node.length))
        if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
        return .bytes(Array(bytes))
    }

    private mutating func table(entries: Int, fields: Int) -> LuaTable {
        var array: [LuaValue] = []
        array.reserveCapacity(min(entries, nodes.count - cursor))
        for _ in 0..<entries { array.append(next()) }
        var named: [(name: String, value: LuaValue)] = []
        var origin: LuaFunction?
        named.reserveCapacity(min(fields, nodes.count - cursor))
        for _ in 0..<fields {
            let name: String
            switch next() {
            case .string(let text): name = text
            case .bytes(let bytes): name = String(decoding: bytes, as: UTF8.self)
            default: name = ""
            }
            let value = next()
            if name == CX_ORIGIN, case .function(let reference) = value {
                origin = reference
            } else {
                named.append((name, value))
            }
        }
        named.sort { $0.name < $1.name }
        return LuaTable(array: array, distinctFields: named, origin: origin)
    }
}

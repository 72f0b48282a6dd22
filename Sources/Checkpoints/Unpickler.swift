import Files
import Foundation

/// A machine for Python's pickle opcodes (protocols 2 to 5) that builds records of ours and never calls anything.
/// Opcodes: CPython's `Lib/pickletools.py`.
struct Unpickler {
    let path: String
    let bytes: UnsafeRawBufferPointer
    /// The position in `bytes`: after `load`, the byte behind the STOP opcode.
    private(set) var position: Int
    /// The containers and objects built so far.
    var nodes: [PickleNode] = []
    /// Every storage that was named, by its key.
    var storages: [String: PickledStorage] = [:]
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var opcodeStart = 0
    private var copied = 0

    /// The most values on the stack, nodes and memo entries.
    static let maximumStack = 1_000_000
    static let maximumNodes = 8_000_000

    init(path: String, bytes: UnsafeRawBufferPointer, position: Int = 0) {
        self.path = path
        self.bytes = bytes
        self.position = position
    }

    /// Runs one pickle up to its STOP.
    /// - Throws: `CheckpointError.refused` for names and opcodes that are not allowed, `FileError.malformed` for damage.
    mutating func load() throws -> PickleValue {
        stack = []
        marks = []
        memo = [:]
        opcodeStart = position
        guard try byte() == 0x80, (2...5).contains(try byte()) else {
            throw malformed("a pickle of protocol 0 or 1, or no pickle; wanted protocol 2 to 5")
        }
        while true {
            opcodeStart = position
            let opcode = try byte()
            if opcode == UInt8(ascii: ".") {
                let result = try pop()
                guard stack.isEmpty, marks.isEmpty else { throw malformed("values are left at the pickle's end") }
                return result
            }
            try run(opcode)
        }
    }

    private mutating func run(_ opcode: UInt8) throws {
        switch opcode {
        case UInt8(ascii: "N"): try push(.none)
        case 0x88: try push(.boolean(true))
        case 0x89: try push(.boolean(false))
        case UInt8(ascii: "K"): try push(.integer(Int(try byte())))
        case UInt8(ascii: "M"): try push(.integer(try unsigned(2)))
        case UInt8(ascii: "J"): try push(.integer(Int(Int32(truncatingIfNeeded: try unsigned(4)))))
        case 0x8A: try pushLong(try unsigned(1))
        case 0x8B: try pushLong(try unsigned(4))
        case UInt8(ascii: "G"):
            let raw = try take(8).loadUnaligned(as: UInt64.self)
            try push(.float(Double(bitPattern: UInt64(bigEndian: raw))))
        case UInt8(ascii: "X"): try push(.text(try text(try unsigned(4))))
        case 0x8C: try push(.text(try text(try unsigned(1))))
        case 0x8D: try push(.text(try text(try unsigned(8))))
        case UInt8(ascii: "U"): try pushShortString(try unsigned(1))
        case UInt8(ascii: "T"): try pushShortString(try unsigned(4))
        case UInt8(ascii: "C"): try push(.bytes(Array(try take(try unsigned(1)))))
        case UInt8(ascii: "B"): try push(.bytes(Array(try take(try unsigned(4)))))
        case 0x8E, 0x96: try push(.bytes(Array(try take(try unsigned(8)))))
        case UInt8(ascii: ")"): try pushNode(.tuple([]))
        case UInt8(ascii: "]"): try pushNode(.list([]))
        case UInt8(ascii: "}"): try pushNode(.dictionary([]))
        case 0x8F: try pushNode(.opaque("set"))
        case UInt8(ascii: "("): try mark()
        case UInt8(ascii: "t"): try pushNode(.tuple(try popMark()))
        case 0x85, 0x86, 0x87: try pushNode(.tuple(try pop(count: Int(opcode) - 0x84)))
        case UInt8(ascii: "l"): try pushNode(.list(try popMark()))
        case UInt8(ascii: "d"): try pushNode(.dictionary(try pairs(try popMark())))
        case 0x90: _ = try popMark()
        case 0x91:
            _ = try popMark()
            try pushNode(.opaque("frozenset"))
        case UInt8(ascii: "a"): try extend([try pop()])
        case UInt8(ascii: "e"): try extend(try popMark())
        case UInt8(ascii: "s"): try setItems(try pop(count: 2))
        case UInt8(ascii: "u"): try setItems(try popMark())
        case UInt8(ascii: "0"): try discard()
        case UInt8(ascii: "1"): _ = try popMark()
        case UInt8(ascii: "2"): try push(try top())
        case UInt8(ascii: "q"): try remember(try unsigned(1))
        case UInt8(ascii: "r"): try remember(try unsigned(4))
        case 0x94: try remember(memo.count)
        case UInt8(ascii: "h"): try recall(try unsigned(1))
        case UInt8(ascii: "j"): try recall(try unsigned(4))
        case 0x95: _ = try take(8)
        case UInt8(ascii: "c"): try pushGlobal(try line(), try line())
        case 0x93:
            let names = try pop(count: 2)
            guard case .text(let module) = names[0], case .text(let name) = names[1] else {
                throw malformed("a global whose name is no text")
            }
            try pushGlobal(module, name)
        case UInt8(ascii: "Q"): try pushNode(.storage(try persistent(try pop())))
        case UInt8(ascii: "R"), 0x81:
            let pair = try pop(count: 2)
            try push(try apply(pair[0], pair[1], isNew: opcode == 0x81))
        case 0x92:
            let triple = try pop(count: 3)
            try push(try apply(triple[0], triple[1], isNew: true))
        case UInt8(ascii: "b"):
            let state = try pop()
            try build(state)
        default: throw refused("the opcode \(Unpickler.name(of: opcode))")
        }
    }

    private static func name(of opcode: UInt8) -> String {
        let names: [UInt8: String] = [
            UInt8(ascii: "i"): "INST", UInt8(ascii: "o"): "OBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4",
            UInt8(ascii: "P"): "PERSID", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER", 0x80: "PROTO",
        ]
        return names[opcode] ?? "0x\(String(opcode, radix: 16))"
    }

    // MARK: Reading

    private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytes.count - position else {
            throw malformed("\(count) bytes are wanted and \(bytes.count - position) are left")
        }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    private mutating func byte() throws -> UInt8 { try take(1)[0] }

    /// A little-endian unsigned number; one beyond `Int.max` is a length that no file has.
    private mutating func unsigned(_ size: Int) throws -> Int {
        var value: UInt64 = 0
        for (index, byte) in try take(size).enumerated() { value |= UInt64(byte) << UInt64(8 * index) }
        guard value <= UInt64(Int64.max) else { throw malformed("the length \(value) is too large") }
        return Int(value)
    }

    private mutating func text(_ count: Int) throws -> String {
        let start = position
        let raw = try take(count)
        guard FileReader.firstInvalidUTF8(raw) == nil else {
            // Python writes lone surrogates in this way; such a text names no weight.
            throw FileError.malformed(path: path, location: "byte \(start)", reason: "a text is not valid UTF-8")
        }
        return String(decoding: raw, as: UTF8.self)
    }

    /// The strings of Python 2: text where they are ASCII, else bytes.
    private mutating func pushShortString(_ count: Int) throws {
        let raw = try take(count)
        if raw.allSatisfy({ $0 < 0x80 }) {
            try push(.text(String(decoding: raw, as: UTF8.self)))
        } else {
            try push(.bytes(Array(raw)))
        }
    }

    private mutating func line() throws -> String {
        let start = position
        while position < bytes.count, position - start <= 1024 {
            if bytes[position] == 0x0A {
                let raw = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
                position += 1
                return try FileReader.text(raw, name: path)
            }
            position += 1
        }
        throw malformed("a name without an end")
    }

    private mutating func pushLong(_ count: Int) throws {
        let raw = Array(try take(count))
        if count > 8 {
            guard count <= 1024 else { throw malformed("an integer of \(count) bytes") }
            return try push(.longInteger(raw))
        }
        var value: UInt64 = (raw.last ?? 0) & 0x80 == 0 ? 0 : ~0
        for (index, byte) in raw.enumerated() {
            let shift = UInt64(8 * index)
            value = value & ~(0xFF << shift) | UInt64(byte) << shift
        }
        try push(.integer(Int(Int64(bitPattern: value))))
    }

    // MARK: Stack and memo

    mutating func push(_ value: PickleValue) throws {
        guard stack.count < Unpickler.maximumStack else {
            throw malformed("more than \(Unpickler.maximumStack) values on the stack")
        }
        stack.append(value)
    }

    mutating func add(_ node: PickleNode) throws -> PickleValue {
        guard nodes.count < Unpickler.maximumNodes else {
            throw malformed("more than \(Unpickler.maximumNodes) objects")
        }
        nodes.append(node)
        return .reference(nodes.count - 1)
    }

    private mutating func pushNode(_ node: PickleNode) throws { try push(try add(node)) }

    /// Counts elements that were taken from one container into another: a short pickle could ask for it over and over.
    mutating func countCopies(_ count: Int) throws {
        copied += count
        guard copied <= Unpickler.maximumNodes else {
            throw malformed("more than \(Unpickler.maximumNodes) elements are copied")
        }
    }

    private mutating func mark() throws {
        marks.append(stack.count)
        try push(.mark)
    }

    private func top() throws -> PickleValue {
        guard let value = stack.last else { throw malformed("the stack is empty") }
        if case .mark = value { throw malformed("a mark where a value is wanted") }
        return value
    }

    private mutating func pop() throws -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    /// POP drops a value or a mark.
    private mutating func discard() throws {
        guard let value = stack.popLast() else { throw malformed("the stack is empty") }
        if case .mark = value { marks.removeLast() }
    }

    private mutating func pop(count: Int) throws -> [PickleValue] {
        var values: [PickleValue] = []
        for _ in 0..<count { values.append(try pop()) }
        return values.reversed()
    }

    private mutating func popMark() throws -> [PickleValue] {
        guard let start = marks.popLast() else { throw malformed("no mark on the stack") }
        let values = Array(stack[(start + 1)...])
        stack.removeSubrange(start...)
        return values
    }

    private mutating func remember(_ index: Int) throws {
        guard index < 1 << 31, memo.count < Unpickler.maximumNodes else {
            throw malformed("the memo index \(index) is too large")
        }
        memo[index] = try top()
    }

    private mutating func recall(_ index: Int) throws {
        guard let value = memo[index] else { throw malformed("the memo has no entry \(index)") }
        try push(value)
    }

    // MARK: Containers

    private func pairs(_ values: [PickleValue]) throws -> [(key: PickleValue, value: PickleValue)] {
        guard values.count % 2 == 0 else { throw malformed("a key without a value") }
        return stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
    }

    private mutating func extend(_ values: [PickleValue]) throws {
        guard case .reference(let index) = try top() else { throw malformed("APPEND to what is no list") }
        switch nodes[index] {
        case .list(var elements):
            // The node gives up its copy first, so that appending stays in place.
            nodes[index] = .list([])
            elements.append(contentsOf: values)
            nodes[index] = .list(elements)
        case .opaque: break
        default: throw malformed("APPEND to what is no list")
        }
    }

    private mutating func setItems(_ values: [PickleValue]) throws {
        guard case .reference(let index) = try top() else { throw malformed("SETITEM on what is no dictionary") }
        let added = try pairs(values)
        switch nodes[index] {
        case .dictionary(var members):
            nodes[index] = .dictionary([])
            members.append(contentsOf: added)
            nodes[index] = .dictionary(members)
        case .opaque: break
        default: throw malformed("SETITEM on what is no dictionary")
        }
    }

    /// BUILD sets the attributes of the object on the stack; of all that is allowed, only NumPy's dtype needs them.
    private mutating func build(_ state: PickleValue) throws {
        guard case .reference(let index) = try top() else { throw malformed("BUILD of what is no object") }
        switch nodes[index] {
        case .numPyType(let name, _):
            if let parts = tuple(state), parts.count > 1, case .text(let order) = parts[1] {
                nodes[index] = .numPyType(name: name, isBigEndian: order == ">")
            }
        case .dictionary, .opaque, .tensor: break
        default: throw refused("BUILD on an object that takes no state")
        }
    }

    private mutating func pushGlobal(_ module: String, _ name: String) throws {
        guard let rule = AllowedGlobal.find(module: module, name: name) else {
            throw refused("\(module).\(name)".debugDescription)
        }
        switch rule {
        case .elementType(let type): try pushNode(.elementType(type))
        default: try pushNode(.global(rule))
        }
    }

    // MARK: Errors

    func malformed(_ reason: String) -> FileError {
        FileError.malformed(path: path, location: "pickle byte \(opcodeStart)", reason: reason)
    }

    func refused(_ what: String) -> CheckpointError {
        CheckpointError.refused(path: path, what: what, position: opcodeStart)
    }

    /// The elements of a tuple, or nil.
    func tuple(_ value: PickleValue) -> [PickleValue]? {
        guard case .reference(let index) = value, case .tuple(let elements) = nodes[index] else { return nil }
        return elements
    }
}

import Files

/// Reads the fields of a message in the wire format of protocol buffers, in the order of the file.
struct ProtobufReader {
    /// A field as the wire has it.
    enum Value {
        case varint(UInt64)
        case fixed32(UInt32)
        case fixed64(UInt64)
        /// Where the content of a string, of bytes or of a message lies in the file.
        case bytes(Range<Int>)
    }

    /// A field and where it begins.
    struct Field {
        var number: Int
        var value: Value
        var offset: Int
    }

    let bytes: [UInt8]
    let path: String
    private var position: Int
    private let end: Int

    /// Reads a part of a file: the whole, or a message inside it.
    init(_ bytes: [UInt8], path: String, range: Range<Int>? = nil) {
        self.bytes = bytes
        self.path = path
        position = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    /// The reader of a message inside this one.
    func message(_ range: Range<Int>) -> ProtobufReader { ProtobufReader(bytes, path: path, range: range) }

    func fault(_ offset: Int, _ reason: String) -> FileError {
        FileError.malformed(path: path, location: "byte \(offset)", reason: reason)
    }

    /// The next field; nil at the end.
    /// - Throws: `FileError.malformed` for what is cut off, or no message at all.
    mutating func next() throws -> Field? {
        guard position < end else { return nil }
        let offset = position
        let tag = try varint()
        let number = tag >> 3
        guard (1...(1 << 29 - 1)).contains(number) else { throw fault(offset, "\(number) is no number of a field") }
        let value: Value
        switch tag & 7 {
        case 0: value = .varint(try varint())
        case 1: value = .fixed64(try fixed(8))
        case 2:
            let start = position
            let length = try varint()
            guard length <= UInt64(end - position) else {
                throw fault(
                    start,
                    "\(length) bytes are announced, and \(end - position) are there: the file is cut off or damaged")
            }
            value = .bytes(position..<position + Int(length))
            position += Int(length)
        case 5: value = .fixed32(UInt32(truncatingIfNeeded: try fixed(4)))
        default: throw fault(offset, "\(tag & 7) is no kind of field: this is no SentencePiece model, or it is damaged")
        }
        return Field(number: Int(number), value: value, offset: offset)
    }

    private mutating func varint() throws -> UInt64 {
        let start = position
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = bytes[position]
            position += 1
            if shift == 63, byte > 1 { break }
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return result }
            shift += 7
            if shift > 63 { break }
        }
        throw fault(start, position < end ? "a number has more than 64 bits" : "the file ends inside a number")
    }

    private mutating func fixed(_ count: Int) throws -> UInt64 {
        guard end - position >= count else { throw fault(position, "the file ends inside a number of \(count) bytes") }
        var result: UInt64 = 0
        for index in 0..<count { result |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += count
        return result
    }
}

extension ProtobufReader {
    /// A field that is a whole number: as int32, bool and enum are written.
    func integer(_ field: Field) throws -> Int {
        guard case .varint(let value) = field.value else { throw fault(field.offset, "wanted a whole number") }
        return Int(Int32(truncatingIfNeeded: value))
    }

    func boolean(_ field: Field) throws -> Bool {
        guard case .varint(let value) = field.value else { throw fault(field.offset, "wanted a boolean") }
        return value != 0
    }

    func float(_ field: Field) throws -> Float {
        guard case .fixed32(let pattern) = field.value, Float(bitPattern: pattern).isFinite else {
            throw fault(field.offset, "wanted a finite number of 32 bits")
        }
        return Float(bitPattern: pattern)
    }

    func range(_ field: Field) throws -> Range<Int> {
        guard case .bytes(let range) = field.value else { throw fault(field.offset, "wanted a string or a message") }
        return range
    }

    /// A string as UTF-8.
    func text(_ field: Field) throws -> [UInt8] {
        let range = try range(field)
        let text = Array(bytes[range])
        if let bad = text.withUnsafeBytes(FileReader.firstInvalidUTF8) {
            throw fault(range.lowerBound + bad, "not valid UTF-8")
        }
        return text
    }
}

import Files
import Tensors

/// The header of a `.npy` file: magic, version, length, and a Python dictionary in text.
/// Format: numpy/lib/format.py (versions 1.0, 2.0 and 3.0).
enum NumPyHeader {
    /// The largest header that is read, in bytes (a plain array has 118).
    static let maximumHeader = 65_536

    /// The array that `bytes` hold, checked against their count.
    static func record(_ bytes: UnsafeRawBufferPointer, _ owner: AnyObject, _ path: String) throws -> TensorRecord {
        func malformed(_ reason: String) -> FileError {
            FileError.malformed(path: path, location: "", reason: reason)
        }
        guard bytes.count >= 10, bytes[0] == 0x93, bytes[1..<6].elementsEqual("NUMPY".utf8) else {
            throw malformed("no .npy file: its magic number is missing")
        }
        let version = bytes[6]
        guard (1...3).contains(version), bytes[7] == 0 else {
            throw malformed("version \(version).\(bytes[7]) of .npy is not supported, wanted 1.0, 2.0 or 3.0")
        }
        let lengthSize = version == 1 ? 2 : 4
        guard bytes.count >= 8 + lengthSize else { throw malformed("the file ends within its header") }
        var length = 0
        for index in 0..<lengthSize { length |= Int(bytes[8 + index]) << (8 * index) }
        let start = 8 + lengthSize
        guard length <= maximumHeader, length <= bytes.count - start else {
            throw malformed("the header of \(length) bytes is longer than the file or than \(maximumHeader)")
        }
        let header = UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
        var parser = PythonLiteral(bytes: header)
        let fields: [(key: String, value: PythonLiteral.Value)]
        do { fields = try parser.dictionary() } catch let fault as RecordFault {
            throw malformed("the header is damaged: \(fault.reason)")
        }
        guard fields.count == 3, case .text(let descriptor)? = fields.first(where: { $0.key == "descr" })?.value,
            case .boolean(let isFortran)? = fields.first(where: { $0.key == "fortran_order" })?.value,
            case .integers(let shape)? = fields.first(where: { $0.key == "shape" })?.value
        else { throw malformed("the header wants descr (of plain elements), fortran_order and shape") }
        let (type, isBigEndian) = try elementType(descriptor, malformed)
        let data = UnsafeRawBufferPointer(rebasing: bytes[(start + length)...])
        var strides = Tensor.contiguousStrides(shape)
        if isFortran { strides = Tensor.contiguousStrides(shape.reversed()).reversed() }
        do {
            let region = ByteRegion(bytes: data, owner: owner)
            let record = try TensorRecord(
                type: type, shape: shape, strides: strides, offset: 0, region: region, isBigEndian: isBigEndian)
            guard record.count * type.size == data.count else {
                throw malformed(
                    "\(data.count) bytes of data, the shape \(Tensor.text(shape)) wants \(record.count * type.size)")
            }
            return record
        } catch let fault as RecordFault { throw malformed("\(fault.reason) (\(data.count) bytes of data)") }
    }

    private static func elementType(
        _ descriptor: String, _ malformed: (String) -> FileError
    ) throws -> (ElementType, Bool) {
        let order = descriptor.first
        let name = order.map { "<>|=".contains($0) } ?? false ? String(descriptor.dropFirst()) : descriptor
        if name.hasPrefix("O") { throw malformed("an array of Python objects, which is a pickle; it is not read") }
        guard let type = ElementType.numPyNames[name] else {
            throw malformed("the element type \(descriptor.prefix(40).debugDescription) is not supported")
        }
        return (type, order == ">" && type.size > 1)
    }

    /// The bytes before the data of a C-ordered array; its size is a multiple of 64, as NumPy writes it.
    static func bytes(_ dtype: DType, _ shape: [Int]) -> [UInt8] {
        let descriptor: String
        switch dtype {
        case .f64: descriptor = "<f8"
        case .f32, .bf16: descriptor = "<f4"
        case .f16: descriptor = "<f2"
        case .i64: descriptor = "<i8"
        case .i32: descriptor = "<i4"
        case .u8: descriptor = "|u1"
        case .bool: descriptor = "|b1"
        }
        let sizes = shape.count == 1 ? "(\(shape[0]),)" : "(" + shape.map(String.init).joined(separator: ", ") + ")"
        var header = Array("{'descr': '\(descriptor)', 'fortran_order': False, 'shape': \(sizes), }".utf8)
        while (10 + header.count + 1) % 64 != 0 { header.append(UInt8(ascii: " ")) }
        header.append(0x0A)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count & 0xFF), UInt8(header.count >> 8)] + header
    }
}

/// The few Python literals of a `.npy` header; parsed, never evaluated.
struct PythonLiteral {
    enum Value {
        case text(String)
        case boolean(Bool)
        case integers([Int])
    }

    let bytes: UnsafeRawBufferPointer
    private var index = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// `{'key': value, ...}` with white space behind it.
    mutating func dictionary() throws -> [(key: String, value: Value)] {
        var fields: [(key: String, value: Value)] = []
        try expect("{")
        while !take("}") {
            let key = try text()
            guard !fields.contains(where: { $0.key == key }) else { throw RecordFault(reason: "a key stands twice") }
            try expect(":")
            fields.append((key, try value()))
            if !take(",") {
                try expect("}")
                break
            }
        }
        skipSpace()
        guard index == bytes.count else { throw RecordFault(reason: "text follows the dictionary") }
        return fields
    }

    private mutating func value() throws -> Value {
        skipSpace()
        guard index < bytes.count else { throw RecordFault(reason: "it is cut") }
        switch bytes[index] {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "("): return .integers(try integers())
        default:
            if take("True") { return .boolean(true) }
            if take("False") { return .boolean(false) }
            throw RecordFault(reason: "a value is neither text, True, False nor a tuple of integers")
        }
    }

    private mutating func integers() throws -> [Int] {
        try expect("(")
        var numbers: [Int] = []
        while !take(")") {
            skipSpace()
            let start = index
            while index < bytes.count, (0x30...0x39).contains(bytes[index]) { index += 1 }
            guard let number = Int(String(decoding: bytes[start..<index], as: UTF8.self)) else {
                throw RecordFault(reason: "a size is no integer")
            }
            // Python 2 wrote long integers with an L.
            _ = take("L")
            numbers.append(number)
            guard numbers.count <= Tensor.maximumRank else {
                throw RecordFault(reason: "more than \(Tensor.maximumRank) dimensions")
            }
            if !take(",") {
                try expect(")")
                break
            }
        }
        return numbers
    }

    private mutating func text() throws -> String {
        skipSpace()
        guard index < bytes.count, bytes[index] == UInt8(ascii: "'") || bytes[index] == UInt8(ascii: "\"") else {
            throw RecordFault(reason: "a text in quotes is wanted")
        }
        let quote = bytes[index]
        index += 1
        let start = index
        while index < bytes.count, bytes[index] != quote {
            guard bytes[index] >= 0x20, bytes[index] < 0x7F, bytes[index] != UInt8(ascii: "\\") else {
                throw RecordFault(reason: "a text holds an escape or a control character")
            }
            index += 1
        }
        guard index < bytes.count else { throw RecordFault(reason: "a text has no end") }
        defer { index += 1 }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    private mutating func skipSpace() {
        while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x0A || bytes[index] == 0x09 { index += 1 }
    }

    private mutating func take(_ word: String) -> Bool {
        skipSpace()
        guard bytes.count - index >= word.utf8.count, bytes[index..<index + word.utf8.count].elementsEqual(word.utf8)
        else { return false }
        index += word.utf8.count
        return true
    }

    private mutating func expect(_ word: String) throws {
        if !take(word) { throw RecordFault(reason: "'\(word)' is wanted at byte \(index)") }
    }
}

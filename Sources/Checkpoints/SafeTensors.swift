import Files
import Foundation
import Tensors

/// The safetensors format: 8 bytes of header length, a JSON header, packed tensor data.
/// Format: https://github.com/huggingface/safetensors (the checks are those of its `SafeTensors::deserialize`, and limits).
public enum SafeTensors {
    /// The largest header that is read unless the caller raises it, in bytes.
    public static let defaultHeaderLimit = 25_000_000
    /// The largest header of the format, in bytes.
    public static let maximumHeader = 100_000_000
    /// The most tensors of one file.
    public static let maximumTensors = 1_000_000
    /// The longest tensor name, in bytes of UTF-8.
    public static let maximumName = 1024

    struct Content {
        var tensors: [(name: String, record: TensorRecord)] = []
        var metadata: [String: String] = [:]
    }

    private struct Entry {
        let name: String
        let type: ElementType
        let shape: [Int]
        let begin: Int
        let end: Int
    }

    /// Reads the header of a mapped file and checks all of it against the file's size.
    static func read(_ file: MappedFile, headerLimit: Int) throws -> Content {
        let path = file.path
        let bytes = file.bytes
        func malformed(_ reason: String, at location: String = "") -> FileError {
            FileError.malformed(path: path, location: location, reason: reason)
        }
        guard bytes.count >= 8 else {
            throw malformed("a safetensors file has at least 8 bytes, this one \(bytes.count)")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(min(headerLimit, maximumHeader)) else {
            throw malformed("the header of \(length) bytes is over the limit of \(min(headerLimit, maximumHeader))")
        }
        guard Int(length) <= bytes.count - 8 else {
            throw malformed("the header of \(length) bytes ends after the file of \(bytes.count) bytes")
        }
        let header = UnsafeRawBufferPointer(rebasing: bytes[8..<8 + Int(length)])
        guard header.first == UInt8(ascii: "{") else { throw malformed("the header does not begin with '{'") }
        guard case .object(let members) = try JSON.parse(header, name: "\(path): header") else {
            throw malformed("the header is no JSON object")
        }
        let data = UnsafeRawBufferPointer(rebasing: bytes[(8 + Int(length))...])
        var content = Content()
        var entries: [Entry] = []
        for (name, value) in members {
            if name == "__metadata__" {
                content.metadata = try metadata(value, path: path)
                continue
            }
            guard entries.count < maximumTensors else { throw malformed("more than \(maximumTensors) tensors") }
            do { entries.append(try entry(name, value)) } catch let fault as RecordFault {
                throw malformed(fault.reason, at: "tensor \"\(name.prefix(200))\"")
            }
        }
        // Stored order: the tensors lie one after the other from byte 0 to the end of the file, without hole or overlap.
        entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        var position = 0
        for entry in entries {
            let location = "tensor \"\(entry.name)\""
            guard entry.begin == position else {
                let what = entry.begin < position ? "overlaps the tensor before it" : "leaves a hole before it"
                throw malformed("its data begins at byte \(entry.begin), wanted \(position): it \(what)", at: location)
            }
            guard entry.end <= data.count else {
                throw malformed("its data ends at byte \(entry.end) of only \(data.count)", at: location)
            }
            position = entry.end
            let region = ByteRegion(
                bytes: UnsafeRawBufferPointer(rebasing: data[entry.begin..<entry.end]), owner: file)
            do {
                let record = try TensorRecord(
                    type: entry.type, shape: entry.shape, strides: Tensor.contiguousStrides(entry.shape), offset: 0,
                    region: region)
                content.tensors.append((entry.name, record))
            } catch let fault as RecordFault { throw malformed(fault.reason, at: location) }
        }
        guard position == data.count else {
            throw malformed("\(data.count - position) bytes follow the last tensor: the file was cut or added to")
        }
        return content
    }

    private static func metadata(_ value: JSON, path: String) throws -> [String: String] {
        guard case .object(let members) = value else {
            throw FileError.malformed(path: path, location: "__metadata__", reason: "wanted an object of strings")
        }
        var metadata: [String: String] = [:]
        for (key, value) in members {
            guard case .string(let text) = value else {
                throw FileError.malformed(
                    path: path, location: "__metadata__.\(key.prefix(200))", reason: "wanted a string")
            }
            metadata[key] = text
        }
        return metadata
    }

    private static func entry(_ name: String, _ value: JSON) throws -> Entry {
        guard name.utf8.count <= maximumName else {
            throw RecordFault(reason: "the name of \(name.utf8.count) bytes is longer than \(maximumName)")
        }
        guard !name.utf8.contains(0) else { throw RecordFault(reason: "the name holds a NUL byte") }
        guard case .object(let members) = value else { throw RecordFault(reason: "wanted an object") }
        for member in members where !["dtype", "shape", "data_offsets"].contains(member.key) {
            throw RecordFault(reason: "unknown key \"\(member.key.prefix(200))\"")
        }
        guard let typeName = value["dtype"]?.string else { throw RecordFault(reason: "wanted a dtype text") }
        guard let type = ElementType.safeTensorsNames[typeName] else {
            throw RecordFault(reason: "unknown dtype \"\(typeName.prefix(40))\"")
        }
        let shape = try integers(value["shape"], "shape")
        let offsets = try integers(value["data_offsets"], "data_offsets")
        guard shape.count <= Tensor.maximumRank else {
            throw RecordFault(reason: "\(shape.count) dimensions are more than \(Tensor.maximumRank)")
        }
        guard offsets.count == 2 else {
            throw RecordFault(reason: "data_offsets has \(offsets.count) elements, wanted 2")
        }
        guard offsets[0] <= offsets[1] else {
            throw RecordFault(reason: "its data begins at byte \(offsets[0]) and ends before, at \(offsets[1])")
        }
        var size = type.size
        for dimension in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
            if overflow { throw RecordFault(reason: "the shape \(Tensor.text(shape)) is too large") }
            size = product
        }
        guard size == offsets[1] - offsets[0] else {
            throw RecordFault(
                reason: "the shape \(Tensor.text(shape)) of \(typeName) needs \(size) bytes, "
                    + "its data has \(offsets[1] - offsets[0])")
        }
        return Entry(name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1])
    }

    private static func integers(_ value: JSON?, _ key: String) throws -> [Int] {
        guard case .array(let elements)? = value else { throw RecordFault(reason: "wanted a list \(key)") }
        return try elements.map { element in
            guard case .integer(let number) = element, number >= 0 else {
                throw RecordFault(reason: "\(key) holds \(element.text()), wanted an integer of 0 or more")
            }
            return number
        }
    }

    /// Writes tensors as a safetensors file, whole or not at all. Data is ordered by falling dtype size, then name, as
    /// the reference library orders it, and begins at a multiple of 8 bytes.
    /// - Throws: `FileError` where writing fails or a name is twice, too long or reserved; `TensorError` out of memory.
    public static func write(
        _ path: String, _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:]
    ) throws {
        var names = Set<String>()
        for (name, _) in tensors {
            guard name.utf8.count <= maximumName, !name.utf8.contains(0), name != "__metadata__",
                names.insert(name).inserted
            else {
                let reason = "the tensor name \"\(name.prefix(200))\" is reserved, too long or used twice"
                throw FileError.unwritable(path: path, reason: reason)
            }
        }
        guard tensors.count <= maximumTensors else {
            throw FileError.unwritable(path: path, reason: "\(tensors.count) tensors are more than \(maximumTensors)")
        }
        let ordered = tensors.sorted {
            ($1.tensor.dtype.size, $0.name) < ($0.tensor.dtype.size, $1.name)
        }
        var members: [(key: String, value: JSON)] = []
        if !metadata.isEmpty {
            let sorted = metadata.sorted { $0.key < $1.key }
            members.append(("__metadata__", .object(sorted.map { ($0.key, .string($0.value)) })))
        }
        var position = 0
        for (name, tensor) in ordered {
            let (size, overflow) = tensor.count.multipliedReportingOverflow(by: tensor.dtype.size)
            let (end, overflow2) = position.addingReportingOverflow(size)
            guard !overflow, !overflow2 else {
                throw FileError.unwritable(path: path, reason: "the tensor \"\(name)\" is too large")
            }
            members.append(
                (
                    name,
                    .object([
                        ("dtype", .string(tensor.dtype.safeTensorsName)),
                        ("shape", .array(tensor.shape.map { .integer($0) })),
                        ("data_offsets", .array([.integer(position), .integer(end)])),
                    ])
                ))
            position = end
        }
        var header = Array(JSON.object(members).text().utf8)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
        guard header.count <= maximumHeader else {
            throw FileError.unwritable(path: path, reason: "its header of \(header.count) bytes is too large")
        }
        try AtomicFile.write(path) { writer in
            writer.expected = 8 + header.count + position
            try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try writer.write($0) }
            try writer.write(header)
            for (_, tensor) in ordered { try writer.write(elementsOf: tensor) }
        }
    }
}

extension FileWriter {
    /// Writes the elements of a tensor in row-major order.
    func write(elementsOf tensor: Tensor) throws {
        let packed = try tensor.contiguous()
        try withExtendedLifetime(packed) {
            try write(UnsafeRawBufferPointer(start: packed.pointer, count: packed.count * packed.dtype.size))
        }
    }
}

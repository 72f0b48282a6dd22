import CZlib

/// Builds zip files, sound and damaged ones.
struct ZipBuilder {
    struct Entry {
        var name: String
        var content: [UInt8]
        var method: UInt16 = 0
        var flags: UInt16 = 0
        /// What the headers claim where it is not the truth.
        var claimedSize: UInt32?
        var claimedPacked: UInt32?
        var claimedOffset: UInt32?
        var localName: String?
        var directoryExtra: [UInt8] = []
        var crc: UInt32?
    }

    var entries: [Entry] = []
    var comment: [UInt8] = []
    var claimedCount: UInt16?
    var alignment = 1

    init(_ files: [(String, [UInt8])]) { entries = files.map { Entry(name: $0.0, content: $0.1) } }

    func bytes() -> [UInt8] {
        var out: [UInt8] = []
        var directory: [UInt8] = []
        for entry in entries {
            let offset = UInt32(out.count)
            let crc = entry.crc ?? UInt32(crc32(0, entry.content, UInt32(entry.content.count)))
            let size = entry.claimedSize ?? UInt32(entry.content.count)
            let packed = entry.claimedPacked ?? UInt32(entry.content.count)
            let common =
                littleEndian(entry.flags) + littleEndian(entry.method) + littleEndian(UInt32(0)) + littleEndian(crc)
                + littleEndian(packed) + littleEndian(size)
            let localName = Array((entry.localName ?? entry.name).utf8)
            let start = out.count + 30 + localName.count
            let padding = (alignment - start % alignment) % alignment
            out += littleEndian(UInt32(0x0403_4B50)) + littleEndian(UInt16(20)) + common
            out += littleEndian(UInt16(localName.count)) + littleEndian(UInt16(padding)) + localName
            out += [UInt8](repeating: 0, count: padding) + entry.content
            let name = Array(entry.name.utf8)
            directory +=
                littleEndian(UInt32(0x0201_4B50)) + littleEndian(UInt16(20)) + littleEndian(UInt16(20)) + common
            directory += littleEndian(UInt16(name.count)) + littleEndian(UInt16(entry.directoryExtra.count))
            directory += [UInt8](repeating: 0, count: 10) + littleEndian(entry.claimedOffset ?? offset)
            directory += name + entry.directoryExtra
        }
        let count = claimedCount ?? UInt16(truncatingIfNeeded: entries.count)
        let ending =
            littleEndian(UInt32(0x0605_4B50)) + littleEndian(UInt32(0)) + littleEndian(count) + littleEndian(count)
            + littleEndian(UInt32(directory.count)) + littleEndian(UInt32(out.count))
        return out + directory + ending + littleEndian(UInt16(comment.count)) + comment
    }

    /// Raw deflate of some bytes.
    static func deflated(_ content: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        guard
            deflateInit2_(
                &stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return [] }
        defer { deflateEnd(&stream) }
        var input = content
        var output = [UInt8](repeating: 0, count: content.count + 1000)
        let capacity = output.count
        return input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(capacity)
                deflate(&stream, Z_FINISH)
                return Array(target.prefix(capacity - Int(stream.avail_out)))
            }
        }
    }
}

/// Assembles pickles of protocol 2.
struct PickleBuilder {
    var bytes: [UInt8] = [0x80, 2]

    static func text(_ text: String) -> [UInt8] {
        [0x58] + littleEndian(UInt32(text.utf8.count)) + Array(text.utf8)
    }

    static func integer(_ value: Int) -> [UInt8] { [0x8A, 8] + littleEndian(Int64(value)) }

    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    static func tuple(_ parts: [[UInt8]]) -> [UInt8] { [0x28] + parts.flatMap { $0 } + [0x74] }

    static func call(_ module: String, _ name: String, _ arguments: [[UInt8]]) -> [UInt8] {
        global(module, name) + tuple(arguments) + [0x52]
    }

    static func storage(_ key: String, _ type: String = "FloatStorage", count: Int) -> [UInt8] {
        tuple([text("storage"), global("torch", type), text(key), text("cpu"), integer(count)]) + [0x51]
    }

    static func tensor(
        _ storage: [UInt8], offset: Int = 0, shape: [Int], strides: [Int]
    ) -> [UInt8] {
        call(
            "torch._utils", "_rebuild_tensor_v2",
            [
                storage, integer(offset), tuple(shape.map(integer)), tuple(strides.map(integer)), [0x89],
                call("collections", "OrderedDict", []),
            ])
    }

    /// A whole pickle of one dictionary with the key "x".
    static func dictionary(_ value: [UInt8]) -> [UInt8] { [0x80, 2, 0x7D] + text("x") + value + [0x73, 0x2E] }

    /// A checkpoint of PyTorch's zip format around a pickle.
    static func archive(_ pickle: [UInt8], storages: [(String, [UInt8])] = []) -> ZipBuilder {
        ZipBuilder([("archive/data.pkl", pickle)] + storages.map { ("archive/data/\($0.0)", $0.1) })
    }
}

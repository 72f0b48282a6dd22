import CZlib
import Files
import Tensors

/// Writes a zip file of stored entries, with zip64 sizes throughout, as NumPy does.
struct ZipWriter {
    let path: String
    private var directory: [UInt8] = []
    private var count = 0
    private var names = Set<String>()

    init(path: String) { self.path = path }

    /// Adds an entry: a header and the elements of a contiguous tensor, padded so that the elements are aligned to 64.
    mutating func add(_ name: String, _ header: [UInt8], _ values: Tensor, to writer: FileWriter) throws {
        let nameBytes = Array(name.utf8)
        guard nameBytes.count <= ZipArchive.maximumName, !name.hasPrefix("/"), !name.contains("\\"),
            !nameBytes.contains(0), !name.split(separator: "/", omittingEmptySubsequences: false).contains(".."),
            count < ZipArchive.maximumEntries, names.insert(name).inserted
        else {
            throw FileError.unwritable(
                path: path, reason: "the array name \"\(name.prefix(200))\" is used twice or no name of a file")
        }
        let size = header.count + values.count * values.dtype.size
        let position = writer.count
        let crc = withExtendedLifetime(values) { () -> UInt32 in
            var crc = header.withUnsafeBufferPointer { crc32(0, $0.baseAddress, UInt32($0.count)) }
            var done = 0
            let total = values.count * values.dtype.size
            while done < total {
                let length = min(1 << 30, total - done)
                crc = crc32(
                    crc, values.pointer.advanced(by: done).assumingMemoryBound(to: UInt8.self), UInt32(length))
                done += length
            }
            return UInt32(truncatingIfNeeded: crc)
        }
        let fields = bytes(UInt16(45)) + bytes(UInt16(0x800)) + bytes(UInt16(0)) + bytes(UInt32(0x0021_0000))
        // The padding is an extra field of its own; a header of `.npy` is a multiple of 64 already.
        let unpadded = position + 30 + nameBytes.count + 20 + 4
        let padding = (64 - unpadded % 64) % 64
        let extra = bytes(UInt16(1)) + bytes(UInt16(16)) + bytes(UInt64(size)) + bytes(UInt64(size))
        let pad = bytes(UInt16(0x4343)) + bytes(UInt16(padding)) + [UInt8](repeating: 0, count: padding)
        try writer.write(
            bytes(UInt32(0x0403_4B50)) + fields + bytes(crc) + bytes(UInt32.max) + bytes(UInt32.max)
                + bytes(UInt16(nameBytes.count)) + bytes(UInt16(extra.count + pad.count)) + nameBytes + extra + pad)
        try writer.write(header)
        try writer.write(elementsOf: values)
        let longExtra =
            bytes(UInt16(1)) + bytes(UInt16(24)) + bytes(UInt64(size)) + bytes(UInt64(size)) + bytes(UInt64(position))
        directory += bytes(UInt32(0x0201_4B50)) + bytes(UInt16(45)) + fields + bytes(crc)
        directory += bytes(UInt32.max) + bytes(UInt32.max) + bytes(UInt16(nameBytes.count))
        directory += bytes(UInt16(longExtra.count)) + [UInt8](repeating: 0, count: 10) + bytes(UInt32.max)
        directory += nameBytes + longExtra
        count += 1
    }

    /// Writes the directory, with its zip64 record.
    func finish(_ writer: FileWriter) throws {
        let start = writer.count
        let size = directory.count
        try writer.write(directory)
        let record = bytes(UInt32(0x0606_4B50)) + bytes(UInt64(44)) + bytes(UInt16(45)) + bytes(UInt16(45))
        let counts = bytes(UInt64(count)) + bytes(UInt64(count)) + bytes(UInt64(size)) + bytes(UInt64(start))
        try writer.write(record + bytes(UInt64(0)) + counts)
        let locator = bytes(UInt32(0x0706_4B50)) + bytes(UInt32(0)) + bytes(UInt64(start + size)) + bytes(UInt32(1))
        let shortCount = bytes(UInt16(min(count, 0xFFFF)))
        let ending = bytes(UInt32(0x0605_4B50)) + bytes(UInt32(0)) + shortCount + shortCount
        try writer.write(
            locator + ending + bytes(UInt32(min(size, 0xFFFF_FFFF))) + bytes(UInt32(min(start, 0xFFFF_FFFF)))
                + bytes(UInt16(0)))
    }

    private func bytes<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
        withUnsafeBytes(of: word.littleEndian) { Array($0) }
    }
}

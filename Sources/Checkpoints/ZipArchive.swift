import Files
import Foundation

/// The central directory of a mapped zip file, checked against the local headers and the file's size.
/// Format: PKWARE APPNOTE 6.3. Only what PyTorch and NumPy write is accepted: one disk, no encryption, no prefix.
struct ZipArchive {
    struct Entry {
        let name: String
        let isDeflated: Bool
        let crc: UInt32
        /// The size after decompression, in bytes, as the directory claims.
        let size: Int
        /// The stored bytes.
        let bytes: UnsafeRawBufferPointer
        /// Where the entry and its data lie in the file.
        let headerOffset: Int
        let end: Int
    }

    let path: String
    let file: MappedFile
    private(set) var entries: [Entry] = []
    private(set) var indexOfName: [String: Int] = [:]

    static let maximumEntries = 100_000
    static let maximumName = 255

    init(_ file: MappedFile) throws {
        self.file = file
        path = file.path
        let directory = try findDirectory()
        try readDirectory(directory)
        try checkOverlaps(directoryStart: directory.start)
    }

    /// The entry of a name, or nil.
    subscript(name: String) -> Entry? { indexOfName[name].map { entries[$0] } }

    private struct Directory {
        let start: Int
        let size: Int
        let count: Int
    }

    private func malformed(_ reason: String, at location: String = "") -> FileError {
        FileError.malformed(path: path, location: location, reason: reason)
    }

    private func u16(_ offset: Int) -> Int {
        Int(UInt16(littleEndian: file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
    }

    private func u32(_ offset: Int) -> Int {
        Int(UInt32(littleEndian: file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }

    /// A 64-bit count that fits into this file, or an error: everything that is counted here is.
    private func u64(_ offset: Int, _ what: String) throws -> Int {
        let value = UInt64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        guard value <= UInt64(Int64.max) else { throw malformed("\(what) of \(value) is too large for the zip file") }
        return Int(value)
    }

    private func findDirectory() throws -> Directory {
        let count = file.bytes.count
        guard count >= 22 else { throw malformed("cut short: a zip file of \(count) bytes has no directory") }
        var end = count - 22
        let lowest = max(0, count - 22 - 65_535)
        while !(u32(end) == 0x0605_4B50 && end + 22 + u16(end + 20) == count) {
            end -= 1
            if end < lowest { throw malformed("cut short: the end of the zip directory is missing") }
        }
        guard u16(end + 4) == 0, u16(end + 6) == 0, u16(end + 8) == u16(end + 10) else {
            throw malformed("zip files of several disks are not supported")
        }
        var (entryCount, size, start) = (u16(end + 10), u32(end + 12), u32(end + 16))
        var directoryEnd = end
        if end >= 20, u32(end - 20) == 0x0706_4B50 {
            let record = try u64(end - 12, "the directory's position")
            guard record <= end - 20 - 56, u32(record) == 0x0606_4B50, u32(end - 16) == 0, u32(end - 4) <= 1 else {
                throw malformed("the zip64 directory is not where its locator says")
            }
            let claims = [
                (entryCount, try u64(record + 32, "the number of entries"), 0xFFFF),
                (size, try u64(record + 40, "the directory's size"), 0xFFFF_FFFF),
                (start, try u64(record + 48, "the directory's position"), 0xFFFF_FFFF),
            ]
            for (short, long, sentinel) in claims where short != long && short != sentinel {
                throw malformed("the zip directory and the zip64 directory disagree: \(short) and \(long)")
            }
            guard try u64(record + 4, "the record's size") == end - 20 - record - 12, u32(record + 16) == 0,
                u32(record + 20) == 0, try u64(record + 24, "the number of entries") == claims[0].1
            else { throw malformed("the zip64 directory record is damaged") }
            (entryCount, size, start) = (claims[0].1, claims[1].1, claims[2].1)
            directoryEnd = record
        }
        guard entryCount <= ZipArchive.maximumEntries else {
            throw malformed("\(entryCount) zip entries are more than \(ZipArchive.maximumEntries)")
        }
        guard start <= directoryEnd, size == directoryEnd - start else {
            throw malformed("the zip directory of \(size) bytes at \(start) does not end at byte \(directoryEnd)")
        }
        return Directory(start: start, size: size, count: entryCount)
    }

    private mutating func readDirectory(_ directory: Directory) throws {
        var position = directory.start
        let end = directory.start + directory.size
        for _ in 0..<directory.count {
            guard end - position >= 46, u32(position) == 0x0201_4B50 else {
                throw malformed("the zip directory is damaged", at: "byte \(position)")
            }
            let (nameLength, extraLength, commentLength) = (u16(position + 28), u16(position + 30), u16(position + 32))
            let next = position + 46 + nameLength + extraLength + commentLength
            guard next <= end else { throw malformed("the zip directory is damaged", at: "byte \(position)") }
            let name = try checkedName(position + 46, nameLength)
            guard indexOfName[name] == nil else { throw malformed("two zip entries of one name", at: name) }
            let flags = u16(position + 8)
            let method = u16(position + 10)
            guard flags & 0x2041 == 0 else { throw malformed("encrypted zip entries are not supported", at: name) }
            guard method == 0 || method == 8 else {
                throw malformed("the zip compression method \(method) is not supported", at: name)
            }
            var sizes = ZipSizes(size: u32(position + 24), packed: u32(position + 20), offset: u32(position + 42))
            try readZip64(&sizes, position + 46 + nameLength, extraLength, hasOffset: true, name: name)
            guard method == 8 || sizes.size == sizes.packed else {
                throw malformed("a stored zip entry with two sizes, \(sizes.size) and \(sizes.packed)", at: name)
            }
            let data = try locate(
                name, sizes: sizes, flags: flags, method: method, crc: u32(position + 16), limit: directory.start)
            indexOfName[name] = entries.count
            entries.append(
                Entry(
                    name: name, isDeflated: method == 8, crc: UInt32(u32(position + 16)), size: sizes.size,
                    bytes: UnsafeRawBufferPointer(rebasing: file.bytes[data]), headerOffset: sizes.offset,
                    end: data.upperBound))
            position = next
        }
        guard position == end else { throw malformed("the zip directory holds more entries than it says") }
    }

    private func checkedName(_ offset: Int, _ length: Int) throws -> String {
        guard length > 0, length <= ZipArchive.maximumName else {
            throw malformed("a zip entry's name of \(length) bytes", at: "byte \(offset)")
        }
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[offset..<offset + length])
        let name = try FileReader.text(bytes, name: "\(path): name of a zip entry")
        guard !name.hasPrefix("/"), !name.contains("\\"), !bytes.contains(0),
            !name.split(separator: "/", omittingEmptySubsequences: false).contains("..")
        else { throw malformed("a zip entry's name leads out of the archive", at: name) }
        return name
    }

    private struct ZipSizes {
        var size: Int
        var packed: Int
        var offset: Int
    }

    /// Replaces sizes of 0xFFFFFFFF by those of the zip64 extra field.
    private func readZip64(
        _ sizes: inout ZipSizes, _ start: Int, _ length: Int, hasOffset: Bool, name: String
    ) throws {
        var position = start
        let end = start + length
        while end - position >= 4 {
            let (identifier, fieldLength) = (u16(position), u16(position + 2))
            var field = position + 4
            position = field + fieldLength
            guard position <= end else { throw malformed("a damaged extra field", at: name) }
            if identifier != 1 { continue }
            func next(_ what: String) throws -> Int {
                guard position - field >= 8 else { throw malformed("a damaged zip64 field", at: name) }
                defer { field += 8 }
                return try u64(field, what)
            }
            if sizes.size == 0xFFFF_FFFF { sizes.size = try next("the size") }
            if sizes.packed == 0xFFFF_FFFF { sizes.packed = try next("the packed size") }
            if hasOffset, sizes.offset == 0xFFFF_FFFF { sizes.offset = try next("the position") }
        }
    }

    /// Checks the local header against the directory and gives the range of the data, which only the local header tells.
    private func locate(
        _ name: String, sizes: ZipSizes, flags: Int, method: Int, crc: Int, limit: Int
    ) throws -> Range<Int> {
        let header = sizes.offset
        guard header <= limit - 30, u32(header) == 0x0403_4B50 else {
            throw malformed("no zip entry at byte \(header), where the directory says", at: name)
        }
        let (nameLength, extraLength) = (u16(header + 26), u16(header + 28))
        let start = header + 30 + nameLength + extraLength
        guard start <= limit, sizes.packed <= limit - start else {
            throw malformed("its \(sizes.packed) bytes at \(start) end after the data of the zip file", at: name)
        }
        guard try checkedName(header + 30, nameLength) == name, u16(header + 8) == method,
            u16(header + 6) & 0x2041 == 0
        else { throw malformed("the zip directory and the entry's own header disagree", at: name) }
        var local = ZipSizes(size: u32(header + 22), packed: u32(header + 18), offset: 0)
        try readZip64(&local, header + 30 + nameLength, extraLength, hasOffset: false, name: name)
        // With flag 3 the sizes follow the data, and the header may hold zeros.
        let isStreamed = u16(header + 6) & 8 != 0
        let agrees =
            (local.size == sizes.size && local.packed == sizes.packed && u32(header + 14) == crc)
            || (isStreamed && [0, sizes.size].contains(local.size) && [0, sizes.packed].contains(local.packed))
        guard agrees else { throw malformed("the zip directory and the entry's own header disagree", at: name) }
        return start..<start + sizes.packed
    }

    private func checkOverlaps(directoryStart: Int) throws {
        var position = 0
        for entry in entries.sorted(by: { $0.headerOffset < $1.headerOffset }) {
            guard entry.headerOffset >= position else {
                throw malformed("it overlaps another zip entry", at: entry.name)
            }
            position = entry.end
        }
    }
}

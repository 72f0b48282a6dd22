import CZlib
import Files
import Tensors

extension ZipArchive {
    /// The content of an entry: the mapped bytes where it is stored, else decompressed into counted memory.
    /// - Throws: `FileError.malformed` where the size or the CRC-32 is another than the directory says, or where the
    ///   entry swells over 1,000 times; `TensorError.outOfMemory` over the memory limit.
    func content(_ entry: Entry) throws -> ByteRegion {
        func malformed(_ reason: String) -> FileError {
            FileError.malformed(path: path, location: entry.name, reason: reason)
        }
        var region = ByteRegion(bytes: entry.bytes, owner: file)
        if entry.isDeflated {
            let isBomb = entry.size > 16 << 20 && entry.size / 1000 > entry.bytes.count
            if isBomb {
                throw malformed("\(entry.bytes.count) compressed bytes claim to hold \(entry.size), over 1,000 times")
            }
            let storage = try Storage(byteCount: entry.size)
            let target = UnsafeMutableRawBufferPointer(start: storage.bytes, count: entry.size)
            try inflate(entry.bytes, into: target, malformed)
            region = ByteRegion(bytes: UnsafeRawBufferPointer(target), owner: storage)
        }
        var crc = crc32(0, nil, 0)
        var offset = 0
        while offset < region.bytes.count {
            let length = min(1 << 30, region.bytes.count - offset)
            let start = region.bytes.baseAddress?.advanced(by: offset).assumingMemoryBound(to: UInt8.self)
            crc = crc32(crc, start, UInt32(length))
            offset += length
        }
        // PyTorch can be told not to compute checksums, and then writes zeros.
        guard UInt32(truncatingIfNeeded: crc) == entry.crc || (entry.crc == 0 && !entry.isDeflated) else {
            throw malformed("its CRC-32 is wrong: it is damaged")
        }
        return region
    }

    private func inflate(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer,
        _ malformed: (String) -> FileError
    ) throws {
        var stream = z_stream()
        guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw malformed("zlib could not start")
        }
        defer { inflateEnd(&stream) }
        var read = 0
        var written = 0
        var spare: UInt8 = 0
        while true {
            let readable = min(1 << 30, source.count - read)
            let writable = min(1 << 30, target.count - written)
            stream.next_in = UnsafeMutablePointer(
                mutating: source.baseAddress?.advanced(by: read).assumingMemoryBound(to: UInt8.self))
            stream.avail_in = UInt32(readable)
            let status: Int32
            if writable > 0 {
                stream.next_out = target.baseAddress?.advanced(by: written).assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(writable)
                status = CZlib.inflate(&stream, Z_NO_FLUSH)
                written += writable - Int(stream.avail_out)
            } else {
                // The target is full: only the end of the stream may follow, which needs no room.
                status = withUnsafeMutablePointer(to: &spare) { pointer in
                    stream.next_out = pointer
                    stream.avail_out = 1
                    return CZlib.inflate(&stream, Z_NO_FLUSH)
                }
                if stream.avail_out == 0 { throw malformed("it holds more than its \(target.count) bytes") }
            }
            let consumed = readable - Int(stream.avail_in)
            read += consumed
            if status == Z_STREAM_END {
                guard written == target.count, read == source.count else {
                    throw malformed("it holds \(written) bytes instead of \(target.count)")
                }
                return
            }
            guard status == Z_OK, consumed > 0 || writable > Int(stream.avail_out) else {
                throw malformed("its compressed data is damaged or cut")
            }
        }
    }
}

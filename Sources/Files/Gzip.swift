import CZlib

/// Unpacks what gzip packed (RFC 1952), as the tables of MIMIC-CXR-JPG are.
public enum Gzip {
    /// The most bytes that a file may unpack to: its memory is asked for as the data comes, never by what the file claims.
    public static let limit = 1 << 30

    /// Whether bytes begin as gzip's files do.
    public static func isCompressed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 2 && bytes[0] == 0x1F && bytes[1] == 0x8B
    }

    /// The content of one or several gzip members, one after the other; zeros may follow.
    /// - Throws: `FileError.malformed` for data that is damaged or cut (its CRC-32 and its length are checked), or that unpacks
    ///   to more than `limit`.
    public static func unpacked(_ bytes: UnsafeRawBufferPointer, name: String, limit: Int = limit) throws -> [UInt8] {
        func malformed(_ reason: String) -> FileError {
            FileError.malformed(path: name, location: "gzip", reason: reason)
        }
        var stream = z_stream()
        // 16 more bits of window ask for gzip's header and trailer.
        guard inflateInit2_(&stream, MAX_WBITS + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw malformed("zlib could not start")
        }
        defer { inflateEnd(&stream) }
        var out: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        var read = 0
        while true {
            let readable = min(1 << 30, bytes.count - read)
            stream.next_in = UnsafeMutablePointer(
                mutating: bytes.baseAddress?.advanced(by: read).assumingMemoryBound(to: UInt8.self))
            stream.avail_in = UInt32(readable)
            let (status, written) = piece.withUnsafeMutableBufferPointer { target -> (Int32, Int) in
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                let status = inflate(&stream, Z_NO_FLUSH)
                return (status, target.count - Int(stream.avail_out))
            }
            let consumed = readable - Int(stream.avail_in)
            read += consumed
            guard out.count + written <= limit else {
                throw malformed("it unpacks to more than the limit of \(limit) bytes; unpack it with gunzip")
            }
            out.append(contentsOf: piece[..<written])
            if status == Z_STREAM_END {
                if bytes[read...].allSatisfy({ $0 == 0 }) { return out }
                guard inflateReset(&stream) == Z_OK else { throw malformed("zlib could not go on") }
            } else if status != Z_OK || (consumed == 0 && written == 0) {
                throw malformed(read == bytes.count ? "its data is cut short" : "its data is damaged at byte \(read)")
            }
        }
    }
}

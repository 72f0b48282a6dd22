import Foundation

/// Whole regular files, read with a limit on their size.
public enum FileReader {
    /// The content of a file of at most `limit` bytes.
    /// - Throws: `FileError` where it is missing, no regular file, unreadable or larger.
    public static func data(_ path: String, limit: Int) throws -> Data {
        let file = try FileDescriptor(reading: path)
        func tooLarge(_ size: Int) -> FileError {
            FileError.unreadable(path: path, reason: "its \(size) bytes are more than the limit of \(limit)")
        }
        guard file.identity.size <= limit else { throw tooLarge(file.identity.size) }
        // One byte more than the size shows a file that grew (or one that states no size) between the two calls.
        var content = Data()
        var capacity = file.identity.size
        repeat {
            capacity = min(max(capacity, 4095), limit)
            let start = content.count
            var piece = Data(count: capacity + 1)
            let count = try piece.withUnsafeMutableBytes { try file.read(into: $0, at: start) }
            if start == 0 && count < piece.count {
                piece.removeSubrange(count...)
                return piece
            }
            content.append(piece.prefix(count))
            if content.count > limit { throw tooLarge(content.count) }
            if count < piece.count { return content }
        } while true
    }

    /// The content of a file as it stands when it is opened.
    /// - Throws: `FileError` where it is missing, no regular file, unreadable, or cut while it is read; and what `check` throws,
    ///   which gets the size before memory is asked for.
    public static func bytes(_ path: String, check: (Int) throws -> Void) throws -> [UInt8] {
        let file = try FileDescriptor(reading: path)
        let size = file.identity.size
        try check(size)
        return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
            guard count == size else {
                throw FileError.unreadable(
                    path: path, reason: "it shrank from \(size) to \(count) bytes while it was read")
            }
        }
    }

    /// The content of a file of at most `limit` bytes as text.
    /// - Throws: `FileError` as `data` does, and `.malformed` with the byte where it is not valid UTF-8.
    public static func text(_ path: String, limit: Int) throws -> String {
        let content = try data(path, limit: limit)
        return try content.withUnsafeBytes { try text($0, name: path) }
    }

    /// Bytes as text.
    /// - Throws: `FileError.malformed` that names `name` and the byte, counted from 0, where they are not valid UTF-8.
    public static func text(_ bytes: UnsafeRawBufferPointer, name: String) throws -> String {
        if let bad = firstInvalidUTF8(bytes) {
            var reason = "not valid UTF-8 (byte 0x\(String(bytes[bad], radix: 16)))"
            if bad == 0, bytes.count > 1, bytes[0] ^ bytes[1] == 1, bytes[0] >= 0xFE {
                reason = "UTF-16; save it as UTF-8"
            }
            throw FileError.malformed(path: name, location: "byte \(bad)", reason: reason)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The index of the first byte that breaks UTF-8 (RFC 3629: no overlong forms, no surrogates), or nil.
    public static func firstInvalidUTF8(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var index = 0
        let count = bytes.count
        while index < count {
            let lead = bytes[index]
            if lead < 0x80 {
                index += 1
                // Most text is ASCII: eight bytes at a time.
                while index + 8 <= count,
                    bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                {
                    index += 8
                }
                continue
            }
            let length: Int
            var second: ClosedRange<UInt8> = 0x80...0xBF
            switch lead {
            case 0xC2...0xDF: length = 2
            case 0xE0:
                length = 3
                second = 0xA0...0xBF
            case 0xED:
                length = 3
                second = 0x80...0x9F
            case 0xE1...0xEF: length = 3
            case 0xF0:
                length = 4
                second = 0x90...0xBF
            case 0xF4:
                length = 4
                second = 0x80...0x8F
            case 0xF1...0xF3: length = 4
            default: return index
            }
            guard index + length <= count, second.contains(bytes[index + 1]) else { return index }
            for step in 2..<max(2, length) where bytes[index + step] & 0xC0 != 0x80 { return index }
            index += length
        }
        return nil
    }
}

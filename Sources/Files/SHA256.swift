import CSupport
import Foundation

/// SHA-256 (FIPS 180-4), the identity of every file that a run reads; with the processor's SHA extension where it has it.
public struct SHA256 {
    private var context = cx_sha256()

    /// An empty hash.
    public init() { cx_sha256_start(&context) }

    /// Adds bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        cx_sha256_add(&context, base, bytes.count)
    }

    /// Adds bytes.
    public mutating func update(_ data: Data) { data.withUnsafeBytes { update($0) } }

    /// Adds the UTF-8 bytes of a text.
    public mutating func update(_ text: String) {
        var text = text
        text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
    }

    /// The 32 bytes of the hash of everything added so far; more can be added after.
    public func bytes() -> [UInt8] {
        var copy = context
        var digest = [UInt8](repeating: 0, count: 32)
        cx_sha256_finish(&copy, &digest)
        return digest
    }

    /// The hash of everything added so far as 64 lower-case hexadecimal digits; more can be added after.
    public func hex() -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(64)
        for byte in bytes() {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The hash of some bytes in hexadecimal.
    public static func hex(of bytes: UnsafeRawBufferPointer) -> String {
        var hash = SHA256()
        hash.update(bytes)
        return hash.hex()
    }

    /// The hash of some bytes in hexadecimal.
    public static func hex(of data: Data) -> String { data.withUnsafeBytes { hex(of: $0) } }

    /// The hash of a text's UTF-8 bytes in hexadecimal.
    public static func hex(of text: String) -> String {
        var hash = SHA256()
        hash.update(text)
        return hash.hex()
    }

    /// The hash of a regular file's content in hexadecimal, read in pieces.
    /// - Throws: `FileError` where the file is missing, no regular file or unreadable.
    public static func hex(file path: String) throws -> String {
        let descriptor = try FileDescriptor(reading: path)
        return try descriptor.sha256()
    }

    /// Regular files, each with the hash of its content, in their order.
    /// - Throws: as `hex(file:)`.
    public static func files(_ paths: [String]) throws -> [(file: String, sha256: String)] {
        try paths.map { (file: $0, sha256: try hex(file: $0)) }
    }
}

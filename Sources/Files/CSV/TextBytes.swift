import Foundation

/// Bytes that the cells of a table point into: read into memory, or a mapped file where it is large.
public final class TextBytes {
    /// All of them.
    public let bytes: UnsafeRawBufferPointer
    private let mapping: MappedFile?
    private let owned: UnsafeMutableRawBufferPointer?
    /// The hash of the file, where the bytes are what its compressed content unpacks to.
    public let sourceHash: String?

    /// Files below this size are read into memory, so that nobody can change or cut them under the table.
    static let mappedFrom = 64 << 20

    /// A copy of bytes in memory.
    public convenience init(copying source: UnsafeRawBufferPointer) { self.init(copying: source, sourceHash: nil) }

    private init(copying source: UnsafeRawBufferPointer, sourceHash: String?) {
        self.sourceHash = sourceHash
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, source.count), alignment: 64)
        copy.copyMemory(from: source)
        owned = copy
        mapping = nil
        bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[0..<source.count])
    }

    private init(mapping: MappedFile) {
        self.mapping = mapping
        sourceHash = nil
        owned = nil
        bytes = mapping.bytes
    }

    /// The content of a regular file, unpacked where it is compressed by gzip.
    /// - Throws: `FileError` where it cannot be read, or its compressed content is damaged or larger than `Gzip.limit`.
    public static func file(_ path: String) throws -> TextBytes {
        let mapping = try MappedFile(path)
        if Gzip.isCompressed(mapping.bytes) {
            let content = try Gzip.unpacked(mapping.bytes, name: path)
            let hash = try mapping.sha256()
            return content.withUnsafeBytes { TextBytes(copying: $0, sourceHash: hash) }
        }
        if mapping.bytes.count >= mappedFrom { return TextBytes(mapping: mapping) }
        let content = try FileReader.data(path, limit: mappedFrom)
        return content.withUnsafeBytes { TextBytes(copying: $0) }
    }

    /// Checks that a mapped file is still what it was when it was opened.
    /// - Throws: `FileError.unreadable`.
    public func checkUnchanged() throws { try mapping?.checkUnchanged() }

    /// The SHA-256 of the bytes, or of the compressed file that they were unpacked from, in hexadecimal.
    /// - Throws: `FileError.unreadable` where a mapped file changed.
    public func sha256() throws -> String {
        if let sourceHash { return sourceHash }
        try checkUnchanged()
        let hash = SHA256.hex(of: bytes)
        try checkUnchanged()
        return hash
    }

    deinit { owned?.deallocate() }
}

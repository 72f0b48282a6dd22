import CSupport
import Foundation
import Synchronization

/// A regular file, mapped into memory and kept open.
///
/// The mapping is private: writing to it by mistake changes neither the file nor stops the process. Where another
/// process cuts the file, reading gives zeros, running work is asked to stop, and `checkUnchanged` throws.
public final class MappedFile {
    /// The path that it was opened by.
    public let path: String
    /// The whole content.
    public let bytes: UnsafeRawBufferPointer
    /// Size, time and inode when it was opened.
    public let identity: FileIdentity
    private let file: FileDescriptor

    /// Maps a file.
    /// - Throws: `FileError` where it is missing, no regular file, not permitted, or cannot be mapped.
    public init(_ path: String) throws {
        let file = try FileDescriptor(reading: path)
        let size = file.identity.size
        let mapped: UnsafeRawBufferPointer
        if size == 0 {
            mapped = UnsafeRawBufferPointer(start: nil, count: 0)
        } else {
            // MAP_NORESERVE, as a writable private mapping would otherwise count as memory wanted.
            let address = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.number, 0)
            guard let address, address != MAP_FAILED else {
                throw FileError.unreadable(path: path, reason: "mapping \(size) bytes: \(systemMessage(errno))")
            }
            guard cx_guard_mapping(address, size, path) else {
                munmap(address, size)
                throw FileError.unreadable(path: path, reason: "too many files are mapped at once")
            }
            mapped = UnsafeRawBufferPointer(start: address, count: size)
        }
        self.path = path
        self.file = file
        self.bytes = mapped
        self.identity = file.identity
    }

    /// The SHA-256 of the open file's content in hexadecimal, even where its name leads to another file by now. A large file that
    /// was hashed before, in the same state, is not read again.
    /// - Throws: `FileError` where it cannot be read, or changed since it was opened.
    public func sha256() throws -> String {
        let isLarge = identity.size >= Self.largeBytes
        if isLarge, let known = Self.hashes.withLock({ $0[identity] }) {
            try checkUnchanged()
            return known
        }
        let hash = try file.sha256()
        try checkUnchanged()
        if isLarge { Self.hashes.withLock { $0[identity] = hash } }
        return hash
    }

    /// Files of so many bytes take longer to hash than the system's clock of changes takes for a tick, so that none changes behind
    /// its hash without another time.
    private static let largeBytes = 64 << 20
    private static let hashes = Mutex<[FileIdentity: String]>([:])

    /// Checks that the open file was not cut or written to since it was opened.
    /// - Throws: `FileError.unreadable`.
    public func checkUnchanged() throws {
        var status = stat()
        guard fstat(file.number, &status) == 0 else {
            throw FileError.unreadable(path: path, reason: systemMessage(errno))
        }
        let now = FileIdentity(status)
        guard now == identity else {
            let what = now.size == identity.size ? "" : " from \(identity.size) to \(now.size) bytes"
            throw FileError.unreadable(path: path, reason: "it changed\(what) while it was in use")
        }
    }

    deinit {
        guard let base = bytes.baseAddress else { return }
        cx_unguard_mapping(base)
        munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }
}

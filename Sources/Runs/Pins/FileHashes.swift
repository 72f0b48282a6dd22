import Files
import Foundation

/// SHA-256 of files, computed once for each state of a file: size, time, inode and device.
final class FileHashes: @unchecked Sendable {
    private let lock = NSLock()
    private var known: [String: (identity: FileIdentity, sha256: String)] = [:]

    /// The hash of a file's content.
    /// - Throws: `FileError`, also where the file changed while it was read.
    func sha256(_ path: String) throws -> String {
        let before = try FileIdentity(of: path)
        if let entry = lock.withLock({ known[path] }), entry.identity == before { return entry.sha256 }
        let hash = try SHA256.hex(file: path)
        guard try FileIdentity(of: path) == before else {
            throw FileError.unreadable(path: path, reason: "it changed while it was read")
        }
        lock.withLock { known[path] = (before, hash) }
        return hash
    }
}

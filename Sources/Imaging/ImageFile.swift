import Foundation

/// Reading image files whole, and writing them whole or not at all.
public enum ImageFile {
    /// All bytes of a regular file. Hash and decode the same bytes, so that a file that changes in between cannot matter.
    /// - Throws: `ImageError.missing`, `.unreadable` (a folder, no permission, a file that shrinks while it is read),
    ///   `.overLimit` for a file over `ImageLimits.fileBytes`.
    public static func read(_ path: String) throws -> [UInt8] {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw ImageError.unreadable(path: path, reason: "the path is empty or holds a zero byte")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { throw ImageError.missing(path: path) }
            throw ImageError.unreadable(path: path, reason: systemReason())
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw ImageError.unreadable(path: path, reason: systemReason())
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            throw ImageError.unreadable(path: path, reason: isFolder ? "it is a folder" : "it is not a regular file")
        }
        let size = Int(status.st_size)
        guard size <= ImageLimits.fileBytes else {
            throw ImageError.overLimit(
                name: path, what: "file size in bytes", value: size, limit: ImageLimits.fileBytes)
        }
        return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = Glibc.read(descriptor, buffer.baseAddress?.advanced(by: count), size - count)
                if got < 0 && errno == EINTR { continue }
                guard got >= 0 else { throw ImageError.unreadable(path: path, reason: systemReason()) }
                guard got > 0 else {
                    throw ImageError.unreadable(
                        path: path, reason: "it shrank from \(size) to \(count) bytes while it was read")
                }
                count += got
            }
        }
    }

    /// Writes `bytes` to a temporary file beside `path`, forces them to disk and renames: the file is whole or absent.
    /// - Throws: `ImageError.unwritable`; the temporary file is gone then.
    static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw ImageError.unwritable(path: path, reason: "the path is empty or holds a zero byte")
        }
        // Named as all temporary files of the program are, so that a run that goes on clears away those of killed processes.
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        let number = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let temporary = "\(folder).chexgen-\(getpid())-\(number).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw ImageError.unwritable(path: path, reason: systemReason()) }
        var reason: String?
        var written = 0
        while written < bytes.count, reason == nil {
            let got = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
            if got > 0 { written += got } else if errno != EINTR { reason = systemReason() }
        }
        if reason == nil, fsync(descriptor) != 0 { reason = systemReason() }
        if close(descriptor) != 0, reason == nil { reason = systemReason() }
        if reason == nil, rename(temporary, path) != 0 { reason = systemReason() }
        if let reason {
            unlink(temporary)
            throw ImageError.unwritable(path: path, reason: reason)
        }
        syncFolder(of: path)
    }

    /// Makes the rename itself durable. Some file systems refuse to sync a folder, which costs only that.
    private static func syncFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func systemReason() -> String { String(cString: strerror(errno)) }
}

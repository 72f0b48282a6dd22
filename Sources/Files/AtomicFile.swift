import CSupport
import Foundation

/// Files that are written whole or not at all: a temporary file in the same folder, fsync, rename, fsync of the folder. The one
/// door for every file that a script writes, but for `io.open`; both refuse to write through a symbolic link.
public enum AtomicFile {
    /// Writes bytes as the whole content of `path`; an old file there is replaced, or kept where writing fails.
    /// - Throws: `FileError.unwritable` with the path, the reason and the bytes wanted.
    public static func write(_ path: String, _ bytes: UnsafeRawBufferPointer) throws {
        try write(path) { writer in
            writer.expected = bytes.count
            try writer.write(bytes)
        }
    }

    /// Writes data as the whole content of `path`; see the other `write`.
    public static func write(_ path: String, _ data: Data) throws {
        try data.withUnsafeBytes { try write(path, $0) }
    }

    /// Writes a text, in UTF-8, as the whole content of `path`; see the other `write`.
    public static func write(_ path: String, _ text: String) throws {
        var text = text
        try text.withUTF8 { try write(path, UnsafeRawBufferPointer($0)) }
    }

    /// Writes what `body` hands to the writer as the whole content of `path`.
    ///
    /// Where `body` or the system fails, an old file stays as it was and no temporary file stays behind.
    /// - Throws: `FileError.unwritable`, or what `body` throws.
    public static func write(_ path: String, _ body: (FileWriter) throws -> Void) throws {
        try checkTarget(path)
        let folder = Paths.folder(path)
        let (temporary, descriptor) = try createTemporary(in: folder, for: path)
        var isOpen = true
        var isRenamed = false
        defer {
            if isOpen { close(descriptor) }
            if !isRenamed { unlink(temporary) }
        }
        let writer = FileWriter(path: path, descriptor: descriptor)
        try body(writer)
        try writer.flush()
        var status = stat()
        // The permissions of a file that is replaced stay; failing to set them loses nothing.
        if lstat(path, &status) == 0 { _ = fchmod(descriptor, status.st_mode & 0o7777) }
        guard fsync(descriptor) == 0 else { throw writer.failure(errno) }
        isOpen = false
        guard close(descriptor) == 0 else { throw writer.failure(errno) }
        guard rename(temporary, path) == 0 else { throw writer.failure(errno) }
        isRenamed = true
        try syncFolder(folder, for: path)
    }

    /// Refuses what is there and no regular file. A link is refused as well: it may lead out of the folders that a script may
    /// write to, and a file that it leads to is written by its own name.
    private static func checkTarget(_ path: String) throws {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw FileError.unwritable(path: path, reason: "this is no path of a file")
        }
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFLNK {
            throw FileError.unwritable(path: path, reason: "it is a symbolic link; name the file that it leads to")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError.unwritable(path: path, reason: "it is \(FileIdentity.kind(status)), not a regular file")
        }
    }

    private static func createTemporary(in folder: String, for path: String) throws -> (String, Int32) {
        while true {
            let temporary = "\(folder)/.chexgen-\(getpid())-\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).tmp"
            let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 { return (temporary, descriptor) }
            let code = errno
            if code == EEXIST || code == EINTR { continue }
            if code == ENOENT { throw FileError.unwritable(path: path, reason: "the folder \(folder) does not exist") }
            throw FileError.unwritable(path: path, reason: systemMessage(code))
        }
    }

    /// Makes the new name last through a power loss. Some file systems cannot sync a folder and say EINVAL.
    private static func syncFolder(_ folder: String, for path: String) throws {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // A folder that may be written but not read cannot be synced; the file itself is whole.
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 && errno != EINVAL {
            throw FileError.unwritable(path: path, reason: "its folder could not be synced: \(systemMessage(errno))")
        }
    }
}

import Foundation

/// An open regular file, closed with its last reference. What is read through it is one file, whatever happens to its name.
final class FileDescriptor {
    let path: String
    let number: Int32
    let identity: FileIdentity

    /// Opens a file for reading.
    /// - Throws: `FileError` where it is missing, not a regular file (folder, pipe, device), not permitted, or kept back by
    ///   the `ReadDoor`.
    init(reading path: String) throws {
        guard !path.isEmpty else { throw FileError.unreadable(path: "(empty path)", reason: "no file is named") }
        guard !path.utf8.contains(0) else {
            throw FileError.unreadable(path: path, reason: "the path holds a NUL byte")
        }
        // Without O_NONBLOCK, opening a pipe would wait for its writer.
        var opened: Int32
        repeat { opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) } while opened < 0 && errno == EINTR
        guard opened >= 0 else {
            let code = errno
            if code == ENOENT || code == ENOTDIR { throw FileError.missing(path: path, hint: "") }
            throw FileError.unreadable(path: path, reason: systemMessage(code))
        }
        var status = stat()
        guard fstat(opened, &status) == 0 else {
            let code = errno
            close(opened)
            throw FileError.unreadable(path: path, reason: systemMessage(code))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(opened)
            throw FileError.unreadable(path: path, reason: "it is \(FileIdentity.kind(status)), not a regular file")
        }
        do { try ReadDoor.check(opened, path) } catch {
            close(opened)
            throw error
        }
        self.path = path
        self.number = opened
        self.identity = FileIdentity(status)
    }

    /// Reads up to `buffer.count` bytes at `offset`; fewer only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(number, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError.unreadable(path: path, reason: systemMessage(errno))
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// The hash of the whole content, read in pieces of 1 MiB.
    func sha256() throws -> String {
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { piece.deallocate() }
        var hash = SHA256()
        var offset = 0
        while true {
            let count = try read(into: piece, at: offset)
            hash.update(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            offset += count
            if count < piece.count { return hash.hex() }
        }
    }

    deinit { close(number) }
}

/// What tells one state of a file from another without reading it.
public struct FileIdentity: Equatable, Hashable, Sendable {
    /// Size in bytes.
    public let size: Int
    /// Time of the last change of the content, in nanoseconds since 1970.
    public let modified: Int
    /// The number of the file within its device.
    public let inode: UInt64
    /// The device that holds the file.
    public let device: UInt64

    init(_ status: stat) {
        size = Int(status.st_size)
        modified = Int(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int(status.st_mtim.tv_nsec)
        inode = UInt64(status.st_ino)
        device = UInt64(status.st_dev)
    }

    /// The identity of the regular file at a path, links followed.
    /// - Throws: `FileError` as for opening the file.
    public init(of path: String) throws { self = try FileDescriptor(reading: path).identity }

    static func kind(_ status: stat) -> String {
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return "a folder"
        case S_IFIFO: return "a pipe"
        case S_IFSOCK: return "a socket"
        case S_IFCHR, S_IFBLK: return "a device"
        default: return "of an unknown kind"
        }
    }
}

/// The system's words for an error number.
func systemMessage(_ code: Int32) -> String { String(cString: strerror(code)) }

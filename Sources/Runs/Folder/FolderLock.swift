import Files
import Foundation

/// A lock that dies with its process: `flock` on an open file. The file stays; it only holds the owner's process id.
public final class FolderLock {
    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit {
        // A child that another thread is just starting shares the open file until its exec: closing alone would leave it locked.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Takes the lock of a run folder.
    /// - Throws: `RunsError.busy` with the owner's process id where another process has it.
    static func take(run: String, file: String) throws -> FolderLock {
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw FileError.unwritable(path: file, reason: String(cString: strerror(errno)))
        }
        let lock = FolderLock(descriptor: descriptor)
        var tries = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            if errno == EWOULDBLOCK {
                // Whoever asks whether the lock is taken has it for a moment.
                tries += 1
                guard tries < 10 else { throw RunsError.busy(run: run, process: lock.owner) }
                usleep(10_000)
                continue
            }
            throw FileError.unwritable(path: file, reason: "it cannot be locked: \(String(cString: strerror(errno)))")
        }
        let text = Array("\(getpid())\n".utf8)
        // The id is only a help for people, so failing to write it loses nothing.
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
        return lock
    }

    /// Whether a process has the lock of a run folder.
    static func isTaken(_ file: String) -> Bool {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else {
            flock(descriptor, LOCK_UN)
            return false
        }
        return errno == EWOULDBLOCK
    }

    /// Waits for the lock of a folder itself, for short work on files in it.
    /// - Throws: `FileError.unwritable` where it cannot be had.
    public static func wait(folder: String) throws -> FolderLock {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw FileError.unwritable(path: folder, reason: String(cString: strerror(errno)))
        }
        let lock = FolderLock(descriptor: descriptor)
        while flock(descriptor, LOCK_EX) != 0 {
            if errno == EINTR { continue }
            throw FileError.unwritable(
                path: folder, reason: "it cannot be locked: \(String(cString: strerror(errno)))")
        }
        return lock
    }

    private var owner: Int? {
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: buffer[..<count], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }
}

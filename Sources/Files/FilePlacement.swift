import Foundation

/// How a file comes to a second place.
public enum FilePlacement: String, CaseIterable, Sendable {
    /// Its bytes are written again.
    case copy
    /// It gets another name on its file system.
    case hardlink
    /// A link names its absolute path.
    case symlink

    /// Puts a file at a place, whole or not at all; a file or a link that is there is replaced.
    /// - Throws: `FileError` where the file cannot be read, the place cannot be written, or a hard link cannot be made there.
    public func place(_ source: String, at target: String) throws {
        let file = try FileDescriptor(reading: source)
        switch self {
        case .copy:
            try AtomicFile.write(target) { writer in
                writer.expected = file.identity.size
                let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
                defer { piece.deallocate() }
                var offset = 0
                while true {
                    let count = try file.read(into: piece, at: offset)
                    try writer.write(UnsafeRawBufferPointer(rebasing: piece[..<count]))
                    offset += count
                    if count < piece.count { break }
                }
            }
        case .hardlink:
            // The file that was opened, whatever has its name by now.
            try link(at: target) { linkat(AT_FDCWD, "/proc/self/fd/\(file.number)", AT_FDCWD, $0, AT_SYMLINK_FOLLOW) }
        case .symlink:
            let path = Paths.resolved(source)
            try link(at: target) { Foundation.symlink(path, $0) }
        }
    }

    /// Makes a link under a hidden name and gives it its own.
    private func link(at target: String, _ make: (String) -> Int32) throws {
        func failed(_ code: Int32) -> FileError {
            let reason = code == EXDEV ? "the file lies on another file system: copy it" : systemMessage(code)
            return .unwritable(path: target, reason: reason)
        }
        let number = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let temporary = "\(Paths.folder(target))/.chexgen-\(getpid())-\(number).tmp"
        guard make(temporary) == 0 else { throw failed(errno) }
        // Renaming one name of a file to another name of it does nothing, and leaves the first.
        defer { unlink(temporary) }
        guard rename(temporary, target) == 0 else { throw failed(errno) }
    }
}

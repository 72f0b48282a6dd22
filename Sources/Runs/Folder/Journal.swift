import Files
import Foundation

/// An append-only file of values. A record that `append` returned for is on the disk and survives kill -9 and power loss.
///
/// After 8 bytes of magic, a record is: length, sequence number, CRC32C of the payload, CRC32C of these 12 bytes (each
/// 32-bit, little-endian), payload. The header has its own checksum, so that a damaged length is told from a record
/// that was cut off in writing. Each record is synced before the next is written, so only the last one can be torn.
final class Journal {
    /// What was found when an existing journal was opened.
    struct Recovery {
        var records: [JSON] = []
        /// Bytes of a torn record at the end, which were cut off.
        var cutBytes = 0
    }

    static let magic = Array("CHXJRNL1".utf8)
    static let headerSize = 16
    /// Bytes of a record's payload.
    static let recordLimit = 16 << 20

    private(set) var path: String
    private let descriptor: Int32
    private var end: Int
    private var sequence: UInt32
    private var failure: String?

    private init(path: String, descriptor: Int32, end: Int, sequence: UInt32) {
        self.path = path
        self.descriptor = descriptor
        self.end = end
        self.sequence = sequence
    }

    deinit { close(descriptor) }

    /// Makes a new journal; the file must not exist.
    static func create(_ path: String) throws -> Journal {
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.unwritable(path: path, reason: message(errno)) }
        let journal = Journal(path: path, descriptor: descriptor, end: 0, sequence: 0)
        try journal.write(magic)
        return journal
    }

    /// Opens a journal, cuts a torn record at its end, and reads all others.
    /// - Throws: `FileError`; `RunsError.folder` that names the record where one before the last is damaged.
    static func open(existing path: String) throws -> (journal: Journal, recovery: Recovery) {
        let content: [UInt8]
        do {
            let file = try MappedFile(path)
            content = Array(file.bytes)
        }
        var recovery = Recovery()
        let end = try scan(content, path: path, into: &recovery)
        let descriptor = Foundation.open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError.unwritable(path: path, reason: message(errno)) }
        let journal = Journal(
            path: path, descriptor: descriptor, end: end, sequence: UInt32(clamping: recovery.records.count))
        if end < content.count {
            recovery.cutBytes = content.count - end
            guard ftruncate(descriptor, off_t(end)) == 0, fsync(descriptor) == 0 else {
                throw FileError.unwritable(path: path, reason: message(errno))
            }
        }
        if end == 0 { try journal.write(magic) }
        return (journal, recovery)
    }

    /// The whole records of a journal, which is left as it is.
    /// - Throws: as `open(existing:)`.
    static func read(_ path: String) throws -> [JSON] {
        let file = try MappedFile(path)
        var recovery = Recovery()
        _ = try scan(withExtendedLifetime(file) { Array(file.bytes) }, path: path, into: &recovery)
        return recovery.records
    }

    /// Whether a file begins as journals do.
    /// - Throws: `FileError`.
    static func isJournal(_ path: String) throws -> Bool {
        let file = try MappedFile(path)
        return withExtendedLifetime(file) { file.bytes.starts(with: magic) }
    }

    /// Reads records until the end or a torn one; returns where the whole ones end.
    private static func scan(_ content: [UInt8], path: String, into recovery: inout Recovery) throws -> Int {
        if content.count < magic.count && magic.starts(with: content) { return 0 }
        guard content.starts(with: magic) else {
            throw RunsError.folder(path: path, message: "this is no journal of a run (its first bytes are wrong)")
        }
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(content[offset + $1]) << UInt32(8 * $1) }
        }
        func damaged(_ offset: Int, _ what: String) -> RunsError {
            .folder(
                path: path,
                message: "record \(recovery.records.count + 1), at byte \(offset), is damaged (\(what)); "
                    + "results before it are whole, but the run cannot be resumed")
        }
        var offset = magic.count
        while offset < content.count {
            let rest = content.count - offset
            // Space that a file system promised but never filled reads as zeros.
            if rest < headerSize || content[offset...].allSatisfy({ $0 == 0 }) { return offset }
            guard CRC32C.of(Array(content[offset..<offset + 12])) == word(offset + 12) else {
                if rest == headerSize { return offset }
                throw damaged(offset, "its header's checksum is wrong")
            }
            let length = Int(word(offset))
            guard length <= recordLimit else { throw damaged(offset, "its length is \(length)") }
            if length > rest - headerSize { return offset }
            let payload = Array(content[offset + headerSize..<offset + headerSize + length])
            let isLast = length == rest - headerSize
            guard CRC32C.of(payload) == word(offset + 8) else {
                if isLast { return offset }
                throw damaged(offset, "its checksum is wrong")
            }
            guard word(offset + 4) == UInt32(clamping: recovery.records.count) else {
                throw damaged(offset, "its number is \(word(offset + 4))")
            }
            guard let value = try? ConfigCoding.decode(payload) else {
                throw damaged(offset, "its content has no sense")
            }
            recovery.records.append(value)
            offset += headerSize + length
        }
        return offset
    }

    /// Appends a record and waits until it is on the disk.
    /// - Throws: `FileError.unwritable`; the journal is then as it was, unless syncing failed, after which it takes no
    ///   more records, as nothing can be said of what the disk holds.
    func append(_ value: JSON) throws {
        if let failure { throw FileError.unwritable(path: path, reason: "an earlier write failed: \(failure)") }
        try checkIsThere()
        let payload = ConfigCoding.encode(value)
        guard payload.count <= Journal.recordLimit else {
            throw FileError.unwritable(
                path: path, reason: "a record of \(payload.count) bytes is over the limit of \(Journal.recordLimit)")
        }
        var record: [UInt8] = []
        record.reserveCapacity(payload.count + Journal.headerSize)
        func append(_ word: UInt32) { withUnsafeBytes(of: word.littleEndian) { record.append(contentsOf: $0) } }
        append(UInt32(payload.count))
        append(sequence)
        append(CRC32C.of(payload))
        append(CRC32C.of(record))
        record += payload
        try write(record)
        sequence &+= 1
    }

    /// The folder that the journal lies in was renamed.
    func moved(to path: String) { self.path = path }

    /// Checks that the journal still stands under its name: what a removed or moved folder takes is lost.
    /// - Throws: `RunsError.folder` where it does not.
    func checkIsThere() throws {
        var own = stat()
        var named = stat()
        guard fstat(descriptor, &own) == 0, stat(path, &named) == 0, own.st_ino == named.st_ino,
            own.st_dev == named.st_dev
        else {
            throw RunsError.folder(
                path: Paths.folder(path), message: "the run folder was removed or moved while the run was going on")
        }
    }

    private func write(_ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                pwrite(descriptor, $0.baseAddress?.advanced(by: done), bytes.count - done, off_t(end + done))
            }
            if written < 0 {
                if errno == EINTR { continue }
                let reason = "\(Journal.message(errno)), \(bytes.count) bytes wanted"
                // A part of the record may be in the file; without it the journal is whole again.
                if ftruncate(descriptor, off_t(end)) != 0 { failure = reason }
                throw FileError.unwritable(path: path, reason: reason)
            }
            done += written
        }
        guard fdatasync(descriptor) == 0 else {
            let reason = "\(Journal.message(errno)), \(bytes.count) bytes could not be synced"
            failure = reason
            throw FileError.unwritable(path: path, reason: reason)
        }
        end += bytes.count
    }

    private static func message(_ code: Int32) -> String { String(cString: strerror(code)) }
}

import Foundation

/// A buffered writer to a new file; `AtomicFile` makes it and gives the file its name when everything is written.
public final class FileWriter {
    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    /// Bytes written so far.
    public private(set) var count = 0
    /// Bytes that will be written in all where the caller knows; errors then name it.
    public var expected: Int?
    private static let bufferSize = 1 << 16

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
        buffer.reserveCapacity(FileWriter.bufferSize)
    }

    /// Writes bytes.
    /// - Throws: `FileError.unwritable` with how far it came.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        if buffer.count + bytes.count > FileWriter.bufferSize { try flush() }
        if bytes.count >= FileWriter.bufferSize {
            try put(bytes)
        } else {
            buffer.append(contentsOf: bytes)
        }
        count += bytes.count
    }

    /// Writes bytes.
    public func write(_ data: Data) throws { try data.withUnsafeBytes { try write($0) } }

    /// Writes bytes.
    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Writes a text in UTF-8.
    public func write(_ text: String) throws {
        var text = text
        try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
    }

    func flush() throws {
        if buffer.isEmpty { return }
        try buffer.withUnsafeBytes { try put($0) }
        buffer.removeAll(keepingCapacity: true)
    }

    func failure(_ code: Int32) -> FileError {
        let wanted = expected.map { "\($0) bytes wanted" } ?? "after \(count) bytes"
        return FileError.unwritable(path: path, reason: "\(systemMessage(code)), \(wanted)")
    }

    private func put(_ bytes: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < bytes.count {
            let written = Foundation.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            if written < 0 {
                if errno == EINTR { continue }
                throw failure(errno)
            }
            done += written
        }
    }
}

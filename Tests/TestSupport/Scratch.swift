import Foundation
import Testing

/// A new folder for files of a test, removed with its last reference.
public final class Scratch: Sendable {
    /// Where it lies.
    public let path: String

    /// - Parameter isShared: that it stays until the process ends, for inputs of many tests.
    public init(isShared: Bool = false) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("chexgen-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        if isShared { SharedFolders.add(path) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file, and the folders that it lies in, and gives its path.
    @discardableResult public func write(_ name: String, _ content: [UInt8]) throws -> String {
        let full = "\(path)/\(name)"
        if name.contains("/") {
            try FileManager.default.createDirectory(
                atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        }
        // Thousands of files are written here; unlike Foundation's, this way waits for no disk.
        let stream = try #require(fopen(full, "wb"))
        defer { fclose(stream) }
        try #require(fwrite(content, 1, content.count, stream) == content.count)
        return full
    }

    /// Writes a text.
    @discardableResult public func write(_ name: String, _ text: String) throws -> String {
        try write(name, Array(text.utf8))
    }

    /// The bytes of a file.
    public func data(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

    /// The text of a file.
    public func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }

    /// Whether there is a file or folder of this name.
    public func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

    /// What lies in the folder, sorted.
    public var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }

    /// The size of a file, 0 where there is none.
    public func size(_ name: String) -> Int {
        var status = stat()
        return stat("\(path)/\(name)", &status) == 0 ? Int(status.st_size) : 0
    }

    /// Flips one bit of a file.
    public func flip(_ name: String, byte: Int) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: "\(path)/\(name)"))
        try file.seek(toOffset: UInt64(byte))
        let old = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: UInt64(byte))
        try file.write(contentsOf: [old ^ 1])
        try file.close()
    }

    /// Cuts a file.
    public func cut(_ name: String, to size: Int) throws { try #require(truncate("\(path)/\(name)", size) == 0) }
}

/// Folders that all tests of a process share, removed at its end.
private enum SharedFolders {
    private nonisolated(unsafe) static var paths: [String] = []
    private static let lock = NSLock()
    private static let removal: Void = {
        atexit { SharedFolders.removeAll() }
    }()

    static func add(_ path: String) {
        _ = removal
        lock.withLock { paths.append(path) }
    }

    private static func removeAll() {
        for path in lock.withLock({ paths }) { try? FileManager.default.removeItem(atPath: path) }
    }
}

import Checkpoints
import Foundation
import Tensors
import Testing

/// A folder of its own for a test, removed with the last reference.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "chexgen-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String, _ content: [UInt8]) throws -> String {
        let full = "\(path)/\(name)"
        let folder = (full as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // Thousands of files are written here; unlike Foundation's, this way waits for no disk.
        let stream = try #require(fopen(full, "wb"))
        defer { fclose(stream) }
        #expect(fwrite(content, 1, content.count, stream) == content.count)
        return full
    }

    func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }
}

/// The committed files of the reference libraries; CHEXGEN_CHECKPOINT_FIXTURES names a folder of freshly made ones.
let fixtures =
    ProcessInfo.processInfo.environment["CHEXGEN_CHECKPOINT_FIXTURES"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Parity/fixtures/checkpoints").path

/// The message of the error that `body` throws; fails the test where it throws none.
func message(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> String {
    do {
        try body()
        Issue.record("no error was thrown", sourceLocation: sourceLocation)
        return ""
    } catch { return "\(error)" }
}

/// Every value as a double, in row-major order.
func values(_ tensor: Tensor) throws -> [Double] {
    switch tensor.dtype {
    case .f64: return try tensor.array(Double.self)
    case .f32: return try tensor.array(Float.self).map(Double.init)
    case .f16: return try tensor.array(Float16.self).map(Double.init)
    case .bf16: return try tensor.array(BFloat16.self).map { Double($0.float) }
    case .i64: return try tensor.array(Int64.self).map(Double.init)
    case .i32: return try tensor.array(Int32.self).map(Double.init)
    case .u8: return try tensor.array(UInt8.self).map(Double.init)
    case .bool: return try tensor.array(Bool.self).map { $0 ? 1 : 0 }
    }
}

func littleEndian<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
    withUnsafeBytes(of: word.littleEndian) { Array($0) }
}

/// A safetensors file of a header and `dataCount` bytes of zeros.
func safeTensors(_ header: String, data dataCount: Int = 0) -> [UInt8] {
    littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + [UInt8](repeating: 0, count: dataCount)
}

/// Text that shows a path's last part only, so that messages can be compared.
func shortened(_ text: String, _ scratch: Scratch) -> String {
    text.replacingOccurrences(of: scratch.path + "/", with: "")
}

import Foundation
import Imaging
import Testing

/// The folder of the parity fixtures; another one, made with another seed, may be named for a check by hand.
let fixtures: String =
    ProcessInfo.processInfo.environment["CHEXGEN_IMAGING_FIXTURES"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Parity/fixtures/imaging").path

/// The folder of real radiographs, where this machine has one.
let radiographs: String? = {
    let beside = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/cxr").path
    let folder = ProcessInfo.processInfo.environment["CHEXGEN_RADIOGRAPHS"] ?? beside
    return FileManager.default.fileExists(atPath: folder + "/files") ? folder : nil
}()

/// The rows of a tab-separated fixture.
func rows(_ name: String) throws -> [[String]] {
    try String(contentsOfFile: fixtures + "/" + name, encoding: .utf8).split(separator: "\n").map { line in
        line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
}

/// The bytes of a small image file among the fixtures.
func fixture(_ name: String) throws -> [UInt8] { try ImageFile.read(fixtures + "/files/" + name) }

/// Decodes bytes under the name "test".
func decode(_ bytes: [UInt8], mode: Image.Mode? = nil) throws -> Image {
    try bytes.withUnsafeBytes { try Image.decode($0, name: "test", mode: mode) }
}

/// The image that `imaging_expectations.py` makes by the same formula: hashed noise and ramps in turn.
func formula(_ mode: Image.Mode, _ width: Int, _ height: Int, seed: UInt64) throws -> Image {
    let pixels = (0..<UInt64(width * height * mode.bytesPerPixel)).map { index -> UInt8 in
        var hash = (index &* 2_654_435_761 &+ seed &* 40_503) & 0xFFFF_FFFF
        hash ^= hash >> 15
        hash = (hash &* 2_246_822_519) & 0xFFFF_FFFF
        let value = (index >> 5) & 1 == 0 ? (hash >> 13) & 255 : (index * 3 / 7) & 255
        return mode == .bilevel ? (value & 128 == 0 ? 0 : 255) : UInt8(value)
    }
    return try Image(width: width, height: height, mode: mode, pixels: pixels)
}

/// A folder for one test, removed with it.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/imaging-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// The text of the error that `body` throws, or nil.
func errorText(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return String(describing: error)
    }
}

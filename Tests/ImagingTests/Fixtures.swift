import Foundation
import Imaging
import TestSupport
import Testing

/// The folder of the parity fixtures.
let fixtures = Places.fixtures("imaging")

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

/// The bytes of the file that an image is saved as.
func encoded(_ image: Image, _ ending: String = "png", quality: Int = 95) throws -> [UInt8] {
    let folder = try Scratch()
    let path = "\(folder.path)/image.\(ending)"
    try image.save(path, quality: quality)
    return try ImageFile.read(path)
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

import Files
import Foundation
import Imaging
import TestSupport
import Testing

/// Pixels equal Pillow 11.1's to the byte. `Tests/Parity/generators/imaging_expectations.py` makes the digests.
@Suite struct PillowParityTests {
    @Test func operationsOnImagesByFormula() throws {
        for row in try rows("operations.tsv") {
            guard row.count == 9, let mode = Image.Mode(rawValue: row[0]), let width = Int(row[1]),
                let height = Int(row[2]), let seed = UInt64(row[3])
            else {
                Issue.record("unreadable row \(row)")
                continue
            }
            let image = try formula(mode, width, height, seed: seed)
            let result = try apply(row[4].split(separator: " ").map(String.init), to: image)
            #expect(
                [result.mode.rawValue, "\(result.width)", "\(result.height)", SHA256.hex(of: Data(result.pixels))]
                    == Array(row[5...]),
                "\(row)")
        }
    }

    @Test func filesOfEveryKind() throws {
        for row in try rows("files.tsv") {
            let bytes = try fixture(row[0])
            let image = try decode(bytes)
            #expect(
                [image.mode.rawValue, "\(image.width)", "\(image.height)", SHA256.hex(of: Data(image.pixels))]
                    == Array(row[1..<5]),
                "\(row[0])")
            for (mode, digest) in zip([Image.Mode.gray, .grayAlpha, .rgb, .rgba], row[5..<9]) {
                #expect(
                    SHA256.hex(of: Data(try decode(bytes, mode: mode).pixels)) == digest,
                    "\(row[0]) as \(mode.rawValue)")
            }
            let small = try image.resized(width: 7, height: 5, filter: .bicubic)
            #expect(SHA256.hex(of: Data(small.pixels)) == row[9], "\(row[0]) resized")
        }
    }

    @Test(.enabled(if: Places.radiographs != nil, "needs the radiographs of shared/cxr or CHEXGEN_RADIOGRAPHS"))
    func radiographsDecodeAndResize() throws {
        guard let folder = Places.radiographs else { return }
        for row in try rows("radiographs.tsv") {
            let image = try Image.load(folder + "/" + row[0])
            #expect([image.mode.rawValue, "\(image.width)", "\(image.height)"] == Array(row[1..<4]), "\(row[0])")
            let rgb = try image.converted(to: .rgb)
            #expect(SHA256.hex(of: Data(try image.converted(to: .gray).pixels)) == row[4], "\(row[0]) as L")
            #expect(SHA256.hex(of: Data(rgb.pixels)) == row[5], "\(row[0]) as RGB")
            let fid = try rgb.resized(width: 299, height: 299, filter: .bilinear)
            #expect(SHA256.hex(of: Data(fid.pixels)) == row[6], "\(row[0]) at 299")
            let dino = try rgb.resized(shortestEdge: 518, filter: .bicubic).centerCropped(width: 518, height: 518)
            #expect(SHA256.hex(of: Data(dino.pixels)) == row[7], "\(row[0]) at 518")
            let native = try image.resized(width: 224, height: 224, filter: .lanczos)
            #expect(SHA256.hex(of: Data(native.pixels)) == row[8], "\(row[0]) at 224")
        }
    }

    private func apply(_ words: [String], to image: Image) throws -> Image {
        let numbers = words.dropFirst().compactMap { Int($0) }
        switch words[0] {
        case "resize":
            return try image.resized(
                width: numbers[0], height: numbers[1], filter: try #require(ResampleFilter(rawValue: words[3])))
        case "shortest":
            return try image.resized(
                shortestEdge: numbers[0], filter: try #require(ResampleFilter(rawValue: words[2])))
        case "convert":
            return try image.converted(to: try #require(Image.Mode(rawValue: words[1])))
        case "crop":
            return try image.cropped(left: numbers[0], top: numbers[1], width: numbers[2], height: numbers[3])
        case "center_floor":
            return try image.centerCropped(width: numbers[0], height: numbers[1], rule: .floor)
        case "center_half_even":
            return try image.centerCropped(width: numbers[0], height: numbers[1], rule: .halfToEven)
        case "flip":
            return try words[1] == "horizontal" ? image.flippedHorizontally() : image.flippedVertically()
        case "jpeg":
            return try decode(encoded(image, "jpg", quality: numbers[0]))
        case "grid":
            return try Image.grid(
                [image, image.flippedHorizontally(), image.flippedVertically()], columns: numbers[0],
                padding: numbers[1])
        default:
            let fill = words.dropFirst(3).compactMap { UInt8($0) }
            return try image.rotated(
                degrees: try #require(Double(words[1])), filter: try #require(RotateFilter(rawValue: words[2])),
                fill: fill.isEmpty ? nil : fill)
        }
    }
}

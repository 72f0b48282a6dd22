import Foundation
import Imaging
import TestSupport
import Testing

/// Files are read whole, told by their content, and written whole or not at all.
@Suite struct ImageFileTests {
    @Test func everyModeSurvivesPNG() throws {
        for mode in Image.Mode.allCases where mode != .cmyk {
            for (width, height) in [(1, 1), (13, 7), (64, 3)] {
                let image = try formula(mode, width, height, seed: 9)
                let again = try decode(encoded(image))
                #expect(again.mode == mode)
                #expect(again.pixels == image.pixels, "\(mode) \(width)×\(height)")
            }
        }
        let indexed = try decode(fixture("palette_7_alphas_ff0003.png"))
        let again = try decode(encoded(indexed))
        #expect(again.palette == indexed.palette)
        #expect(try again.converted(to: .rgba).pixels == indexed.converted(to: .rgba).pixels)
    }

    @Test func savedFilesAreEqualAndLoad() throws {
        let folder = try Scratch()
        let image = try formula(.rgb, 40, 30, seed: 3)
        for name in ["a.png", "a.jpg", "a.JPEG"] {
            try image.save(folder.path + "/" + name)
            let first = try ImageFile.read(folder.path + "/" + name)
            try image.save(folder.path + "/" + name)
            #expect(try ImageFile.read(folder.path + "/" + name) == first)
            #expect(try Image.load(folder.path + "/" + name).width == 40)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.sorted() == ["a.JPEG", "a.jpg", "a.png"])
    }

    /// A lung mask of one bit a pixel, and flat pictures, which deflate packs as well as it can.
    @Test func flatPicturesAreRead() throws {
        let (width, height) = (5000, 4500)
        var pixels = [UInt8](repeating: 0, count: width * height)
        for row in 700..<3600 {
            for column in 900..<2100 where (row / 5 + column / 5) % 400 > 40 { pixels[row * width + column] = 255 }
        }
        for mode in [Image.Mode.bilevel, .gray] {
            let mask = try Image(width: width, height: height, mode: mode, pixels: pixels)
            let again = try decode(encoded(mask))
            #expect(again.mode == mode && again.pixels == pixels)
        }
        let flat = try encoded(Image(zeros: 4600, height: 4600, mode: .gray))
        #expect(try decode(flat).pixels.allSatisfy { $0 == 0 })
        #expect(4600 * 4600 / flat.count > 900, "the file is as small as files get: \(flat.count) bytes")
        for mode in [Image.Mode.rgb, .gray] {
            let large = try encoded(Image(zeros: 8000, height: 8000, mode: mode), "jpg")
            #expect(try decode(large).width == 8000)
        }
    }

    @Test func linksAreNotWrittenThrough() throws {
        let folder = try Scratch()
        let outside = try Scratch()
        try outside.write("victim.png", "precious")
        #expect(symlink(outside.path + "/victim.png", folder.path + "/a.png") == 0)
        let image = try formula(.gray, 4, 4, seed: 1)
        #expect(message { try image.save(folder.path + "/a.png") }.contains("a symbolic link"))
        #expect(try outside.text("victim.png") == "precious" && folder.names == ["a.png"])
    }

    @Test func contentCountsNotSuffix() throws {
        let folder = try Scratch()
        let image = try formula(.gray, 9, 5, seed: 3)
        try image.save(folder.path + "/a.png")
        try FileManager.default.moveItem(atPath: folder.path + "/a.png", toPath: folder.path + "/a.jpg")
        #expect(try Image.load(folder.path + "/a.jpg").pixels == image.pixels)
    }

    @Test func whatCannotBeReadOrWritten() throws {
        let folder = try Scratch()
        let image = try formula(.rgba, 4, 4, seed: 1)
        #expect(message { _ = try Image.load(folder.path + "/no.png") }.hasSuffix("no.png: no such file"))
        #expect(message { _ = try Image.load(folder.path) }.contains("it is a folder"))
        #expect(message { _ = try Image.load("") }.contains("empty"))
        #expect(message { _ = try Image.load("a\0b.png") }.contains("NUL byte"))
        #expect(message { _ = try Image.load(String(repeating: "x", count: 5000)) }.contains("too long"))
        #expect(message { _ = try Image.load("/dev/zero") }.contains("not a regular file"))
        #expect(message { try image.save(folder.path + "/a.bmp") }.contains(".png, .jpg or .jpeg"))
        #expect(message { try image.save(folder.path + "/png") }.contains(".png, .jpg or .jpeg"))
        #expect(message { try image.save(folder.path + "/a.jpg") }.contains("got RGBA"))
        #expect(message { try image.save(folder.path + "/none/a.png") }.contains("cannot be written"))
        let color = try image.converted(to: .rgb)
        #expect(message { try color.save(folder.path + "/a.jpg", quality: 101) }.contains("1 to 100"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        // A folder in the file's place: the temporary file is gone afterwards.
        try FileManager.default.createDirectory(atPath: folder.path + "/b.png", withIntermediateDirectories: true)
        #expect(message { try color.save(folder.path + "/b.png") }.contains("cannot be written"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["b.png"])
    }
}

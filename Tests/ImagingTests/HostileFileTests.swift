import Imaging
import TestSupport
import Testing

/// Whatever a file holds, decoding gives an image or an `ImageError` that names the file.
@Suite struct HostileFileTests {
    /// The text of the error of decoding `bytes`; a decoded image is an issue.
    private func refusal(_ bytes: [UInt8], _ location: SourceLocation = #_sourceLocation) -> String {
        do {
            let image = try decode(bytes)
            Issue.record("decoded to \(image.width)×\(image.height)", sourceLocation: location)
        } catch let error as ImageError {
            let text = error.description
            #expect(text.hasPrefix("test: "), sourceLocation: location)
            return text
        } catch {
            Issue.record("threw \(error)", sourceLocation: location)
        }
        return ""
    }

    @Test func tinyAndForeignFiles() {
        #expect(refusal([]).contains("the file is empty"))
        #expect(refusal([0x89]).contains("only 1 byte;"))
        #expect(refusal(Array("GIF89a..".utf8)).contains("GIF"))
        #expect(
            refusal(Array("version https://git-lfs.github.com/spec/v1\noid sha256:0".utf8)).contains("git lfs pull"))
        #expect(refusal(Array("\n <!DOCTYPE html><html>".utf8)).contains("HTML"))
        #expect(refusal([UInt8](repeating: 0, count: 200)).contains("zeros"))
        #expect(refusal([UInt8](repeating: 0, count: 128) + Array("DICM".utf8)).contains("DICOM"))
        #expect(refusal([1, 2, 3, 4, 5, 6, 7, 8]).contains("01 02 03"))
        #expect(refusal(signature).contains("before its IEND chunk"))
        #expect(refusal([0xFF, 0xD8, 0xFF]).contains("before the end of the image"))
    }

    @Test func everyCutOfPNG() throws {
        for name in ["color2_8.png", "gray_16_interlaced.png", "palette_7_alphas_ff0003.png", "pillow_filters.png"] {
            let png = try fixture(name)
            var cuts = chunkStarts(png).flatMap { [$0, $0 + 4, $0 + 8] }
            cuts += (0..<100).map { $0 * png.count / 100 }
            for cut in cuts { _ = refusal(Array(png[..<cut])) }
        }
    }

    @Test func everyCutOfJPEG() throws {
        for name in ["jpeg_rgb.jpg", "jpeg_rgb_progressive.jpg", "jpeg_cmyk.jpg", "jpeg_l_progressive.jpg"] {
            let jpeg = try fixture(name)
            let markers = (0..<jpeg.count - 1).filter { jpeg[$0] == 0xFF && jpeg[$0 + 1] != 0 }
            for cut in markers + (0..<100).map({ $0 * jpeg.count / 100 }) { _ = refusal(Array(jpeg[..<cut])) }
        }
    }

    @Test func flippedBitsNeverCrash() throws {
        var random = SeededGenerator()
        for row in try rows("files.tsv") {
            let bytes = try fixture(row[0])
            for _ in 0..<60 {
                var altered = bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let position = Int.random(in: 0..<altered.count, using: &random)
                    altered[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
                do {
                    _ = try decode(altered, mode: .rgb)
                } catch is ImageError {
                    continue
                }
            }
        }
    }

    @Test func everyFlippedByteOfPNGIsNoticed() throws {
        let png = try fixture("color2_8.png")
        // Chunk checksums cover all but the signature and the lengths, which the walk covers.
        for position in png.indices {
            var altered = png
            altered[position] ^= 0x10
            _ = refusal(altered)
        }
    }

    @Test func chunksInWrongPlaces() {
        let pixels = chunk("IDAT", stored([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]))
        #expect(refusal(signature + chunk("IDAT") + chunk("IEND")).contains("not IHDR"))
        #expect(refusal(signature + header(4, 3) + header(4, 3) + pixels + chunk("IEND")).contains("two IHDR"))
        #expect(refusal(signature + header(4, 3) + pixels).contains("before its IEND"))
        #expect(refusal(signature + header(4, 3) + chunk("IEND")).contains("no IDAT"))
        let apart = pixels + chunk("tEXt", Array("a".utf8)) + pixels
        #expect(refusal(signature + header(4, 3) + apart + chunk("IEND")).contains("do not follow"))
        #expect(refusal(signature + header(4, 3, color: 3) + pixels + chunk("IEND")).contains("no PLTE"))
        #expect(refusal(grayPNG(extra: chunk("ABCD"))).contains("unknown PNG chunk ABCD"))
        #expect(refusal(grayPNG(extra: chunk("tRNS", [1]))).contains("tRNS"))
        #expect(refusal(signature + header(4, 3, depth: 3) + pixels + chunk("IEND")).contains("3 bits"))
    }

    @Test func pixelDataOfAnotherLength() throws {
        let rows: [UInt8] = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
        #expect(try decode(grayPNG(rows: rows)).pixels.count == 12)
        _ = refusal(grayPNG(rows: Array(rows.dropLast())))
        _ = refusal(grayPNG(rows: rows + [9, 9, 9]))
        _ = refusal(grayPNG(rows: [9] + rows.dropFirst()))
        let surplus = rows + [UInt8](repeating: 0, count: 200_000)
        #expect(refusal(grayPNG(rows: surplus)).contains("too much image data"))
        // Bytes behind the end of the image belong to nobody.
        #expect(try decode(grayPNG() + [1, 2, 3]).width == 4)
    }

    @Test func checksums() throws {
        let png = grayPNG(extra: chunk("tEXt", Array("key\0value".utf8)))
        #expect(try decode(png).height == 3)
        for (start, next) in zip(chunkStarts(png), chunkStarts(png).dropFirst() + [png.count]) {
            var altered = png
            altered[next - 1] ^= 1
            #expect(refusal(altered).contains("CRC"), "chunk at \(start)")
        }
    }

    @Test func paletteIndexesPastTheEnd() {
        let rows: [UInt8] = [0, 0, 1, 2, 3]
        let png =
            signature + header(4, 1, color: 3) + chunk("PLTE", [UInt8](repeating: 7, count: 9))
            + chunk("gAMA", [0, 0, 0x70, 0]) + chunk("tRNS", [0, 1]) + chunk("IDAT", stored(rows)) + chunk("IEND")
        _ = refusal(png)
    }

    @Test func sizesAtAndOverTheLimits() throws {
        let long = try Image(zeros: ImageLimits.side, height: 1, mode: .gray)
        #expect(try decode(encoded(long)).width == ImageLimits.side)
        #expect(try decode(encoded(long, "jpg")).width == ImageLimits.side)
        for (width, height) in [(16_385, 1), (1, 16_385), (0x7FFF_FFFF, 1), (14_000, 14_000)] as [(UInt32, UInt32)] {
            #expect(refusal(signature + header(width, height) + chunk("IDAT") + chunk("IEND")).contains("limit"))
        }
        #expect(refusal(signature + header(0, 5) + chunk("IDAT") + chunk("IEND")).contains("0×5"))
        let flat = refusal(signature + header(8192, 8192) + chunk("IDAT", [1]) + chunk("IEND"))
        #expect(flat.contains("ratio of decoded to encoded bytes"))
        #expect(throws: ImageError.self) { try Image(zeros: 16_385, height: 1, mode: .gray) }
        #expect(throws: ImageError.self) { try Image(zeros: 0, height: 1, mode: .gray) }
        #expect(throws: ImageError.self) { try Image(zeros: Int.max, height: Int.max, mode: .rgba) }
        #expect(throws: ImageError.self) { try Image(zeros: 9000, height: 9000, mode: .gray) }
    }

    @Test func ancillaryChunksAtAndOverTheLimits() throws {
        let text = chunk("tEXt", Array("a\0b".utf8))
        let many = [[UInt8]](repeating: text, count: ImageLimits.pngAncillaryChunks).flatMap { $0 }
        #expect(try decode(grayPNG(extra: many)).width == 4)
        #expect(refusal(grayPNG(extra: many + text)).contains("number of ancillary PNG chunks is 1001"))
        let tooLong = chunk("zTXt", [UInt8](repeating: 0x61, count: ImageLimits.pngAncillaryBytes + 1))
        #expect(refusal(grayPNG(extra: tooLong)).contains("length of the PNG chunk zTXt"))
        // Profiles and texts are never unpacked, so what they would unpack to does not matter.
        let profile = chunk("iCCP", Array("x\0\0".utf8) + [0x78, 0xDA, 1, 2, 3])
        #expect(try decode(grayPNG(extra: profile)).width == 4)
    }

    @Test func hostileJPEGs() throws {
        let jpeg = try fixture("jpeg_rgb.jpg")
        let frame = try #require(markerStart(jpeg, 0xC0))
        func altered(_ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
            Array(jpeg[..<(frame + offset)]) + bytes + jpeg[(frame + offset + bytes.count)...]
        }
        #expect(refusal(altered(5, [0xFF, 0xDC, 0xFF, 0xDC])).contains("limit of 16384"))
        #expect(refusal(altered(5, [0x3E, 0x80, 0x0F, 0xA0])).contains("ratio"))
        #expect(refusal(altered(5, [0, 0])).contains("×0"))
        #expect(refusal(altered(4, [12])).contains("12 bits"))
        #expect(refusal(altered(1, [0xC3])).contains("lossless"))
        #expect(refusal(altered(9, [2])).contains("2 components"))
        #expect(refusal(altered(2, [0, 1])).contains("states 1 bytes"))
        let frameEnd = frame + 2 + Int(jpeg[frame + 3])
        let twice = Array(jpeg[..<frameEnd]) + jpeg[frame..<frameEnd] + jpeg[frameEnd...]
        #expect(refusal(twice).contains("two frame headers"))

        let progressive = try fixture("jpeg_l_progressive.jpg")
        let scan = try #require(markerStart(progressive, 0xDA))
        let scans = [[UInt8]](repeating: Array(progressive[scan..<scan + 10]), count: ImageLimits.jpegScans)
        let flood = Array(progressive[..<scan]) + scans.flatMap { $0 } + progressive[scan...]
        #expect(refusal(flood).contains("number of JPEG scans is 101"))
    }

    @Test func everyMessageIsOneLine() {
        let error = ImageError.missing(path: "a\nb.png")
        #expect(error.description == "a\\nb.png: no such file")
    }
}

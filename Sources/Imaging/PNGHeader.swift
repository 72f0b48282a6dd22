/// What the chunks of a PNG say before its pixels are unpacked, after a walk that checks the order, the lengths and the
/// limits of all of them (PNG specification, third edition, sections 5 and 11). The pixel data and the checksums are
/// libpng's to check.
struct PNGHeader {
    private(set) var width = 0
    private(set) var height = 0
    private(set) var bitDepth = 0
    private(set) var colorType = 0
    /// The PLTE chunk, of a palette image.
    private(set) var colors: [UInt8] = []
    /// The tRNS chunk.
    private(set) var transparency: [UInt8] = []

    private let name: String
    private var ancillaryChunks = 0
    private var pixelData = PixelData.before

    private enum PixelData { case before, within, after }

    /// Walks all chunks of `bytes`.
    /// - Throws: `ImageError.damaged`, `.unsupported` or `.overLimit`.
    init(_ bytes: UnsafeRawBufferPointer, name: String) throws {
        self.name = name
        var position = ImageFormat.pngSignature.count
        var isFirst = true
        while true {
            guard bytes.count - position >= 12 else {
                throw damaged("the file ends after \(bytes.count) bytes, before its IEND chunk")
            }
            let length = Int(Self.word(bytes, position))
            let type = String(decoding: bytes[position + 4..<position + 8], as: UTF8.self)
            guard type.utf8.count == 4, type.utf8.allSatisfy({ (65...90).contains($0) || (97...122).contains($0) })
            else {
                throw damaged("byte \(position + 4) is not the name of a chunk")
            }
            guard length <= bytes.count - position - 12 else {
                throw damaged(
                    "the chunk \(type) at byte \(position) states \(length) bytes, but the file ends after \(bytes.count)"
                )
            }
            guard isFirst == (type == "IHDR") else {
                throw damaged(isFirst ? "the first chunk is \(type), not IHDR" : "it has two IHDR chunks")
            }
            isFirst = false
            let content = UnsafeRawBufferPointer(rebasing: bytes[position + 8..<position + 8 + length])
            if try take(type, content, fileBytes: bytes.count) { return }
            position += length + 12
        }
    }

    /// Takes note of one chunk; true for the last.
    private mutating func take(_ type: String, _ content: UnsafeRawBufferPointer, fileBytes: Int) throws -> Bool {
        if type != "IDAT", pixelData == .within { pixelData = .after }
        switch type {
        case "IHDR":
            try readHeader(content, fileBytes: fileBytes)
        case "IDAT":
            guard pixelData != .after else { throw damaged("its IDAT chunks do not follow one another") }
            pixelData = .within
        case "PLTE":
            guard pixelData == .before, colors.isEmpty else { throw damaged("its PLTE chunk is in a wrong place") }
            guard content.count % 3 == 0, (1...256).contains(content.count / 3) else {
                throw damaged("its PLTE chunk has \(content.count) bytes")
            }
            colors = Array(content)
        case "IEND":
            guard pixelData != .before else { throw damaged("it has no IDAT chunk") }
            guard colorType != 3 || !colors.isEmpty else { throw damaged("it has no PLTE chunk") }
            return true
        default:
            try takeAncillary(type, content)
        }
        return false
    }

    private mutating func takeAncillary(_ type: String, _ content: UnsafeRawBufferPointer) throws {
        guard let first = type.utf8.first, first >= 97 else {
            throw ImageError.unsupported(name: name, reason: "it needs the unknown PNG chunk \(type)")
        }
        ancillaryChunks += 1
        guard ancillaryChunks <= ImageLimits.pngAncillaryChunks else {
            throw ImageError.overLimit(
                name: name, what: "number of ancillary PNG chunks", value: ancillaryChunks,
                limit: ImageLimits.pngAncillaryChunks)
        }
        guard content.count <= ImageLimits.pngAncillaryBytes else {
            throw ImageError.overLimit(
                name: name, what: "length of the PNG chunk \(type)", value: content.count,
                limit: ImageLimits.pngAncillaryBytes)
        }
        if type == "tRNS" {
            guard pixelData == .before, transparency.isEmpty, !content.isEmpty, content.count <= 256 else {
                throw damaged("its tRNS chunk is in a wrong place or has a wrong length")
            }
            transparency = Array(content)
        }
    }

    private mutating func readHeader(_ content: UnsafeRawBufferPointer, fileBytes: Int) throws {
        guard content.count == 13 else { throw damaged("its IHDR chunk has \(content.count) bytes, not 13") }
        width = Int(Self.word(content, 0))
        height = Int(Self.word(content, 4))
        bitDepth = Int(content[8])
        colorType = Int(content[9])
        let depths: [Int: [Int]] = [0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]]
        guard depths[colorType]?.contains(bitDepth) == true else {
            throw damaged("its header states \(bitDepth) bits a sample with color type \(colorType)")
        }
        guard content[10] == 0, content[11] == 0, content[12] <= 1 else {
            throw damaged("its header states an unknown compression, filter or interlace method")
        }
        let samples = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][colorType] ?? 4
        try ImageLimits.check(
            name: name, width: width, height: height, bitsPerPixel: bitDepth * samples, fileBytes: fileBytes)
    }

    /// The mode that Pillow opens the file in.
    var mode: ImageMode {
        switch (colorType, bitDepth) {
        case (0, 1): return .bilevel
        case (0, 16): return .gray16
        case (0, _): return .gray
        case (2, _): return .rgb
        case (3, _): return .palette
        case (4, 8): return .grayAlpha
        default: return .rgba
        }
    }

    private func damaged(_ reason: String) -> ImageError { .damaged(name: name, reason: reason) }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> UInt32 {
        UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    }
}

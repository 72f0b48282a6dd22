import CPNG

/// Decodes PNG into the modes and bytes of Pillow.
enum PNGDecoder {
    /// - Throws: `ImageError.damaged`, `.unsupported` or `.overLimit`.
    static func decode(_ bytes: UnsafeRawBufferPointer, name: String) throws -> Image {
        let header = try PNGHeader(bytes, name: name)
        var palette: Palette?
        if header.colorType == 3 {
            palette = Palette(
                colors: header.colors, alphas: Array(header.transparency.prefix(header.colors.count / 3)))
        }
        return try Image(
            width: header.width, height: header.height, mode: header.mode, palette: palette,
            transparentColor: try transparentColor(header, name: name)
        ) { pixels in
            let grayAlpha16 = header.colorType == 4 && header.bitDepth == 16
            let rowBytes = header.width * (grayAlpha16 ? 2 : header.mode.bytesPerPixel)
            try unpack(bytes, header, into: pixels, rowBytes: rowBytes, name: name)
            let count = header.width * header.height
            if header.colorType == 0, header.bitDepth < 8 {
                scale(pixels, count: count, by: UInt8(255 / ((1 << header.bitDepth) - 1)))
            }
            if grayAlpha16 { spreadGrayAlpha(pixels, count: count) }
            if let palette { try checkIndexes(pixels, count: count, palette: palette, name: name) }
        }
    }

    private static func unpack(
        _ bytes: UnsafeRawBufferPointer, _ header: PNGHeader, into pixels: UnsafeMutablePointer<UInt8>, rowBytes: Int,
        name: String
    ) throws {
        var layout = cx_png_layout(
            width: UInt32(header.width), height: UInt32(header.height), bit_depth: Int32(header.bitDepth),
            color_type: Int32(header.colorType))
        var message = [CChar](repeating: 0, count: Int(CX_PNG_MESSAGE_SIZE))
        let status = cx_png_decode(
            bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, &layout, pixels, rowBytes, &message)
        guard status == 0 else {
            throw ImageError.damaged(name: name, reason: String(cString: message) + " (libpng)")
        }
    }

    /// Pillow stretches samples of 1, 2 and 4 bits to 0 ... 255.
    private static func scale(_ pixels: UnsafeMutablePointer<UInt8>, count: Int, by factor: UInt8) {
        for index in 0..<count { pixels[index] = pixels[index] &* factor }
    }

    /// 16-bit gray and alpha becomes RGBA in Pillow. From the back, as the pixels grow in place.
    private static func spreadGrayAlpha(_ pixels: UnsafeMutablePointer<UInt8>, count: Int) {
        for index in stride(from: count - 1, through: 0, by: -1) {
            let gray = pixels[2 * index]
            let alpha = pixels[2 * index + 1]
            for band in 0..<3 { pixels[4 * index + band] = gray }
            pixels[4 * index + 3] = alpha
        }
    }

    private static func checkIndexes(
        _ pixels: UnsafeMutablePointer<UInt8>, count: Int, palette: Palette, name: String
    ) throws {
        var highest: UInt8 = 0
        for index in 0..<count { highest = max(highest, pixels[index]) }
        guard Int(highest) < palette.count else {
            throw ImageError.damaged(
                name: name, reason: "a pixel uses palette entry \(highest), but there are only \(palette.count)")
        }
    }

    private static func transparentColor(_ header: PNGHeader, name: String) throws -> TransparentColor? {
        let values = header.transparency
        let wanted = header.colorType == 0 ? 2 : header.colorType == 2 ? 6 : 0
        if values.isEmpty || wanted == 0 { return nil }
        guard values.count == wanted else {
            throw ImageError.damaged(name: name, reason: "its tRNS chunk has \(values.count) bytes, not \(wanted)")
        }
        func value(_ index: Int) -> UInt16 { UInt16(values[2 * index]) << 8 | UInt16(values[2 * index + 1]) }
        if wanted == 2 { return TransparentColor(red: value(0), green: value(0), blue: value(0)) }
        return TransparentColor(red: value(0), green: value(1), blue: value(2))
    }
}

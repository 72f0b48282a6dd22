import ImageKernels

extension Image {
    /// The image in another mode, by Pillow's `convert`.
    ///
    /// Gray from colors is ITU-R 601 luma, (19595 R + 38470 G + 7471 B + 0x8000) >> 16. Dropping alpha keeps the colors
    /// as they are. 16-bit gray is clipped at 255, not scaled. A palette's alphas and a PNG's transparent color turn into
    /// alpha where the target has one.
    /// - Parameters:
    ///   - mode: `.gray`, `.grayAlpha`, `.rgb` or `.rgba`, or the image's own mode.
    /// - Throws: `ImageError.argument` for another target.
    public func converted(to mode: Mode) throws -> Image {
        if mode == self.mode { return self }
        guard [.gray, .grayAlpha, .rgb, .rgba].contains(mode) else {
            throw ImageError.argument(
                operation: "convert",
                message: "wanted mode L, LA, RGB or RGBA, got \(mode.rawValue) (from \(self.mode.rawValue))")
        }
        let table = palette?.table ?? []
        return try Image(width: width, height: height, mode: mode) { target in
            let count = width * height
            withPointer { source in
                switch self.mode {
                case .bilevel where mode == .rgb, .gray where mode == .rgb:
                    PixelKernels.grayToRGB(source, to: target, count: count)
                case .rgb where mode == .gray, .rgba where mode == .gray:
                    PixelKernels.luma(source, step: self.mode.channels, to: target, count: count)
                case .rgba where mode == .rgb:
                    PixelKernels.dropAlpha(source, to: target, count: count)
                case .bilevel, .gray: convertGray(source, to: target, mode, count)
                case .gray16: convertGray16(source, to: target, mode, count)
                case .grayAlpha: convertGrayAlpha(source, to: target, mode, count)
                case .palette: table.withUnsafeBufferPointer { convertPalette(source, $0, to: target, mode, count) }
                case .rgb: convertColors(source, step: 3, to: target, mode, count)
                case .rgba: convertColors(source, step: 4, to: target, mode, count)
                case .cmyk: convertInks(source, to: target, mode, count)
                }
            }
        }
    }

    /// Writes one pixel of gray and alpha in the target mode.
    @inline(__always)
    private func put(
        _ gray: UInt8, _ alpha: UInt8, _ target: UnsafeMutablePointer<UInt8>, _ mode: Mode, _ index: Int
    ) {
        switch mode {
        case .gray:
            target[index] = gray
        case .grayAlpha:
            target[2 &* index] = gray
            target[2 &* index &+ 1] = alpha
        case .rgb:
            for band in 0..<3 { target[3 &* index &+ band] = gray }
        default:
            for band in 0..<3 { target[4 &* index &+ band] = gray }
            target[4 &* index &+ 3] = alpha
        }
    }

    /// Writes one pixel of color and alpha in the target mode.
    @inline(__always)
    private func put(
        _ red: UInt8, _ green: UInt8, _ blue: UInt8, _ alpha: UInt8, _ target: UnsafeMutablePointer<UInt8>,
        _ mode: Mode, _ index: Int
    ) {
        switch mode {
        case .gray, .grayAlpha:
            put(Self.luma(red, green, blue), alpha, target, mode, index)
        case .rgb:
            target[3 &* index] = red
            target[3 &* index &+ 1] = green
            target[3 &* index &+ 2] = blue
        default:
            target[4 &* index] = red
            target[4 &* index &+ 1] = green
            target[4 &* index &+ 2] = blue
            target[4 &* index &+ 3] = alpha
        }
    }

    private func convertGray(
        _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, _ mode: Mode, _ count: Int
    ) {
        // A transparent value over 255 matches its low byte in Pillow.
        let transparent = transparentColor.map { UInt8(truncatingIfNeeded: $0.red) }
        for index in 0..<count {
            let gray = source[index]
            put(gray, gray == transparent ? 0 : 255, target, mode, index)
        }
    }

    private func convertGray16(
        _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, _ mode: Mode, _ count: Int
    ) {
        for index in 0..<count {
            let gray = source[2 &* index &+ 1] != 0 ? 255 : source[2 &* index]
            put(gray, 255, target, mode, index)
        }
    }

    private func convertGrayAlpha(
        _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, _ mode: Mode, _ count: Int
    ) {
        for index in 0..<count { put(source[2 &* index], source[2 &* index &+ 1], target, mode, index) }
    }

    private func convertPalette(
        _ source: UnsafePointer<UInt8>, _ table: UnsafeBufferPointer<UInt8>,
        to target: UnsafeMutablePointer<UInt8>, _ mode: Mode, _ count: Int
    ) {
        for index in 0..<count {
            let entry = 4 &* Int(source[index])
            put(table[entry], table[entry + 1], table[entry + 2], table[entry + 3], target, mode, index)
        }
    }

    private func convertColors(
        _ source: UnsafePointer<UInt8>, step: Int, to target: UnsafeMutablePointer<UInt8>, _ mode: Mode, _ count: Int
    ) {
        let transparent = transparentColor.map {
            (UInt8(truncatingIfNeeded: $0.red), UInt8(truncatingIfNeeded: $0.green), UInt8(truncatingIfNeeded: $0.blue))
        }
        for index in 0..<count {
            let pixel = source + step &* index
            var alpha: UInt8 = step == 4 ? pixel[3] : 255
            if let transparent, step == 3, transparent == (pixel[0], pixel[1], pixel[2]) { alpha = 0 }
            put(pixel[0], pixel[1], pixel[2], alpha, target, mode, index)
        }
    }

    private func convertInks(
        _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, _ mode: Mode, _ count: Int
    ) {
        for index in 0..<count {
            let pixel = source + 4 &* index
            let light = 255 &- Int32(pixel[3])
            func color(_ ink: UInt8) -> UInt8 {
                UInt8(
                    truncatingIfNeeded: max(
                        0, light &- Int32(PixelKernels.scaled(ink, by: UInt8(truncatingIfNeeded: light)))))
            }
            put(color(pixel[0]), color(pixel[1]), color(pixel[2]), 255, target, mode, index)
        }
    }

    /// One pixel's luma, as `PixelKernels.luma`.
    @inline(__always)
    private static func luma(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
        let sum = UInt32(red) &* 19_595 &+ UInt32(green) &* 38_470 &+ UInt32(blue) &* 7_471 &+ 0x8000
        return UInt8(truncatingIfNeeded: sum >> 16)
    }

    // MARK: Premultiplied alpha

    /// Colors times alpha, as Pillow holds images with alpha while it filters them ("La", "RGBa").
    func premultiplied() throws -> Image {
        try derived(width: width, height: height) { target in
            withPointer { PixelKernels.premultiply($0, to: target, count: width * height, channels: mode.channels) }
        }
    }

    /// The inverse of `premultiplied`.
    func unpremultiplied() throws -> Image {
        try derived(width: width, height: height) { target in
            withPointer { PixelKernels.unpremultiply($0, to: target, count: width * height, channels: mode.channels) }
        }
    }
}

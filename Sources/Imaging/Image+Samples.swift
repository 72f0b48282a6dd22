import Foundation

extension Image {
    /// Whether every pixel is the same.
    public var isFlat: Bool {
        withPixels { pixels in
            let step = mode.bytesPerPixel
            guard let base = pixels.baseAddress, pixels.count > step else { return true }
            // Equal to itself, moved by a pixel.
            return memcmp(base, base + step, pixels.count - step) == 0
        }
    }

    /// All samples, those of all channels together, stretched so that the least becomes 0 and the highest 255, in 8 bits, cut
    /// to whole numbers: what `remap_to_uint8` of BioViL-T's library makes of an image that scikit-image read. An image of one
    /// value becomes 0.
    /// - Throws: as a conversion of a palette or of CMYK, which are stretched as colors.
    public func stretched() throws -> Image {
        let source = mode == .palette ? try converted(to: palette?.alphas.isEmpty ?? true ? .rgb : .rgba) : self
        guard source.mode != .cmyk else { return try converted(to: .rgb).stretched() }
        let isWide = source.mode == .gray16
        let mode: ImageMode = isWide || source.mode == .bilevel ? .gray : source.mode
        return try Image(width: width, height: height, mode: mode) { target in
            source.withPixels { bytes in
                func stretch<Sample: FixedWidthInteger>(_ samples: UnsafeBufferPointer<Sample>) {
                    guard let least = samples.min(), let most = samples.max(), most > least else { return }
                    let range = Double(most) - Double(least)
                    for index in samples.indices {
                        target[index] = UInt8((Double(samples[index]) - Double(least)) / range * 255)
                    }
                }
                if isWide {
                    bytes.withMemoryRebound(to: UInt16.self) { stretch($0) }
                } else {
                    stretch(bytes)
                }
            }
        }
    }

    /// The highest sample: up to 65535 in mode "I;16", up to 255 in any other.
    public var highestSample: Int {
        withPixels { pixels in
            guard mode == .gray16 else { return pixels.max().map(Int.init) ?? 0 }
            return pixels.withMemoryRebound(to: UInt16.self) { $0.max().map { Int(UInt16(littleEndian: $0)) } ?? 0 }
        }
    }
}

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

    /// The highest sample: up to 65535 in mode "I;16", up to 255 in any other.
    public var highestSample: Int {
        withPixels { pixels in
            guard mode == .gray16 else { return pixels.max().map(Int.init) ?? 0 }
            return pixels.withMemoryRebound(to: UInt16.self) { $0.max().map { Int(UInt16(littleEndian: $0)) } ?? 0 }
        }
    }
}

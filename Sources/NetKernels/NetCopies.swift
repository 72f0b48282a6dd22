import Threading

/// Copies between layouts of bytes.
public enum NetCopies {
    /// Copies rows of `rowBytes` between buffers with other distances between their rows.
    public static func copyRows(
        _ source: UnsafeRawPointer, stride sourceStride: Int, _ target: UnsafeMutableRawPointer,
        stride targetStride: Int, rows: Int, rowBytes: Int
    ) {
        Parallel.forRanges(rows, grain: 256) { range in
            for row in range {
                (target + row * targetStride).copyMemory(from: source + row * sourceStride, byteCount: rowBytes)
            }
        }
    }

    /// Images in square patches.
    public struct Patches: Sendable {
        public var images, height, width, channels, size: Int
        /// Whether a token holds `[channels, rows, columns]` rather than `[rows, columns, channels]`.
        public var channelsFirst: Bool

        /// Every property, in order.
        public init(images: Int, height: Int, width: Int, channels: Int, size: Int, channelsFirst: Bool) {
            self.images = images
            self.height = height
            self.width = width
            self.channels = channels
            self.size = size
            self.channelsFirst = channelsFirst
        }
    }

    /// Copies images `[images, height, width, channels]` to tokens, or tokens to images.
    public static func patches(
        image: UnsafeMutableRawPointer, tokens: UnsafeMutableRawPointer, elementBytes: Int, toTokens: Bool,
        _ shape: Patches
    ) {
        let (size, channels) = (shape.size, shape.channels)
        let (down, across) = (shape.height / size, shape.width / size)
        func move(_ pixel: UnsafeMutableRawPointer, _ token: UnsafeMutableRawPointer, _ count: Int) {
            let bytes = count * elementBytes
            if toTokens {
                token.copyMemory(from: pixel, byteCount: bytes)
            } else {
                pixel.copyMemory(from: token, byteCount: bytes)
            }
        }
        Parallel.forRanges(shape.images * down, grain: 8) { range in
            for line in range {
                for column in 0..<across {
                    let token = tokens + (line * across + column) * size * size * channels * elementBytes
                    for y in 0..<size {
                        let first = ((line * size + y) * shape.width + column * size) * channels
                        if !shape.channelsFirst {
                            move(
                                image + first * elementBytes, token + y * size * channels * elementBytes,
                                size * channels)
                            continue
                        }
                        for x in 0..<size {
                            for channel in 0..<channels {
                                move(
                                    image + (first + x * channels + channel) * elementBytes,
                                    token + ((channel * size + y) * size + x) * elementBytes, 1)
                            }
                        }
                    }
                }
            }
        }
    }
}

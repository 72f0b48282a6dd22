/// Conversions between layouts of 8-bit pixels, in Pillow's integer arithmetic.
public enum PixelKernels {
    /// ITU-R 601 luma, (19595 R + 38470 G + 7471 B + 0x8000) >> 16, of `count` pixels of `step` bytes that begin with R, G, B.
    public static func luma(
        _ source: UnsafePointer<UInt8>, step: Int, to target: UnsafeMutablePointer<UInt8>, count: Int
    ) {
        // Constant steps let the compiler use vector shuffles.
        if step == 3 {
            for index in 0..<count { target[index] = luma(source + 3 * index) }
        } else {
            for index in 0..<count { target[index] = luma(source + step * index) }
        }
    }

    @inline(__always)
    private static func luma(_ pixel: UnsafePointer<UInt8>) -> UInt8 {
        let sum = UInt32(pixel[0]) &* 19_595 &+ UInt32(pixel[1]) &* 38_470 &+ UInt32(pixel[2]) &* 7_471 &+ 0x8000
        return UInt8(truncatingIfNeeded: sum >> 16)
    }

    /// RGB of `count` gray pixels.
    public static func grayToRGB(_ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, count: Int) {
        for index in 0..<count {
            let gray = source[index]
            target[3 * index] = gray
            target[3 * index + 1] = gray
            target[3 * index + 2] = gray
        }
    }

    /// The colors of `count` RGBA pixels as they are.
    public static func dropAlpha(_ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, count: Int) {
        for index in 0..<count {
            target[3 * index] = source[4 * index]
            target[3 * index + 1] = source[4 * index + 1]
            target[3 * index + 2] = source[4 * index + 2]
        }
    }

    /// Colors times alpha / 255, rounded, of `count` pixels of 2 (gray, alpha) or 4 (RGBA) channels.
    public static func premultiply(
        _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, count: Int, channels: Int
    ) {
        if channels == 2 {
            for index in 0..<count {
                target[2 * index] = scaled(source[2 * index], by: source[2 * index + 1])
                target[2 * index + 1] = source[2 * index + 1]
            }
            return
        }
        for index in 0..<count {
            let alpha = source[4 * index + 3]
            target[4 * index] = scaled(source[4 * index], by: alpha)
            target[4 * index + 1] = scaled(source[4 * index + 1], by: alpha)
            target[4 * index + 2] = scaled(source[4 * index + 2], by: alpha)
            target[4 * index + 3] = alpha
        }
    }

    /// Colors × 255 / alpha, cut and clamped, of `count` pixels of 2 or 4 channels; colors under alpha 0 stay.
    public static func unpremultiply(
        _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, count: Int, channels: Int
    ) {
        for index in 0..<count {
            let from = source + channels * index
            let to = target + channels * index
            let alpha = UInt32(from[channels - 1])
            for band in 0..<channels - 1 {
                let value = UInt32(from[band])
                to[band] = UInt8(truncatingIfNeeded: alpha == 0 ? value : min(255, 255 &* value / alpha))
            }
            to[channels - 1] = from[channels - 1]
        }
    }

    /// value × factor / 255, rounded, without a division.
    @inline(__always)
    public static func scaled(_ value: UInt8, by factor: UInt8) -> UInt8 {
        let product = UInt32(value) &* UInt32(factor) &+ 128
        return UInt8(truncatingIfNeeded: ((product >> 8) &+ product) >> 8)
    }
}

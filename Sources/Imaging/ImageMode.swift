/// What the samples of an image's pixels mean, under Pillow's names.
public enum ImageMode: String, CaseIterable, Sendable {
    /// Black and white: one byte a pixel, 0 or 255.
    case bilevel = "1"
    /// Gray, 8 bits.
    case gray = "L"
    /// Gray and alpha, 8 bits each.
    case grayAlpha = "LA"
    /// Indexes into a palette of up to 256 colors, one byte each.
    case palette = "P"
    /// Red, green, blue, 8 bits each.
    case rgb = "RGB"
    /// Red, green, blue and alpha, 8 bits each; alpha is not premultiplied.
    case rgba = "RGBA"
    /// Cyan, magenta, yellow, black, 8 bits each; 0 is no ink.
    case cmyk = "CMYK"
    /// Gray, 16 bits, little-endian.
    case gray16 = "I;16"

    /// Samples of one pixel.
    public var channels: Int {
        switch self {
        case .bilevel, .gray, .palette, .gray16: return 1
        case .grayAlpha: return 2
        case .rgb: return 3
        case .rgba, .cmyk: return 4
        }
    }

    /// Bytes of one pixel.
    public var bytesPerPixel: Int { self == .gray16 ? 2 : channels }

    /// Whether the last channel is alpha.
    public var hasAlpha: Bool { self == .grayAlpha || self == .rgba }
}

/// What an image may cost. Files state their own sizes, so these hold before any pixel is decoded.
public enum ImageLimits {
    /// The longest side, in pixels.
    public static let side = 16_384
    /// The most pixels of one image: 64 Mi, as many as a square of 8192.
    public static let pixels = 64 * 1024 * 1024
    /// The longest file, in bytes.
    public static let fileBytes = 512 * 1024 * 1024
    /// The longest ancillary chunk of a PNG, in bytes (libpng's own default for what it keeps).
    public static let pngAncillaryBytes = 8_000_000
    /// The most ancillary chunks of a PNG.
    public static let pngAncillaryChunks = 1_000
    /// The most scans of a progressive JPEG; each costs a pass over the whole image.
    public static let jpegScans = 100
    /// Decoded bytes for each byte of the file, counted as the file packs them; checked above `ratioFreeBytes`. No picture
    /// reaches it: deflate gives at most 1,032 for one, and a progressive JPEG whose blocks take a bit each 1,366.
    public static let decodedRatio = 1_500
    /// Decoded sizes up to this are not held against the file's size.
    public static let ratioFreeBytes = 16 * 1024 * 1024

    /// Refuses a size that an image must not have, before memory is asked for.
    /// - Parameters:
    ///   - bitsPerPixel: what a pixel takes before it is compressed: 1 in a bilevel PNG, whose pixels are bytes here.
    ///   - fileBytes: the encoded size, or nil where the image does not come from a file.
    /// - Throws: `ImageError.overLimit`, `.damaged` for a side below 1.
    static func check(name: String, width: Int, height: Int, bitsPerPixel: Int, fileBytes: Int?) throws {
        guard width > 0, height > 0 else {
            throw ImageError.damaged(name: name, reason: "the header states a size of \(width)×\(height) pixels")
        }
        for (what, value) in [("width", width), ("height", height)] where value > side {
            throw ImageError.overLimit(name: name, what: "\(what) in pixels", value: value, limit: side)
        }
        // Both sides are at most 16,384 here, so the products cannot overflow.
        let count = width * height
        guard count <= pixels else {
            throw ImageError.overLimit(name: name, what: "number of pixels", value: count, limit: pixels)
        }
        if let fileBytes {
            let decoded = count * bitsPerPixel / 8
            if decoded > ratioFreeBytes, decoded / decodedRatio >= max(1, fileBytes) {
                throw ImageError.overLimit(
                    name: name, what: "ratio of decoded to encoded bytes", value: decoded / max(1, fileBytes),
                    limit: decodedRatio)
            }
        }
    }
}

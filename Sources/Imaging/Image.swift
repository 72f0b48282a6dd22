import Tensors

/// A decoded image: rows from top to bottom, pixels from left to right, samples of a pixel side by side.
///
/// Images do not change once they are made; every operation gives a new one. Conversions and resampling give Pillow's
/// bytes (version 11.1).
public final class Image: @unchecked Sendable {
    /// What the samples mean.
    public typealias Mode = ImageMode

    /// Columns of pixels.
    public let width: Int
    /// Rows of pixels.
    public let height: Int
    /// What the samples mean.
    public let mode: Mode
    /// The colors of mode "P".
    public let palette: Palette?
    /// The color that a PNG declares transparent without an alpha channel; Pillow's `info["transparency"]`.
    let transparentColor: TransparentColor?
    /// The pixels, with `padding` readable bytes behind them, so that vector loads may run over the last pixel.
    private let storage: Storage
    private static let padding = 64

    /// An image whose pixels `fill` writes; they are zero before.
    /// - Throws: `ImageError.argument` for a size outside `ImageLimits`, `TensorError.outOfMemory`, and what `fill` throws.
    init(
        width: Int, height: Int, mode: Mode, palette: Palette? = nil, transparentColor: TransparentColor? = nil,
        fill: (UnsafeMutablePointer<UInt8>) throws -> Void
    ) throws {
        do {
            try ImageLimits.check(
                name: "image", width: width, height: height, bitsPerPixel: 8 * mode.bytesPerPixel, fileBytes: nil)
        } catch ImageError.overLimit(_, let what, let value, let limit) {
            throw ImageError.argument(
                operation: "image", message: "the \(what) is \(value), over the limit of \(limit)")
        } catch {
            throw ImageError.argument(operation: "image", message: "an image of \(width)×\(height) pixels cannot be")
        }
        let byteCount = width * height * mode.bytesPerPixel
        let storage = try Storage(byteCount: byteCount + Self.padding)
        storage.bytes.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount + Self.padding)
        try fill(storage.bytes.assumingMemoryBound(to: UInt8.self))
        self.width = width
        self.height = height
        self.mode = mode
        self.palette = mode == .palette ? palette ?? Palette.gray : nil
        self.transparentColor = transparentColor
        self.storage = storage
    }

    /// An image over a copy of `pixels`: rows of interleaved samples, `height × width × mode.bytesPerPixel` bytes.
    /// - Throws: `ImageError.argument` where the count does not match or a side is outside `ImageLimits`.
    public convenience init(width: Int, height: Int, mode: Mode, pixels: [UInt8]) throws {
        try self.init(width: width, height: height, mode: mode) { target in
            let wanted = width * height * mode.bytesPerPixel
            guard pixels.count == wanted else {
                throw ImageError.argument(
                    operation: "image",
                    message:
                        "\(width)×\(height) pixels of mode \(mode.rawValue) are \(wanted) bytes, got \(pixels.count)")
            }
            target.update(from: pixels, count: wanted)
        }
    }

    /// A black image (transparent where the mode has alpha).
    /// - Throws: `ImageError.argument` where a side is outside `ImageLimits`.
    public convenience init(zeros width: Int, height: Int, mode: Mode) throws {
        try self.init(width: width, height: height, mode: mode) { _ in }
    }

    /// Samples of one pixel.
    public var channels: Int { mode.channels }
    /// Bytes of one row.
    public var bytesPerRow: Int { width * mode.bytesPerPixel }
    /// Bytes of all pixels.
    public var byteCount: Int { height * bytesPerRow }

    /// A copy of the pixels, row by row, samples interleaved; 16-bit samples are little-endian.
    public var pixels: [UInt8] { withPixels { Array($0) } }

    /// Calls `body` with the pixels, row by row, samples interleaved.
    public func withPixels<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(storage) {
            try body(
                UnsafeBufferPointer(start: storage.bytes.assumingMemoryBound(to: UInt8.self), count: byteCount))
        }
    }

    /// Calls `body` with the first pixel. `padding` bytes behind the last one may be read as well.
    func withPointer<Result>(_ body: (UnsafePointer<UInt8>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(storage) {
            try body(UnsafePointer(storage.bytes.assumingMemoryBound(to: UInt8.self)))
        }
    }

    /// A new image of another size in this image's mode, with its palette and transparent color.
    func derived(width: Int, height: Int, fill: (UnsafeMutablePointer<UInt8>) throws -> Void) throws -> Image {
        try Image(
            width: width, height: height, mode: mode, palette: palette, transparentColor: transparentColor, fill: fill)
    }
}

/// The colors of an image of mode "P".
public struct Palette: Equatable, Sendable {
    /// Red, green, blue of each entry.
    public let colors: [UInt8]
    /// Alphas of the first entries; entries without one are opaque.
    public let alphas: [UInt8]

    /// Entries of the palette.
    public var count: Int { colors.count / 3 }

    /// A palette of 1 to 256 entries, or nil where the counts do not fit.
    public init?(colors: [UInt8], alphas: [UInt8] = []) {
        guard colors.count % 3 == 0, (1...256).contains(colors.count / 3), alphas.count <= colors.count / 3 else {
            return nil
        }
        self.colors = colors
        self.alphas = alphas
    }

    private init(gray: Void) {
        colors = (0..<256).flatMap { [UInt8($0), UInt8($0), UInt8($0)] }
        alphas = []
    }

    /// 256 grays from black to white.
    static let gray = Palette(gray: ())

    /// Red, green, blue and alpha of 256 entries; those past the palette's end are black and opaque.
    var table: [UInt8] {
        var table = [UInt8](repeating: 0, count: 1024)
        for index in 0..<256 {
            if index < count { for band in 0..<3 { table[4 * index + band] = colors[3 * index + band] } }
            table[4 * index + 3] = index < alphas.count ? alphas[index] : 255
        }
        return table
    }
}

/// A color that a PNG's tRNS chunk makes transparent: the 16-bit values as they stand in the file.
struct TransparentColor: Equatable, Sendable {
    var red: UInt16
    var green: UInt16
    var blue: UInt16
}

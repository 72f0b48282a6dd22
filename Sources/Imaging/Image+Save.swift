import CPNG
import CTurboJPEG
import Files

extension Image {
    /// Writes a PNG or JPEG, by the path's suffix (`.png`, `.jpg`, `.jpeg`). The file is whole or absent: it is written
    /// beside its place, forced to disk and renamed. Equal images give equal bytes.
    /// - Parameters:
    ///   - quality: of JPEG, 1 to 100; chroma is halved both ways, as Pillow does unless told otherwise.
    /// - Throws: `ImageError.argument` for another suffix or quality or a mode that the format lacks, `FileError.unwritable`.
    public func save(_ path: String, quality: Int = 95) throws {
        switch Paths.ending(path) {
        case "png":
            try withPNG { try AtomicFile.write(path, $0) }
        case "jpg", "jpeg":
            try withJPEG(quality: quality) { try AtomicFile.write(path, $0) }
        default:
            throw ImageError.argument(
                operation: "save", message: "wanted a path that ends in .png, .jpg or .jpeg, got \(path)")
        }
    }

    /// The bytes of the image as a JPEG file; see `save`.
    /// - Throws: `ImageError.argument` for another quality or a mode that the format lacks.
    public func jpeg(quality: Int = 95) throws -> [UInt8] { try withJPEG(quality: quality) { Array($0) } }

    private func withPNG<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let layouts: [Mode: (depth: Int32, type: Int32)] = [
            .bilevel: (1, 0), .gray: (8, 0), .gray16: (16, 0), .rgb: (8, 2), .palette: (8, 3), .grayAlpha: (8, 4),
            .rgba: (8, 6),
        ]
        guard let (depth, type) = layouts[mode] else {
            throw ImageError.argument(
                operation: "save", message: "PNG has no mode \(mode.rawValue); convert the image to RGB first")
        }
        var layout = cx_png_layout(
            width: UInt32(width), height: UInt32(height), bit_depth: depth, color_type: type)
        var message = [CChar](repeating: 0, count: Int(CX_PNG_MESSAGE_SIZE))
        var encoded: UnsafeMutablePointer<UInt8>?
        var count = 0
        let colors = palette?.colors ?? []
        let alphas = palette?.alphas ?? []
        let status = withPointer { pixels in
            cx_png_encode(
                &layout, pixels, bytesPerRow, colors, Int32(colors.count / 3), alphas, Int32(alphas.count), &encoded,
                &count, &message)
        }
        guard status == 0, let encoded else {
            throw ImageError.argument(operation: "save", message: String(cString: message) + " (libpng)")
        }
        defer { cx_png_free(encoded) }
        return try body(UnsafeRawBufferPointer(start: encoded, count: count))
    }

    private func withJPEG<Result>(
        quality: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        guard (1...100).contains(quality) else {
            throw ImageError.argument(operation: "save", message: "wanted a JPEG quality of 1 to 100, got \(quality)")
        }
        guard mode == .gray || mode == .rgb else {
            throw ImageError.argument(
                operation: "save", message: "JPEG is written from mode L or RGB, got \(mode.rawValue); convert it first"
            )
        }
        guard let handle = tjInitCompress() else {
            throw ImageError.argument(operation: "save", message: "TurboJPEG could not be started")
        }
        defer { tjDestroy(handle) }
        var encoded: UnsafeMutablePointer<UInt8>?
        var count: UInt = 0
        defer { tjFree(encoded) }
        let isGray = mode == .gray
        let status = withPointer { pixels in
            tjCompress2(
                handle, pixels, Int32(width), Int32(bytesPerRow), Int32(height),
                (isGray ? TJPF_GRAY : TJPF_RGB).rawValue, &encoded, &count,
                Int32((isGray ? TJSAMP_GRAY : TJSAMP_420).rawValue), Int32(quality), TJFLAG_ACCURATEDCT)
        }
        guard status == 0, let encoded else {
            let reason = tjGetErrorStr2(handle).map { String(cString: $0) } ?? "the image cannot be encoded"
            throw ImageError.argument(operation: "save", message: reason + " (libjpeg-turbo)")
        }
        return try body(UnsafeRawBufferPointer(start: encoded, count: Int(count)))
    }
}

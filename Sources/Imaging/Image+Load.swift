extension Image {
    /// Reads and decodes a PNG or JPEG file, told by its content.
    /// - Parameters:
    ///   - mode: the mode to convert to, as Pillow's `convert`; nil keeps the mode that Pillow opens the file in.
    /// - Throws: `ImageError`, naming the path.
    public static func load(_ path: String, mode: Mode? = nil) throws -> Image {
        try ImageFile.read(path).withUnsafeBytes { try decode($0, name: path, mode: mode) }
    }

    /// Decodes a PNG or JPEG from memory. EXIF orientation is not applied, as in Pillow.
    /// - Parameters:
    ///   - name: stands in errors, usually the path.
    ///   - mode: the mode to convert to, as Pillow's `convert`; nil keeps the mode that Pillow opens the file in.
    /// - Throws: `ImageError.notAnImage`, `.unsupported`, `.damaged` or `.overLimit`. Whatever a decoder only warns of is
    ///   an error too, so that a damaged picture is never used in silence.
    public static func decode(_ bytes: UnsafeRawBufferPointer, name: String, mode: Mode? = nil) throws -> Image {
        let image: Image
        switch try ImageFormat.sniff(bytes, name: name) {
        case .png: image = try PNGDecoder.decode(bytes, name: name)
        case .jpeg: image = try JPEGDecoder.decode(bytes, name: name)
        }
        guard let mode else { return image }
        return try image.converted(to: mode)
    }
}

import Files

/// Reading image files whole.
public enum ImageFile {
    /// All bytes of a regular file. Hash and decode the same bytes, so that a file that changes in between cannot matter.
    /// - Throws: `ImageError.missing`, `.unreadable` (a folder, no permission, a file that shrinks while it is read),
    ///   `.overLimit` for a file over `ImageLimits.fileBytes`.
    public static func read(_ path: String) throws -> [UInt8] {
        do {
            return try FileReader.bytes(path) { size in
                guard size <= ImageLimits.fileBytes else {
                    throw ImageError.overLimit(
                        name: path, what: "file size in bytes", value: size, limit: ImageLimits.fileBytes)
                }
            }
        } catch FileError.missing(let path, _) {
            throw ImageError.missing(path: path)
        } catch FileError.unreadable(let path, let reason) {
            throw ImageError.unreadable(path: path, reason: reason)
        }
    }
}

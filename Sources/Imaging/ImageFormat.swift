/// The format of encoded bytes, told from their content; names and suffixes say nothing certain.
enum ImageFormat {
    case png, jpeg

    static let pngSignature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// The format of `bytes`.
    /// - Throws: `ImageError.notAnImage` that says what the content looks like and what to do.
    static func sniff(_ bytes: UnsafeRawBufferPointer, name: String) throws -> ImageFormat {
        if bytes.starts(with: pngSignature) { return .png }
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return .jpeg }
        throw ImageError.notAnImage(name: name, found: describe(bytes))
    }

    private static func describe(_ bytes: UnsafeRawBufferPointer) -> String {
        if bytes.isEmpty { return "the file is empty; get it anew" }
        if bytes.count < 8 {
            return "the file holds only \(bytes.count) byte\(bytes.count == 1 ? "" : "s"); get it anew"
        }
        let head = bytes.prefix(512)
        let text = String(decoding: head, as: UTF8.self).lowercased().drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        if text.hasPrefix("version https://git-lfs.github.com/spec") {
            return "it is a Git LFS pointer, the picture itself was not downloaded; run 'git lfs pull'"
        }
        if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") || text.contains("<head") {
            return "it is an HTML page, such as a server sends instead of the file; download it again, logged in"
        }
        if text.hasPrefix("<?xml") || text.hasPrefix("<svg") {
            return "it is XML, perhaps a server's error message or an SVG; download it again or render it to PNG"
        }
        for (signature, kind) in known where head.starts(with: signature) {
            return "it is \(kind); convert it to PNG or JPEG"
        }
        if bytes.count >= 132, bytes[128..<132].elementsEqual([0x44, 0x49, 0x43, 0x4D]) {
            return "it is a DICOM file; convert it to PNG or JPEG"
        }
        if head.starts(with: [0x52, 0x49, 0x46, 0x46]), bytes.count >= 12,
            bytes[8..<12].elementsEqual([0x57, 0x45, 0x42, 0x50])
        {
            return "it is a WebP image; convert it to PNG or JPEG"
        }
        if head.allSatisfy({ $0 == 0 }) { return "it begins with zeros, as after a broken download; get it anew" }
        let start = head.prefix(8).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        return "it begins with the bytes \(start.joined(separator: " "))"
    }

    private static let known: [([UInt8], String)] = [
        ([0x47, 0x49, 0x46, 0x38], "a GIF image"),
        ([0x42, 0x4D], "a BMP image"),
        ([0x49, 0x49, 0x2A, 0x00], "a TIFF image"),
        ([0x4D, 0x4D, 0x00, 0x2A], "a TIFF image"),
        ([0x00, 0x00, 0x00, 0x0C, 0x6A, 0x50], "a JPEG 2000 image"),
        ([0xFF, 0x4F, 0xFF, 0x51], "a JPEG 2000 image"),
        ([0x25, 0x50, 0x44, 0x46], "a PDF document"),
        ([0x50, 0x4B, 0x03, 0x04], "a zip archive"),
        ([0x1F, 0x8B], "a gzip archive"),
    ]
}

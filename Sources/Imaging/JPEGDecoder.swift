import CTurboJPEG

/// Decodes JPEG as Pillow does: accurate integer DCT, smooth chroma upsampling, orientation tags not applied.
enum JPEGDecoder {
    /// - Throws: `ImageError.damaged`, `.unsupported` or `.overLimit`.
    static func decode(_ bytes: UnsafeRawBufferPointer, name: String) throws -> Image {
        let header = try JPEGHeader(bytes, name: name)
        let mode: ImageMode = header.components == 1 ? .gray : header.components == 3 ? .rgb : .cmyk
        return try Image(width: header.width, height: header.height, mode: mode) { pixels in
            try unpack(bytes, header, mode, into: pixels, name: name)
            if mode == .cmyk {
                // Files of this kind hold inverted inks, as Adobe writes them; Pillow takes all of them so.
                for index in 0..<header.width * header.height * 4 { pixels[index] = ~pixels[index] }
            }
        }
    }

    private static func unpack(
        _ bytes: UnsafeRawBufferPointer, _ header: JPEGHeader, _ mode: ImageMode,
        into pixels: UnsafeMutablePointer<UInt8>, name: String
    ) throws {
        guard let handle = tjInitDecompress() else {
            throw ImageError.damaged(name: name, reason: "TurboJPEG could not be started")
        }
        defer { tjDestroy(handle) }
        let start = bytes.bindMemory(to: UInt8.self).baseAddress
        var width: Int32 = 0
        var height: Int32 = 0
        var sampling: Int32 = 0
        var space: Int32 = 0
        // The call also fails for chroma samplings that TurboJPEG has no name for, which it decodes all the same:
        // what counts is that it reads the size for which the memory was made.
        let status = tjDecompressHeader3(handle, start, UInt(bytes.count), &width, &height, &sampling, &space)
        guard Int(width) == header.width, Int(height) == header.height else {
            throw ImageError.damaged(
                name: name, reason: status == 0 ? "its frame header is ambiguous" : reason(handle))
        }
        let formats: [ImageMode: TJPF] = [.gray: TJPF_GRAY, .rgb: TJPF_RGB, .cmyk: TJPF_CMYK]
        let format = formats[mode] ?? TJPF_RGB
        let flags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS
        guard
            tjDecompress2(
                handle, start, UInt(bytes.count), pixels, width, width * Int32(mode.channels), height, format.rawValue,
                flags) == 0
        else { throw ImageError.damaged(name: name, reason: reason(handle)) }
    }

    private static func reason(_ handle: tjhandle) -> String {
        tjGetErrorStr2(handle).map { String(cString: $0) + " (libjpeg-turbo)" } ?? "it cannot be decoded"
    }
}

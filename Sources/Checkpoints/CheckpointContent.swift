import Files

/// What one file of weights holds, whatever its format.
struct CheckpointContent {
    var tensors: [(name: String, record: TensorRecord)] = []
    var metadata: [String: String] = [:]

    /// Reads a mapped file, telling its format by its content.
    /// - Throws: `FileError` or `CheckpointError.refused`.
    static func read(_ file: MappedFile, headerLimit: Int) throws -> CheckpointContent {
        switch FileFormat.sniff(file.bytes) {
        case .zip:
            let archive = try ZipArchive(file)
            if archive.entries.contains(where: { $0.name.hasSuffix(".npy") }) {
                return CheckpointContent(tensors: try NumPyArchive.read(archive))
            }
            return try TorchZip.read(archive)
        case .legacyTorch: return try TorchLegacy.read(file)
        case .numPy: return CheckpointContent(tensors: [("array", try NumPyHeader.record(file.bytes, file, file.path))])
        case .safeTensors:
            let content = try SafeTensors.read(file, headerLimit: headerLimit)
            return CheckpointContent(tensors: content.tensors, metadata: content.metadata)
        case .foreign(let reason): throw FileError.malformed(path: file.path, location: "", reason: reason)
        }
    }
}

/// The format of a file by its first bytes, not its name.
enum FileFormat: Equatable {
    case zip, legacyTorch, numPy, safeTensors
    /// No weights; the text says what it is and what to do.
    case foreign(String)

    /// The bytes of PyTorch's legacy magic number 0x1950a86a20f9469cfc6c, as protocol 2 writes it.
    static let legacyMagic: [UInt8] = [
        0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
    ]

    static func sniff(_ bytes: UnsafeRawBufferPointer) -> FileFormat {
        func begins(_ prefix: [UInt8], at offset: Int = 0) -> Bool {
            bytes.count >= offset + prefix.count && bytes[offset..<offset + prefix.count].elementsEqual(prefix)
        }
        if bytes.isEmpty { return .foreign("the file is empty") }
        // First of all, as the length of a header may look like any other magic number.
        if bytes.count > 8, bytes[8] == UInt8(ascii: "{"), begins([0, 0, 0, 0], at: 4) { return .safeTensors }
        if begins([0x50, 0x4B, 3, 4]) || begins([0x50, 0x4B, 5, 6]) { return .zip }
        if begins([0x93] + Array("NUMPY".utf8)) { return .numPy }
        if begins(legacyMagic) { return .legacyTorch }
        if begins(Array("version https://git-lfs".utf8)) {
            return .foreign("a Git LFS pointer, not the weights; fetch them with `git lfs pull`")
        }
        if begins([0x1F, 0x8B]) { return .foreign("compressed with gzip; unpack it first with `gunzip`") }
        if begins(Array("ustar".utf8), at: 257) {
            return .foreign("a tar archive (PyTorch before 0.1.10, or packed weights); unpack it or save it again")
        }
        let head = String(decoding: bytes.prefix(512), as: UTF8.self).lowercased().drop { $0.isWhitespace }
        if head.hasPrefix("<!doctype") || head.hasPrefix("<html") || head.hasPrefix("<?xml") {
            return .foreign("a web page, not the weights; the download needs a login or another address")
        }
        if begins(Array("GGUF".utf8)) { return .foreign("a GGUF file, which is not supported; use the safetensors") }
        if begins([0x89, 0x48, 0x44, 0x46]) {
            return .foreign("an HDF5 file, which is not supported; use safetensors")
        }
        if bytes[0] == 0x80, bytes.count > 1, (2...5).contains(bytes[1]) {
            return .foreign("a bare pickle, not a file of torch.save; save the state_dict as safetensors")
        }
        if bytes[0] == UInt8(ascii: "{") || bytes[0] == UInt8(ascii: "[") {
            return .foreign("a text file (JSON?), not the weights")
        }
        return .safeTensors
    }
}

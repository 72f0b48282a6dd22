/// The files of a tar archive in memory (POSIX ustar and pax, and GNU's long names).
public struct TarArchive {
    /// The regular files, in the archive's order: their names, without a `./` before them, and where their bytes lie.
    public let files: [(name: String, range: Range<Int>)]

    private static let block = 512
    private static let mostFiles = 100_000

    /// Reads the headers of an archive.
    /// - Throws: `FileError.malformed` for what is no tar archive, damaged or cut.
    public init(_ bytes: [UInt8], name path: String) throws {
        func malformed(_ at: Int, _ reason: String) -> FileError {
            FileError.malformed(path: path, location: "byte \(at) of the archive", reason: reason)
        }
        func text(_ range: Range<Int>) -> String {
            String(decoding: bytes[range].prefix { $0 != 0 }, as: UTF8.self)
        }
        var files: [(name: String, range: Range<Int>)] = []
        var (start, longName) = (0, String?.none)
        while start + Self.block <= bytes.count {
            let header = start..<start + Self.block
            if bytes[header].allSatisfy({ $0 == 0 }) { break }
            guard Self.isHeader(bytes[header]) else {
                throw malformed(start, "no header of a tar archive, or a damaged one")
            }
            guard let size = Self.octal(bytes[start + 124..<start + 136]), size <= bytes.count - header.upperBound
            else {
                throw malformed(start, "a file ends after the archive: it was cut, or is damaged")
            }
            let data = header.upperBound..<header.upperBound + size
            let prefix = text(start + 257..<start + 262) == "ustar" ? text(start + 345..<start + 500) : ""
            switch bytes[start + 156] {
            case UInt8(ascii: "L"): longName = text(data)
            case UInt8(ascii: "x"): longName = Self.paxPath(bytes[data]) ?? longName
            case UInt8(ascii: "0"), 0:
                let name = longName ?? (prefix.isEmpty ? "" : prefix + "/") + text(start..<start + 100)
                guard files.count < Self.mostFiles else { throw malformed(start, "more than \(Self.mostFiles) files") }
                files.append((name.hasPrefix("./") ? String(name.dropFirst(2)) : name, data))
                longName = nil
            case UInt8(ascii: "g"): break
            default: longName = nil
            }
            start = header.upperBound + (size + Self.block - 1) / Self.block * Self.block
        }
        guard !files.isEmpty else { throw malformed(0, "a tar archive that holds no file") }
        self.files = files
    }

    /// Whether bytes begin as an archive does: with the header of a file.
    public static func begins(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= block && isHeader(Array(bytes.prefix(block))[...])
    }

    /// Whether a block is a file's header, by its sum, which counts its own field as spaces.
    private static func isHeader(_ block: ArraySlice<UInt8>) -> Bool {
        let field = block[block.startIndex + 148..<block.startIndex + 156]
        return octal(field) == block.reduce(0) { $0 + Int($1) } - field.reduce(0) { $0 + Int($1) } + 8 * 32
    }

    /// A number in octal digits, with spaces or a zero around it; nil for another text.
    private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        return digits.isEmpty
            ? nil : Int(String(decoding: digits, as: UTF8.self), radix: 8).flatMap { $0 < 0 ? nil : $0 }
    }

    /// The `path` of a pax header, whose records are `length key=value` and a line end.
    private static func paxPath(_ bytes: ArraySlice<UInt8>) -> String? {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            if let record = line.firstIndex(of: " ").map({ line[line.index(after: $0)...] }), record.hasPrefix("path=")
            {
                return String(record.dropFirst("path=".count))
            }
        }
        return nil
    }
}

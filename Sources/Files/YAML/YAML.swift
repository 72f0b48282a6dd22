import Foundation

/// YAML 1.2 with the core schema, as configs use it: one document, text keys, no tags and no merge keys.
public enum YAML {
    /// What a text may hold. The limits stop texts that are small and describe something huge.
    public enum Limits {
        /// Bytes of a text.
        public static let bytes = 1 << 20
        /// Lists and maps within each other, after aliases.
        public static let depth = 64
        /// Scalars, lists, maps and keys, after aliases.
        public static let nodes = 100_000
        /// Aliases (`*name`) of a text.
        public static let aliases = 100
    }

    /// Reads and parses a file.
    /// - Throws: `YAMLError` with the path where it cannot be read, with `file:line:column` where it is not as it must be.
    public static func read(_ path: String) throws -> YAMLNode {
        let data: Data
        do {
            data = try FileReader.data(path, limit: Limits.bytes)
        } catch FileError.unreadable(let path, let reason) {
            throw YAMLError(location: path, message: "cannot be read: \(reason)")
        } catch FileError.missing(let path, let hint) {
            throw YAMLError(location: path, message: "no such file" + (hint.isEmpty ? "" : "; \(hint)"))
        }
        return try data.withUnsafeBytes { try parse($0, name: path) }
    }

    /// Parses a text.
    /// - Parameters:
    ///   - text: the text.
    ///   - name: the path that errors name.
    /// - Throws: `YAMLError` with line and column.
    public static func parse(_ text: String, name: String) throws -> YAMLNode {
        var text = text
        return try text.withUTF8 { try parse(UnsafeRawBufferPointer($0), name: name) }
    }

    /// Parses UTF-8 bytes.
    /// - Throws: `YAMLError` with line and column.
    public static func parse(_ bytes: UnsafeRawBufferPointer, name: String) throws -> YAMLNode {
        try checkText(bytes, name: name)
        var composer = try YAMLComposer(bytes: bytes, name: name)
        return try composer.document()
    }

    /// Parses a value that stands alone, as in `--set path=value`; `name` is all that its errors can name.
    /// - Throws: `YAMLError` with `name` as its place.
    public static func parse(argument text: String, name: String) throws -> YAMLNode {
        do {
            return moved(try parse(text, name: name), to: YAMLNode.Place(name: name, line: 0, column: 0))
        } catch let error as YAMLError {
            throw YAMLError(location: name, message: error.message)
        }
    }

    private static func moved(_ node: YAMLNode, to place: YAMLNode.Place) -> YAMLNode {
        YAMLNode(node.value, at: place)
    }

    /// Refuses what libyaml would read in another way than YAML 1.2 or an editor shows it.
    private static func checkText(_ bytes: UnsafeRawBufferPointer, name: String) throws {
        func failure(at offset: Int, _ message: String) -> YAMLError {
            var line = 1
            var column = 1
            for byte in bytes.prefix(offset) {
                if byte == 0x0A {
                    line += 1
                    column = 1
                } else if byte & 0xC0 != 0x80 {
                    column += 1
                }
            }
            return YAMLError(location: "\(name):\(line):\(column)", message: message)
        }
        guard bytes.count <= Limits.bytes else {
            throw failure(at: 0, "\(bytes.count) bytes are more than the limit of \(Limits.bytes)")
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw failure(at: 0, "the file is UTF-16; save it as UTF-8")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw failure(at: 0, "the file begins with a byte order mark; save it as UTF-8 without one")
        }
        if let zero = bytes.firstIndex(of: 0) { throw failure(at: zero, "a NUL byte (is this UTF-16?)") }
        if let bad = FileReader.firstInvalidUTF8(bytes) {
            throw failure(at: bad, "not valid UTF-8 (byte 0x\(String(bytes[bad], radix: 16)))")
        }
        // U+0085, U+2028 and U+2029 end a line for YAML 1.1, but not for YAML 1.2 and not in an editor.
        for index in bytes.indices.dropLast() where bytes[index] == 0xC2 && bytes[index + 1] == 0x85 {
            throw failure(at: index, "the character U+0085 must be written as \"\\x85\"")
        }
        for index in bytes.indices.dropLast(2) where bytes[index] == 0xE2 && bytes[index + 1] == 0x80 {
            if bytes[index + 2] == 0xA8 {
                throw failure(at: index, "the character U+2028 must be written as \"\\u2028\"")
            }
            if bytes[index + 2] == 0xA9 {
                throw failure(at: index, "the character U+2029 must be written as \"\\u2029\"")
            }
        }
    }
}

import Files

/// Tokens and their ids. Tokens are compared byte by byte: two spellings of one character are two tokens.
struct Vocabulary {
    /// The most tokens that a vocabulary may have; the largest in use have about 260,000.
    static let limit = 1 << 21
    /// The largest file that is read.
    static let fileLimit = 256 << 20

    private var ids: [[UInt8]: Int] = [:]
    private var texts: [Int: String] = [:]
    /// One more than the number of tokens would be the next free id, if there are no holes.
    var count: Int { ids.count }

    /// The id of a token.
    func id(_ token: some Sequence<UInt8>) -> Int? { ids[Array(token)] }

    /// The id of a token.
    func id(_ token: [Unicode.Scalar]) -> Int? { ids[Vocabulary.bytes(token)] }

    /// The token of an id.
    func token(_ id: Int) -> String? { texts[id] }

    /// The tokens of a JSON object from token to id.
    /// - Throws: `FileError` for other kinds of values, ids that are out of range or given twice, and too many tokens.
    init(_ json: JSON, path: String) throws {
        guard let members = json.object else {
            throw FileError.malformed(path: path, location: "", reason: "wanted an object from tokens to ids")
        }
        try Vocabulary.checkCount(members.count, path)
        ids.reserveCapacity(members.count)
        texts.reserveCapacity(members.count)
        for (token, value) in members {
            guard case .integer(let id) = value, (0..<Vocabulary.limit).contains(id) else {
                throw FileError.malformed(
                    path: path, location: "\"\(token)\"",
                    reason: "wanted an id from 0 to \(Vocabulary.limit - 1), got \(value.text())")
            }
            try insert(token, id, path)
        }
        if ids.isEmpty { throw FileError.malformed(path: path, location: "", reason: "the vocabulary is empty") }
    }

    /// The tokens of the lines of `vocab.txt`, numbered from 0.
    /// - Throws: `FileError` for a file that is missing, too large, not UTF-8, or that has a token twice.
    init(lines path: String) throws {
        let text = try FileReader.text(path, limit: Vocabulary.fileLimit)
        let lines = TextLines.split(text)
        try Vocabulary.checkCount(lines.count, path)
        if lines.isEmpty { throw FileError.malformed(path: path, location: "", reason: "the vocabulary is empty") }
        ids.reserveCapacity(lines.count)
        texts.reserveCapacity(lines.count)
        for (id, line) in lines.enumerated() {
            if let first = ids[line] {
                throw FileError.malformed(
                    path: path, location: "line \(id + 1)",
                    reason: "the token \"\(String(decoding: line, as: UTF8.self))\" stands on line \(first + 1) already"
                )
            }
            ids[line] = id
            texts[id] = String(decoding: line, as: UTF8.self)
        }
    }

    /// Gives an added token its id.
    mutating func add(_ token: AddedToken) {
        ids[Vocabulary.bytes(token.content)] = token.id
        texts[token.id] = TextForms.string(token.content)
    }

    private mutating func insert(_ token: String, _ id: Int, _ path: String) throws {
        if let first = texts.updateValue(token, forKey: id) {
            throw FileError.malformed(
                path: path, location: "\"\(token)\"", reason: "the id \(id) belongs to \"\(first)\" already")
        }
        ids[Array(token.utf8)] = id
    }

    private static func checkCount(_ count: Int, _ path: String) throws {
        guard count <= limit else {
            throw FileError.malformed(
                path: path, location: "", reason: "\(count) tokens are more than the limit of \(limit)")
        }
    }

    static func bytes(_ token: [Unicode.Scalar]) -> [UInt8] { Array(TextForms.string(token).utf8) }
}

/// Lines as Python reads a text file: they end with a line feed, a carriage return or both.
enum TextLines {
    /// The lines as bytes, without their ends; a last line without an end counts, if it is not empty.
    static func split(_ text: String) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        var endsWithReturn = false
        for byte in text.utf8 {
            if byte == 0x0A, endsWithReturn {
                endsWithReturn = false
                continue
            }
            endsWithReturn = byte == 0x0D
            if byte == 0x0A || byte == 0x0D {
                lines.append(line)
                line = []
            } else {
                line.append(byte)
            }
        }
        if !line.isEmpty { lines.append(line) }
        return lines
    }
}

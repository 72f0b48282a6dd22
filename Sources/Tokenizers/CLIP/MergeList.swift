import Files

/// The merges of a byte-pair model.
enum MergeList {
    /// The most merges that CLIP's tokenizer takes from `merges.txt`: 49152 tokens less 256 bytes and two marks.
    private static let clipLimit = 49152 - 256 - 2

    /// The merges of `merges.txt`: a line for the version, then two symbols a line.
    /// - Throws: `FileError` for a missing, too large or malformed file, and a merge that stands there twice.
    static func read(_ path: String) throws -> [(left: [UInt8], right: [UInt8])] {
        let text = try FileReader.text(path, limit: Vocabulary.fileLimit)
        let lines = TextLines.split(text)
        let isBlank = { (line: [UInt8]) in line.allSatisfy { $0 == 0x20 || $0 == 0x09 } }
        guard let first = lines.firstIndex(where: { !isBlank($0) }), let last = lines.lastIndex(where: { !isBlank($0) })
        else { return [] }
        var checker = Checker(path: path)
        for number in (first + 1)..<(min(last, first + clipLimit) + 1) {
            try checker.add(split(lines[number]), "line \(number + 1)")
        }
        return checker.pairs
    }

    /// The merges of `tokenizer.json`: strings of two symbols, or lists of two.
    static func read(_ json: JSON?, path: String) throws -> [(left: [UInt8], right: [UInt8])] {
        guard let list = json?.array, list.count <= Vocabulary.limit else {
            throw FileError.malformed(path: path, location: "\"merges\"", reason: "wanted a list of merges")
        }
        var checker = Checker(path: path)
        for (index, item) in list.enumerated() {
            let symbols =
                item.string.map { split(Array($0.utf8)) } ?? item.array?.compactMap { $0.string.map { Array($0.utf8) } }
            try checker.add(symbols ?? [], "merge \(index + 1)")
        }
        return checker.pairs
    }

    private static func split(_ line: [UInt8]) -> [[UInt8]] {
        line.split { $0 == 0x20 || $0 == 0x09 }.map(Array.init)
    }

    private struct Checker {
        let path: String
        var pairs: [(left: [UInt8], right: [UInt8])] = []
        private var known = Set<[[UInt8]]>()

        init(path: String) { self.path = path }

        mutating func add(_ symbols: [[UInt8]], _ location: String) throws {
            guard symbols.count == 2, !symbols[0].isEmpty, !symbols[1].isEmpty else {
                throw FileError.malformed(path: path, location: location, reason: "wanted two symbols")
            }
            guard known.insert(symbols).inserted else {
                throw FileError.malformed(path: path, location: location, reason: "the merge stands there twice")
            }
            pairs.append((symbols[0], symbols[1]))
        }
    }
}

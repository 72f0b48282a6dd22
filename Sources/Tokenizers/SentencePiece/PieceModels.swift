/// The unigram model of a `tokenizer.json`.
struct PieceUnigram {
    private let model: UnigramModel
    /// The ids of the pieces for bytes, where the model falls back on them.
    private let bytes: [Int]?

    init(_ vocabulary: [(text: [UInt8], score: Double)], unknownID: Int, fallsBack: Bool) {
        model = UnigramModel(vocabulary, unknownID: unknownID)
        let table = model.table
        let ids = (0...255).compactMap { table.number(SentencePieceModel.piece(UInt8($0))) }
        bytes = fallsBack && ids.count == 256 ? ids : nil
    }

    /// The id of a piece.
    func id(_ name: [UInt8]) -> Int? { model.table.number(name) }

    func append(_ text: [Unicode.Scalar], to ids: inout [Int]) {
        let text = Vocabulary.bytes(text)
        let parts = model.segment(text)
        var index = 0
        while index < parts.count {
            var range = parts[index].range
            let id = parts[index].id
            index += 1
            guard id == model.unknownID else {
                ids.append(id)
                continue
            }
            // Unknown characters in a row are one token.
            while index < parts.count, parts[index].id == model.unknownID {
                range = range.lowerBound..<parts[index].range.upperBound
                index += 1
            }
            if let id = model.table.number(text[range]) {
                ids.append(id)
            } else if let bytes {
                ids += text[range].map { bytes[Int($0)] }
            } else {
                ids.append(id)
            }
        }
    }
}

/// The byte-pair model of a `tokenizer.json`, with pieces for bytes in place of unknown characters.
struct PieceBytePair {
    private struct Merge {
        var rank: Int
        var result: Int
    }

    private struct Entry: QueuedMerge {
        var rank: Int
        var place: Int
        var result: Int

        func isBefore(_ other: Entry) -> Bool { (rank, place) < (other.rank, other.place) }
    }

    private struct Pair: Hashable {
        var left: Int
        var right: Int
    }

    private struct Symbol {
        var id: Int
        var before: Int
        var next: Int
        var isGone = false
    }

    /// What `model` says beside the pieces and merges.
    struct Options {
        /// Whether a text that is a piece is that piece, however the merges would make it.
        var ignoresMerges = false
        /// Whether unknown characters in a row are one token.
        var fusesUnknown = false
        /// Whether unknown characters become pieces for bytes.
        var fallsBack = false
        /// The token of unknown characters; nil leaves them out.
        var unknownID: Int?
    }

    private let vocabulary: [[UInt8]: Int]
    private let characters: [Unicode.Scalar: Int]
    private let merges: [Pair: Merge]
    private let bytes: [Int?]
    private let options: Options

    /// - Parameter merges: pairs of ids and the id that they make, the first with the lowest rank; of equal pairs the last
    ///   counts.
    init(_ vocabulary: [[UInt8]: Int], merges: [(left: Int, right: Int, result: Int)], _ options: Options) {
        self.vocabulary = vocabulary
        self.options = options
        var characters: [Unicode.Scalar: Int] = [:]
        for (name, id) in vocabulary where name.count <= 4 {
            let scalars = String(decoding: name, as: UTF8.self).unicodeScalars
            if let scalar = scalars.first, scalars.count == 1 { characters[scalar] = id }
        }
        self.characters = characters
        var table: [Pair: Merge] = [:]
        table.reserveCapacity(merges.count)
        for (rank, merge) in merges.enumerated() {
            table[Pair(left: merge.left, right: merge.right)] = Merge(rank: rank, result: merge.result)
        }
        self.merges = table
        bytes = (0...255).map { vocabulary[SentencePieceModel.piece(UInt8($0))] }
    }

    func append(_ text: [Unicode.Scalar], to ids: inout [Int]) {
        if options.ignoresMerges, let id = vocabulary[Vocabulary.bytes(text)] {
            ids.append(id)
            return
        }
        var symbols = symbols(text)
        merge(&symbols)
        for symbol in symbols where !symbol.isGone { ids.append(symbol.id) }
    }

    private func symbols(_ text: [Unicode.Scalar]) -> [Symbol] {
        var symbols: [Symbol] = []
        symbols.reserveCapacity(text.count)
        func add(_ id: Int) { symbols.append(Symbol(id: id, before: symbols.count - 1, next: symbols.count + 1)) }
        var hasUnknown = false
        for scalar in text {
            if let id = characters[scalar] {
                if hasUnknown, let unknown = options.unknownID { add(unknown) }
                hasUnknown = false
                add(id)
                continue
            }
            if options.fallsBack {
                let found = Vocabulary.bytes([scalar]).compactMap { bytes[Int($0)] }
                if found.count == UTF8.width(scalar) {
                    // An unknown character before them comes after them in the reference, too.
                    found.forEach(add)
                    continue
                }
            }
            guard let unknown = options.unknownID else { continue }
            if hasUnknown, !options.fusesUnknown { add(unknown) }
            hasUnknown = true
        }
        if hasUnknown, let unknown = options.unknownID { add(unknown) }
        return symbols
    }

    /// Merges the pair of the lowest rank, of equal ones the leftmost, until no two neighbours are a pair.
    private func merge(_ symbols: inout [Symbol]) {
        var queue = MergeQueue<Entry>()
        func offer(_ left: Int, _ right: Int, _ symbols: [Symbol]) {
            if let merge = merges[Pair(left: symbols[left].id, right: symbols[right].id)] {
                queue.insert(Entry(rank: merge.rank, place: left, result: merge.result))
            }
        }
        for index in symbols.indices.dropFirst() { offer(index - 1, index, symbols) }
        while let top = queue.popFirst() {
            let left = symbols[top.place]
            guard !left.isGone, left.next < symbols.count else { continue }
            let right = symbols[left.next]
            // An entry that is out of date has another result; of the same one it counts, as in the reference.
            guard merges[Pair(left: left.id, right: right.id)]?.result == top.result else { continue }
            symbols[left.next].isGone = true
            symbols[top.place].id = top.result
            symbols[top.place].next = right.next
            if right.next < symbols.count { symbols[right.next].before = top.place }
            if left.before >= 0 { offer(left.before, top.place, symbols) }
            if right.next < symbols.count { offer(top.place, right.next, symbols) }
        }
    }
}

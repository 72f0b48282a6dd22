import Files

/// Byte-level byte-pair encoding with a suffix at the end of words, as CLIP has it.
///
/// A word's bytes are letters, the last of them with `</w>`; then the pair with the lowest rank is merged, everywhere
/// from left to right, until no pair has a rank.
struct BytePair {
    private struct Merge {
        var rank: Int
        var result: Int32
    }

    /// What a symbol is made of; symbols are numbered from 0.
    private var names: [[UInt8]: Int32] = [:]
    /// The id of each symbol.
    private var ids: [Int] = []
    private var merges: [UInt64: Merge] = [:]
    private static let suffix = Array("</w>".utf8)

    /// - Parameters:
    ///   - pairs: the merges, the first with the lowest rank; of equal ones the last counts.
    ///   - unknownID: the id of a symbol that the vocabulary does not have.
    init(_ vocabulary: Vocabulary, pairs: [(left: [UInt8], right: [UInt8])], unknownID: Int) {
        func id(_ name: [UInt8]) -> Int { vocabulary.id(name) ?? unknownID }
        for ending in [[], Self.suffix] {
            for byte in 0...255 {
                let name = Vocabulary.bytes([ByteLetters.letter(UInt8(byte))]) + ending
                names[name] = Int32(ids.count)
                ids.append(id(name))
            }
        }
        func symbol(_ name: [UInt8]) -> Int32 {
            if let found = names[name] { return found }
            let number = Int32(ids.count)
            names[name] = number
            ids.append(id(name))
            return number
        }
        merges.reserveCapacity(pairs.count)
        for (rank, pair) in pairs.enumerated() {
            let key = Self.key(symbol(pair.left), symbol(pair.right))
            merges[key] = Merge(rank: rank, result: symbol(pair.left + pair.right))
        }
    }

    /// Appends the ids of a word, given as UTF-8.
    func append(_ word: [UInt8], to result: inout [Int]) {
        guard let last = word.last else { return }
        var symbols = word.dropLast().map { Int32($0) }
        symbols.append(Int32(last) + 256)
        merge(&symbols)
        for symbol in symbols where symbol >= 0 { result.append(ids[Int(symbol)]) }
    }

    /// Merges pairs in place; a symbol that became part of the one before it is -1.
    ///
    /// A queue of pairs by rank and place makes this n log n, for words as long as a text may be.
    private func merge(_ symbols: inout [Int32]) {
        var next = symbols.indices.map { $0 + 1 }
        var before = symbols.indices.map { $0 - 1 }
        var queue = MergeQueue<RankedPair>()
        let count = symbols.count
        func offer(_ place: Int, _ symbols: [Int32]) {
            guard place >= 0, next[place] < count else { return }
            let key = Self.key(symbols[place], symbols[next[place]])
            if let merge = merges[key] { queue.insert(.init(rank: merge.rank, place: place, key: key)) }
        }
        for place in symbols.indices.dropLast() { offer(place, symbols) }
        while let first = queue.popFirst() {
            // All places of one pair are merged before the pairs that this makes are looked at.
            var places = [first]
            while queue.first?.rank == first.rank, let entry = queue.popFirst() { places.append(entry) }
            var changed: [Int] = []
            for entry in places {
                let place = entry.place
                guard symbols[place] >= 0, next[place] < count,
                    Self.key(symbols[place], symbols[next[place]]) == entry.key, let merge = merges[entry.key]
                else { continue }
                let gone = next[place]
                symbols[place] = merge.result
                symbols[gone] = -1
                next[place] = next[gone]
                if next[gone] < count { before[next[gone]] = place }
                changed.append(place)
            }
            for place in changed where symbols[place] >= 0 {
                offer(before[place], symbols)
                offer(place, symbols)
            }
        }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}

/// The lowest rank comes first, and of equal ranks the leftmost.
private struct RankedPair: QueuedMerge {
    var rank: Int
    var place: Int
    var key: UInt64

    func isBefore(_ other: RankedPair) -> Bool { (rank, place) < (other.rank, other.place) }
}

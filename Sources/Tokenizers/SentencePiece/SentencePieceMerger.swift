/// Cuts texts as SentencePiece's byte-pair models do: the pair whose joined piece has the greatest score is merged, of
/// equal ones the leftmost, until no two neighbours make a piece. A queue of pairs makes this n log n.
struct SentencePieceMerger {
    private struct Symbol {
        var range: Range<Int>
        var before: Int
        var next: Int
        /// User-defined pieces are never merged.
        var isFrozen: Bool
    }

    private struct Pair: QueuedMerge {
        var left: Int
        var right: Int
        var score: Float
        var size: Int

        func isBefore(_ other: Pair) -> Bool {
            score > other.score || score == other.score && left < other.left
        }
    }

    private let table: PrefixTable<UInt8>
    private let userDefined: PrefixTable<UInt8>
    private let scores: [Float]
    private let isUnused: [Bool]
    /// The id of any text, pieces that are no parts of texts included.
    private let id: (ArraySlice<UInt8>) -> Int

    init(
        _ model: SentencePieceModel, userDefined: PrefixTable<UInt8>, id: @escaping (ArraySlice<UInt8>) -> Int
    ) {
        table = PrefixTable(
            model.pieces.enumerated().filter(\.element.type.isOfTexts).map { ($0.element.text, $0.offset) })
        self.userDefined = userDefined
        scores = model.pieces.map(\.score)
        isUnused = model.pieces.map { $0.type == .unused }
        self.id = id
    }

    /// The parts of a text in UTF-8.
    func segment(_ text: [UInt8]) -> [UnigramModel.Part] {
        var symbols: [Symbol] = []
        var place = 0
        while place < text.count {
            let found = userDefined.longest(place..<text.count) { text[$0] }
            let width = found?.length ?? min(UnigramModel.width(text[place]), text.count - place)
            symbols.append(
                Symbol(
                    range: place..<place + width, before: symbols.count - 1, next: symbols.count + 1,
                    isFrozen: found != nil))
            place += width
        }
        guard !symbols.isEmpty else { return [] }
        symbols[symbols.count - 1].next = -1
        // Unused pieces are taken apart again, as they were last put together.
        var apart: [ArraySlice<UInt8>: Int] = [:]
        var queue = MergeQueue<Pair>()
        func offer(_ left: Int, _ right: Int) {
            guard left >= 0, right >= 0, !symbols[left].isFrozen, !symbols[right].isFrozen else { return }
            let range = symbols[left].range.lowerBound..<symbols[right].range.upperBound
            guard let piece = table.number(text[range]) else { return }
            queue.insert(Pair(left: left, right: right, score: scores[piece], size: range.count))
            if isUnused[piece] { apart[text[range]] = symbols[left].range.count }
        }
        for index in symbols.indices.dropFirst() { offer(index - 1, index) }
        while let top = queue.popFirst() {
            let (left, right) = (symbols[top.left], symbols[top.right])
            guard !left.range.isEmpty, !right.range.isEmpty, left.range.count + right.range.count == top.size
            else { continue }
            symbols[top.left].range = left.range.lowerBound..<right.range.upperBound
            symbols[top.left].next = right.next
            if right.next >= 0 { symbols[right.next].before = top.left }
            symbols[top.right].range = right.range.upperBound..<right.range.upperBound
            offer(symbols[top.left].before, top.left)
            offer(top.left, symbols[top.left].next)
        }
        var parts: [UnigramModel.Part] = []
        var index = 0
        while index >= 0 {
            var open = [symbols[index].range]
            while let range = open.popLast() {
                let id = id(text[range])
                if isUnused[id], let left = apart[text[range]] {
                    open.append(range.lowerBound + left..<range.upperBound)
                    open.append(range.lowerBound..<range.lowerBound + left)
                } else {
                    parts.append(UnigramModel.Part(range: range, id: id))
                }
            }
            index = symbols[index].next
        }
        return parts
    }
}

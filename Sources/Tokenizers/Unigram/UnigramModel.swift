/// Cuts texts into the pieces with the greatest sum of scores (the unigram language model of SentencePiece), in time
/// proportional to the text and the longest piece.
///
/// There are two references, and they break ties differently: the library SentencePiece keeps sums as 32-bit floats and
/// compares the 64-bit sum of the next with them; the package tokenizers does all in 64 bits, lets control pieces be cut
/// from texts, and knows no unused or user-defined ones. A model file is cut as the first does, `tokenizer.json` as the
/// second.
struct UnigramModel {
    /// What an unknown character costs below the worst piece.
    private static let unknownPenalty = 10.0

    /// The pieces by their bytes.
    let table: PrefixTable<UInt8>
    let unknownID: Int
    /// The score of each piece by id.
    private let scores: [Double]
    private let unknownScore: Double
    /// Whether sums are kept as 32-bit floats.
    private let roundsSums: Bool
    /// Which pieces are user-defined, whose score depends on their length; empty where none is.
    private let userDefined: Set<Int>
    private let greatest: Float

    /// As the library SentencePiece has it.
    init(_ model: SentencePieceModel) {
        let pieces = model.pieces
        // Unused pieces are never chosen.
        table = PrefixTable(
            pieces.enumerated().filter { $0.element.type == .normal || $0.element.type == .userDefined }
                .map { ($0.element.text, $0.offset) })
        let normal = pieces.filter { $0.type == .normal }.map(\.score)
        scores = pieces.map { Double($0.score) }
        let least = normal.min() ?? Float.greatestFiniteMagnitude
        unknownScore = Double(least - Float(Self.unknownPenalty))
        // The greatest score is counted from the least positive number on, as the reference does.
        greatest = max(normal.max() ?? 0, Float.leastNormalMagnitude)
        userDefined = Set(pieces.indices.filter { pieces[$0].type == .userDefined })
        unknownID = model.unknownID
        roundsSums = true
    }

    /// As the package tokenizers has it.
    init(_ vocabulary: [(text: [UInt8], score: Double)], unknownID: Int) {
        table = PrefixTable(vocabulary.enumerated().map { ($0.element.text, $0.offset) })
        scores = vocabulary.map(\.score)
        unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
        self.unknownID = unknownID
        roundsSums = false
        userDefined = []
        greatest = 0
    }

    /// A part of a text and the piece that it is; what is unknown is one character long.
    struct Part {
        var range: Range<Int>
        var id: Int
    }

    /// The parts of a text in UTF-8.
    func segment(_ text: [UInt8]) -> [Part] {
        if text.isEmpty { return [] }
        var sums = [Double](repeating: 0, count: text.count + 1)
        var begins = [Int](repeating: -1, count: text.count + 1)
        var ids = [Int](repeating: 0, count: text.count + 1)
        func offer(_ end: Int, _ start: Int, _ sum: Double, _ id: Int) {
            guard begins[end] < 0 || sum > sums[end] else { return }
            sums[end] = roundsSums ? Double(Float(sum)) : sum
            begins[end] = start
            ids[end] = id
        }
        var start = 0
        while start < text.count {
            let before = sums[start]
            let width = min(Self.width(text[start]), text.count - start)
            var hasCharacter = false
            var cursor = table.start
            var end = start
            while end < text.count, table.advance(&cursor, text[end]) {
                end += 1
                guard let id = table.number(cursor) else { continue }
                let length = end - start
                let score =
                    userDefined.contains(id) ? Double(Float(length) * greatest) - 0.1 : scores[id]
                offer(end, start, score + before, id)
                if length == width { hasCharacter = true }
            }
            if !hasCharacter {
                let sum = unknownScore + before
                offer(start + width, start, roundsSums ? Double(Float(sum)) : sum, unknownID)
            }
            start += width
        }
        var parts: [Part] = []
        var end = text.count
        while end > 0 {
            parts.append(Part(range: begins[end]..<end, id: ids[end]))
            end = begins[end]
        }
        return parts.reversed()
    }

    /// How many bytes a character has that begins with a byte.
    static func width(_ byte: UInt8) -> Int {
        switch byte {
        case 0xC0...0xDF: return 2
        case 0xE0...0xEF: return 3
        case 0xF0...0xFF: return 4
        default: return 1
        }
    }
}

import Tensors

/// ROUGE-L (Lin, 2004) of pairs of texts, as the package rouge-score's `RougeScorer(["rougeL"])` gives it without a stemmer: the F
/// of the longest common subsequence of words.
public enum RougeL {
    /// F of each pair, and their mean, from 0 to 1.
    /// - Throws: `MetricError.value` for no texts, or different numbers of both; `TensorError.stopped`.
    public static func score(
        candidates: [String], references: [String],
        _ draws: ReportInterval.Draws = .init(replicates: 0, seed: 3)
    ) throws -> ReportMean {
        let metric = "rouge_l"
        try ReportPairs.check(candidates.count, references.count, metric: metric)
        try draws.check(metric)
        return try ReportMean(zip(candidates, references).map { try score(words($0), words($1)) }, draws)
    }

    private static func score(_ candidate: [[UInt8]], _ reference: [[UInt8]]) throws -> Double {
        if candidate.isEmpty || reference.isEmpty { return 0 }
        let common = Double(try longestCommon(candidate, reference))
        let (precision, recall) = (common / Double(candidate.count), common / Double(reference.count))
        return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0
    }

    /// Runs of a to z and 0 to 9 after Python's `lower`, of whose results two beside A to Z are such letters.
    static func words(_ text: String) -> [[UInt8]] {
        var (words, word) = ([[UInt8]](), [UInt8]())
        func close() {
            if !word.isEmpty { words.append(word) }
            word = []
        }
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x30...0x39, 0x61...0x7A: word.append(UInt8(scalar.value))
            case 0x41...0x5A: word.append(UInt8(scalar.value) + 0x20)
            // The sign of kelvin.
            case 0x212A: word.append(UInt8(ascii: "k"))
            // A capital i with a dot: an i and a mark.
            case 0x130:
                word.append(UInt8(ascii: "i"))
                close()
            default: close()
            }
        }
        close()
        return words
    }

    /// The length of the longest common subsequence, 64 words of the shorter text at a time (Hyyrö, 2004).
    static func longestCommon(_ a: [[UInt8]], _ b: [[UInt8]]) throws -> Int {
        let (long, short) = a.count < b.count ? (b, a) : (a, b)
        var places: [[UInt8]: [Int]] = [:]
        for (place, word) in short.enumerated() { places[word, default: []].append(place) }
        // A zero bit is a word at which the length rises by one.
        var rises = [UInt64](repeating: .max, count: (short.count + 63) / 64)
        var found = [UInt64](repeating: 0, count: rises.count)
        for (index, word) in long.enumerated() {
            if index % 1024 == 0 { try Cancellation.check() }
            guard let places = places[word] else { continue }
            for place in places { found[place / 64] |= 1 << UInt64(place % 64) }
            var carry: UInt64 = 0
            for block in rises.indices {
                let old = rises[block]
                let (sum, overflow) = old.addingReportingOverflow(old & found[block])
                let (whole, again) = sum.addingReportingOverflow(carry)
                carry = overflow || again ? 1 : 0
                rises[block] = whole | old & ~found[block]
            }
            for place in places { found[place / 64] = 0 }
        }
        return (0..<short.count).reduce(0) { $0 + Int(~rises[$1 / 64] >> UInt64($1 % 64) & 1) }
    }
}

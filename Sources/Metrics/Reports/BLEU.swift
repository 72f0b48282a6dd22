import Foundation
import Tensors

/// BLEU (Papineni et al., 2002) of a corpus with one reference a text, as sacrebleu's `BLEU(max_ngram_order=n).corpus_score`
/// gives it: the tokenizer `13a`, exponential smoothing, no effective order.
public struct BLEU: Equatable, Sendable {
    /// From 0 to 100.
    public let score: Double
    /// The interval, where one is wanted: half the width between the 13th values from both ends of 500, about the mean. Its
    /// `median` is the score, as the reference prints it.
    public let interval: ReportInterval?

    /// The longest n-grams that are counted.
    public static let orders = 1...16

    /// Scores a corpus.
    /// - Parameter order: the longest n-grams.
    /// - Throws: `MetricError.value` for no texts, different numbers of both, or another order; `TensorError.stopped`.
    public init(
        candidates: [String], references: [String], order: Int = 4,
        _ draws: ReportInterval.Draws = .init(replicates: 0, seed: 12345)
    ) throws {
        let metric = "bleu"
        try ReportPairs.check(candidates.count, references.count, metric: metric)
        try draws.check(metric)
        guard Self.orders.contains(order) else {
            throw MetricError.value(
                metric: metric,
                message: "n: wanted \(Self.orders.lowerBound) to \(Self.orders.upperBound), got \(order)")
        }
        let rows = try zip(candidates, references).map { candidate, reference in
            try Cancellation.check()
            return Self.counts(
                MTEvalTokenizer.words(candidate), MTEvalTokenizer.words(reference), order: order)
        }
        var sums = [Int](repeating: 0, count: 2 + 2 * order)
        for row in rows { for place in row.indices { sums[place] += row[place] } }
        let score = Self.score(sums.map(Double.init), order: order)
        self.score = score
        interval = try Self.interval(rows, score, order: order, draws)
    }

    /// Lengths of candidate and reference, matches of each order, n-grams of the candidate of each order.
    private static func counts(
        _ candidate: [MTEvalTokenizer.Word], _ reference: [MTEvalTokenizer.Word], order: Int
    ) -> [Int] {
        var known: [MTEvalTokenizer.Word: Int] = [:]
        func number(_ word: MTEvalTokenizer.Word) -> Int {
            if let found = known[word] { return found }
            known[word] = known.count
            return known.count - 1
        }
        let (words, wanted) = (candidate.map(number), reference.map(number))
        var (grams, wantedGrams) = (words, wanted)
        var (matches, totals) = ([Int](), [Int]())
        for length in 1...order {
            if length > 1 {
                // An n-gram is the one before without its last word, and that word.
                var numbers: [Gram: Int] = [:]
                func longer(_ grams: [Int], _ words: [Int]) -> [Int] {
                    zip(grams, words.dropFirst(length - 1)).map { head, last in
                        let gram = Gram(head: head, last: last)
                        if let found = numbers[gram] { return found }
                        numbers[gram] = numbers.count
                        return numbers.count - 1
                    }
                }
                (grams, wantedGrams) = (longer(grams, words), longer(wantedGrams, wanted))
            }
            var left: [Int: Int] = [:]
            for gram in wantedGrams { left[gram, default: 0] += 1 }
            var found = 0
            for gram in grams {
                if let rest = left[gram], rest > 0 {
                    left[gram] = rest - 1
                    found += 1
                }
            }
            matches.append(found)
            totals.append(grams.count)
        }
        return [words.count, wanted.count] + matches + totals
    }

    private struct Gram: Hashable {
        let head: Int
        let last: Int
    }

    /// The score of summed counts.
    private static func score(_ sums: [Double], order: Int) -> Double {
        let (length, wanted) = (sums[0], sums[1])
        let matches = sums[2..<2 + order]
        guard matches.contains(where: { $0 > 0 }) else { return 0 }
        var smoothing = 1.0
        var logarithms = 0.0
        for place in 0..<order {
            let (found, total) = (sums[2 + place], sums[2 + order + place])
            // No candidate is long enough for this order.
            if total == 0 { return 0 }
            if found == 0 { smoothing *= 2 }
            logarithms += log(found == 0 ? 100 / (smoothing * total) : 100 * found / total)
        }
        let penalty = length < wanted ? exp(1 - wanted / length) : 1
        return penalty * exp(logarithms / Double(order))
    }

    /// Draws of NumPy's `default_rng`; sums are f32, as sacrebleu's.
    private static func interval(
        _ rows: [[Int]], _ score: Double, order: Int, _ draws: ReportInterval.Draws
    ) throws -> ReportInterval? {
        guard draws.replicates > 0, let count = UInt32(exactly: rows.count) else { return nil }
        let rows = rows.map { $0.map(Float.init) }
        var random = NumPyGenerator(seed: draws.seed)
        let scores = try (0..<draws.replicates).map { _ -> Double in
            try Cancellation.check()
            var sums = [Float](repeating: 0, count: 2 + 2 * order)
            for _ in rows {
                let row = rows[random.index(below: count)]
                for place in sums.indices { sums[place] += row[place] }
            }
            return self.score(sums.map(Double.init), order: order)
        }.sorted()
        let cut = scores.count / 40
        let half = (scores[scores.count - cut - 1] - scores[cut]) / 2
        let mean = scores.reduce(0, +) / Double(scores.count)
        return ReportInterval(centre: mean, half: half, median: score, replicates: scores.count)
    }
}

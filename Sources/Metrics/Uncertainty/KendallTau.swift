import Tensors

/// How far two orders of the same things agree: Kendall's tau-b (Kendall, 1945), which counts ties of either.
///
/// Pairs are counted in integers, and the product under the root is below 2^53: only a root and a division round, where SciPy's
/// `kendalltau` rounds two of each. Full agreement is 1 exactly.
public enum KendallTau {
    /// The most things that are compared: every pair of them is looked at.
    public static let limit = 5000

    /// The tau of two lists of numbers, from -1 to 1; nil where all of one list are equal.
    /// - Throws: `MetricError.value` for lists of different lengths, fewer than two or more than `limit` numbers, and NaN.
    public static func value(_ a: [Double], _ b: [Double]) throws -> Double? {
        try check(a, b)
        return value(a, b, weights: [Int](repeating: 1, count: a.count))
    }

    /// The interval of a tau over the things that it is of, by the bootstrap: the things are drawn with replacement. Draws that
    /// have no tau are left out; nil where fewer than half of them have one, or there are fewer than four things.
    /// - Throws: as `value`, and for options out of range.
    public static func interval(
        _ a: [Double], _ b: [Double], _ options: Bootstrap.Options = Bootstrap.Options()
    ) throws -> Bootstrap.Interval? {
        try check(a, b)
        try options.check()
        guard a.count >= 4, let whole = value(a, b, weights: [Int](repeating: 1, count: a.count)) else { return nil }
        var random = NumPyRandom(seed: options.seed)
        var values: [Double] = []
        for _ in 0..<options.replicates {
            try Cancellation.check()
            var weights = [Int](repeating: 0, count: a.count)
            for _ in a.indices { weights[random.index(below: a.count)] += 1 }
            if let drawn = value(a, b, weights: weights) { values.append(drawn) }
        }
        return values.count * 2 >= options.replicates ? Bootstrap.summary(whole, values, options) : nil
    }

    private static func check(_ a: [Double], _ b: [Double]) throws {
        func refuse(_ message: String) -> MetricError { .value(metric: "kendall", message: message) }
        guard a.count == b.count else { throw refuse("\(a.count) numbers beside \(b.count)") }
        guard (2...limit).contains(a.count) else { throw refuse("wanted 2 to \(limit) numbers, got \(a.count)") }
        if let place = a.indices.first(where: { a[$0].isNaN || b[$0].isNaN }) {
            throw refuse("number \(place + 1) is no number")
        }
    }

    /// Each thing counts as often as its weight; the copies of one thing are ties of both lists.
    private static func value(_ a: [Double], _ b: [Double], weights: [Int]) -> Double? {
        let count = weights.reduce(0, +)
        let pairs = count * (count - 1) / 2
        var (difference, tiesOfA, tiesOfB) = (0, 0, 0)
        for i in a.indices where weights[i] > 0 {
            let own = weights[i] * (weights[i] - 1) / 2
            tiesOfA += own
            tiesOfB += own
            for j in (i + 1)..<max(i + 1, a.count) where weights[j] > 0 {
                let weight = weights[i] * weights[j]
                let first = a[i] < a[j] ? 1 : a[i] > a[j] ? -1 : 0
                let second = b[i] < b[j] ? 1 : b[i] > b[j] ? -1 : 0
                if first == 0 { tiesOfA += weight }
                if second == 0 { tiesOfB += weight }
                difference += first * second * weight
            }
        }
        guard pairs > tiesOfA, pairs > tiesOfB else { return nil }
        return Double(difference) / Double((pairs - tiesOfA) * (pairs - tiesOfB)).squareRoot()
    }
}

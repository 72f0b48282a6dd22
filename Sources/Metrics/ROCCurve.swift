/// The receiver operating characteristic of scores against labels of two classes, as scikit-learn 1.6.1 has it.
public struct ROCCurve: Equatable, Sendable {
    /// The false positive rate at each threshold, from 0 to 1.
    public let falsePositiveRate: [Double]
    /// The true positive rate at each threshold, from 0 to 1.
    public let truePositiveRate: [Double]
    /// The thresholds, falling; the first is infinite, so that the curve begins at (0, 0).
    public let thresholds: [Double]

    /// The curve of `scores`, whose labels are true for the positive class.
    /// - Parameter dropIntermediate: leave out points on a straight line between their neighbours.
    /// - Throws: `MetricError.value` for lists of different lengths, a score that is not finite, or a class without members.
    public init(scores: [Double], labels: [Bool], dropIntermediate: Bool = true) throws {
        let counts = try ROCCurve.counts(scores, labels)
        var (falsePositives, truePositives, thresholds) = (counts.falsePositives, counts.truePositives, counts.scores)
        if dropIntermediate && thresholds.count > 2 {
            let kept = thresholds.indices.filter { index in
                if index == 0 || index == thresholds.count - 1 { return true }
                func bends(_ values: [Int]) -> Bool {
                    values[index + 1] - values[index] != values[index] - values[index - 1]
                }
                return bends(falsePositives) || bends(truePositives)
            }
            falsePositives = kept.map { falsePositives[$0] }
            truePositives = kept.map { truePositives[$0] }
            thresholds = kept.map { thresholds[$0] }
        }
        falsePositiveRate = [0] + falsePositives.map { Double($0) / Double(counts.negatives) }
        truePositiveRate = [0] + truePositives.map { Double($0) / Double(counts.positives) }
        self.thresholds = [.infinity] + thresholds
    }

    /// The area under the curve: the fraction of pairs of a positive and a negative that the scores order rightly, ties
    /// counting one half. Nil where a class has no members.
    /// - Throws: `MetricError.value` for lists of different lengths or a score that is not finite.
    public static func area(scores: [Double], labels: [Bool]) throws -> Double? {
        if scores.count == labels.count && !(labels.contains(true) && labels.contains(false)) {
            try checkFinite(scores)
            return nil
        }
        let counts = try counts(scores, labels)
        var area = 0.0
        var (lastFalse, lastTrue) = (0, 0)
        for (falsePositives, truePositives) in zip(counts.falsePositives, counts.truePositives) {
            area += Double(falsePositives - lastFalse) * (Double(lastTrue) + Double(truePositives)) / 2
            (lastFalse, lastTrue) = (falsePositives, truePositives)
        }
        return area / (Double(counts.positives) * Double(counts.negatives))
    }

    private struct Counts {
        var falsePositives: [Int] = []
        var truePositives: [Int] = []
        var scores: [Double] = []
        var positives = 0
        var negatives = 0
    }

    /// For each distinct score, falling, how many negatives and positives reach it.
    private static func counts(_ scores: [Double], _ labels: [Bool]) throws -> Counts {
        guard scores.count == labels.count else {
            throw MetricError.value(
                metric: "roc_curve", message: "\(scores.count) scores but \(labels.count) labels")
        }
        try checkFinite(scores)
        var result = Counts()
        for index in scores.indices.sorted(by: { scores[$0] > scores[$1] }) {
            if labels[index] { result.positives += 1 } else { result.negatives += 1 }
            if let last = result.scores.last, last == scores[index] {
                result.truePositives[result.scores.count - 1] = result.positives
                result.falsePositives[result.scores.count - 1] = result.negatives
            } else {
                result.scores.append(scores[index])
                result.truePositives.append(result.positives)
                result.falsePositives.append(result.negatives)
            }
        }
        guard result.positives > 0, result.negatives > 0 else {
            throw MetricError.value(
                metric: "roc_curve",
                message: "both labels are needed; there are \(result.positives) positives and \(result.negatives) "
                    + "negatives")
        }
        return result
    }

    private static func checkFinite(_ scores: [Double]) throws {
        if let index = scores.firstIndex(where: { !$0.isFinite }) {
            throw MetricError.value(metric: "roc_curve", message: "score \(index + 1) is \(scores[index])")
        }
    }
}

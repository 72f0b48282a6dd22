import Foundation
import Identity
import Tensors

/// The Inception Score (Salimans et al., 2016): `exp(E KL(p(y|x) ‖ p(y)))`, per split, then mean and deviation over splits.
///
/// The steps are torchmetrics': rows are shuffled by `torch.randperm`, cut as `torch.chunk` cuts, and the deviation has the
/// divisor `splits - 1`. Arithmetic is f64 where theirs is f32. Which output of the network is scored is the caller's
/// choice: the definition wants the 1008 `logits_unbiased`; CheXGenBench scores the 2048 pooled features.
public enum InceptionScore {
    /// A score over splits.
    public struct Score: Equatable, Sendable {
        /// The mean over the splits.
        public let mean: Double
        /// The standard deviation over the splits; 0 for a single split.
        public let std: Double
        /// How many splits there were: fewer than asked for where rows are few.
        public let splits: Int
    }

    /// The score of logits `[N, classes]`.
    /// - Parameters:
    ///   - splits: how many groups are asked for.
    ///   - seed: of the PyTorch generator that shuffles.
    ///   - protocol: `.chexgenbench` shuffles the rows as given, as the reference does, so that the score depends on the order
    ///     of files; `.exact` sorts them by content first, so that it depends on the set and the seed only.
    /// - Throws: `MetricError` for another shape, no rows, no splits, a logit that is not finite, and, under `.exact`, for no
    ///   more rows than splits.
    public static func score(
        _ logits: Tensor, splits: Int = 10, seed: UInt64 = 42, protocol definition: Protocol = .chexgenbench
    ) throws -> Score {
        try score(
            FeatureSet(logits, name: "given", metric: metric), splits: splits, seed: seed, protocol: definition)
    }

    private static let metric = "inception_score"

    /// The score of logits that were checked.
    /// - Throws: as the other `score`.
    static func score(
        _ set: FeatureSet, splits: Int, seed: UInt64, protocol definition: Protocol = .chexgenbench
    ) throws -> Score {
        guard set.rows >= 1 else { throw MetricError.value(metric: metric, message: "there are no rows") }
        guard (1...1_000_000).contains(splits) else {
            throw MetricError.value(metric: metric, message: "splits must be 1 to 1000000, got \(splits)")
        }
        guard definition == .chexgenbench || set.rows >= leastRows(splits: splits) else {
            throw MetricError.value(
                metric: metric,
                message: "the score of \(set.rows) images in \(splits) splits is 1 whatever they show: "
                    + "at least \(leastRows(splits: splits)) are needed, or fewer splits")
        }
        var order = TorchGenerator(seed: seed).permutation(set.rows)
        if definition == .exact {
            let sorted = RowOrder.byContent(set)
            order = order.map { sorted[$0] }
        }
        let size = (set.rows - 1) / splits + 1
        var scores: [Double] = []
        for start in stride(from: 0, to: set.rows, by: size) {
            try Cancellation.check()
            scores.append(try split(set, order[start..<min(set.rows, start + size)]))
        }
        let mean = scores.reduce(0, +) / Double(scores.count)
        let squares = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let std = scores.count > 1 ? (squares / Double(scores.count - 1)).squareRoot() : 0
        return Score(mean: mean, std: std, splits: scores.count)
    }

    /// The fewest rows of which a split holds two: a split of one row has a score of 1 whatever it shows.
    public static func leastRows(splits: Int) -> Int { splits + 1 }

    /// `exp` of the mean divergence of the rows' class probabilities from the probabilities of the whole split.
    private static func split(_ set: FeatureSet, _ rows: ArraySlice<Int>) throws -> Double {
        let classes = set.dimension
        let values = try Scratch<Double>(classes)
        let marginal = try Scratch<Double>(classes)
        marginal.fill(0)
        // The divergence is E Σ p log p - Σ q log q with q = E p: one pass, and no logarithm of a mean that underflowed.
        var negativeEntropy = 0.0
        for row in rows {
            set.widen(row..<row + 1, less: nil, to: values.pointer)
            let largest = values.buffer.max() ?? 0
            var sum = 0.0
            for index in 0..<classes { sum += exp(values.pointer[index] - largest) }
            let logSum = log(sum)
            for index in 0..<classes {
                let logProbability = values.pointer[index] - largest - logSum
                let probability = exp(logProbability)
                marginal.pointer[index] += probability
                if probability > 0 { negativeEntropy += probability * logProbability }
            }
        }
        let count = Double(rows.count)
        var marginalEntropy = 0.0
        for index in 0..<classes {
            let probability = marginal.pointer[index] / count
            if probability > 0 { marginalEntropy += probability * log(probability) }
        }
        return exp(negativeEntropy / count - marginalEntropy)
    }
}

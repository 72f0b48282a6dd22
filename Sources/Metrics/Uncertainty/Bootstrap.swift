import Tensors

/// Intervals by the bootstrap (Efron, 1979): the scores of a classifier over images, or whole patients, drawn with
/// replacement. Draws come from NumPy's `RandomState(seed)`. Statistics of sets of features go by `HalfSamples` instead:
/// two copies of a row are no two images to them.
public enum Bootstrap {
    /// How many replicates, at which level, from which seed.
    public struct Options: Equatable, Sendable {
        /// The number of replicates.
        public var replicates = 200
        /// The fraction of replicates inside the interval.
        public var level = StatisticSettings().level
        /// The seed of the draws.
        public var seed = StatisticSettings().seed

        /// The defaults.
        public init() {}

        func check() throws {
            guard (1...100_000).contains(replicates), level > 0, level < 1 else {
                throw MetricError.value(
                    metric: "bootstrap",
                    message:
                        "wanted 1 to 100000 replicates and a level between 0 and 1, got \(replicates) and \(level)")
            }
        }
    }

    /// An interval of a score.
    public struct Interval: Equatable, Sendable {
        /// The score of the sets as they are.
        public let estimate: Double
        /// The lower percentile of the replicates, or the estimate where that is lower.
        public let low: Double
        /// The upper percentile of the replicates, or the estimate where that is higher.
        public let high: Double
        /// The fraction of replicates between the two.
        public let level: Double
        /// How many replicates there were.
        public let replicates: Int
        /// The mean of the replicates.
        public let mean: Double
        /// The standard deviation of the replicates (divisor: their number less one).
        public let std: Double
    }

    /// The percentile of sorted values as NumPy's default has it: linear between the two nearest.
    static func percentile(_ sorted: [Double], _ fraction: Double) -> Double {
        guard let first = sorted.first else { return 0 }
        let place = fraction * Double(sorted.count - 1)
        let lower = min(sorted.count - 1, max(0, Int(place)))
        if lower + 1 >= sorted.count { return sorted.last ?? first }
        return sorted[lower] + (sorted[lower + 1] - sorted[lower]) * (place - Double(lower))
    }

    static func summary(_ estimate: Double, _ values: [Double], _ options: Options) -> Interval {
        let sorted = values.sorted()
        let tail = (1 - options.level) / 2
        let spread = Spread(values)
        // The scores of a rare class are biased in draws that lack it, so that all percentiles may lie on one side.
        return Interval(
            estimate: estimate, low: min(estimate, percentile(sorted, tail)),
            high: max(estimate, percentile(sorted, 1 - tail)), level: options.level, replicates: values.count,
            mean: spread.mean, std: spread.deviation)
    }
}

/// Mean and deviation of some values.
struct Spread {
    let mean: Double
    /// The standard deviation (divisor: their number less one); 0 for one value.
    let deviation: Double

    init(_ values: [Double]) {
        mean = values.reduce(0, +) / Double(max(1, values.count))
        let squares = values.reduce(0) { [mean] in $0 + ($1 - mean) * ($1 - mean) }
        deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : 0
    }
}

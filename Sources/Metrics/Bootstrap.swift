import Tensors

/// Intervals by the bootstrap (Efron, 1979): the metric over sets whose rows, or whole patients, are drawn with replacement.
///
/// Draws come from NumPy's `RandomState(seed)`: for each replicate the real groups, then the synthetic ones.
public enum Bootstrap {
    /// How many replicates, at which level, from which seed.
    public struct Options: Equatable, Sendable {
        /// The number of replicates.
        public var replicates = 200
        /// The fraction of replicates inside the interval.
        public var level = 0.95
        /// The seed of the draws.
        public var seed: UInt32 = 42

        /// The defaults: 200 replicates, level 0.95, seed 42.
        public init() {}

        func check() throws {
            guard (1...1_000_000).contains(replicates), level > 0, level < 1 else {
                throw MetricError.value(
                    metric: "bootstrap",
                    message:
                        "wanted 1 to 1000000 replicates and a level between 0 and 1, got \(replicates) and \(level)")
            }
        }
    }

    /// An interval of a metric.
    public struct Interval: Equatable, Sendable {
        /// The metric of the sets as they are.
        public let estimate: Double
        /// The lower percentile of the replicates.
        public let low: Double
        /// The upper percentile of the replicates.
        public let high: Double
        /// The fraction of replicates between the two.
        public let level: Double
        /// How many replicates there were.
        public let replicates: Int
        /// The mean of the replicates. A metric that is biased for few distinct rows, as the Fréchet distance is, has
        /// replicates that lie above its estimate as a whole.
        public let mean: Double
        /// The standard deviation of the replicates (divisor: their number less one).
        public let std: Double

        /// The interval of the basic bootstrap, `2 estimate - high` to `2 estimate - low`, which takes such a bias out.
        public var basic: (low: Double, high: Double) { (2 * estimate - high, 2 * estimate - low) }
    }

    /// The interval of any metric of two sets. `statistic` takes how often each real and each synthetic row is counted.
    /// - Throws: `MetricError.value` for options out of range or sets without rows; what `statistic` throws.
    public static func interval(
        real: RowGroups, synthetic: RowGroups, _ options: Options = Options(),
        statistic: (_ realWeights: [Int], _ syntheticWeights: [Int]) throws -> Double
    ) throws -> Interval {
        var draws = try Draws(real, synthetic, options)
        let ones = ([Int](repeating: 1, count: real.rows), [Int](repeating: 1, count: synthetic.rows))
        let estimate = try statistic(ones.0, ones.1)
        var values: [Double] = []
        for _ in 0..<options.replicates {
            try Cancellation.check()
            let draw = draws.next()
            values.append(try statistic(draw.real, draw.synthetic))
        }
        return summary(estimate, values, options)
    }

    /// The interval of the Fréchet distance.
    /// - Throws: as `interval`, and `MetricError` of the distance.
    public static func frechetDistance(
        _ real: FeatureSet, _ synthetic: FeatureSet, realGroups: RowGroups? = nil, syntheticGroups: RowGroups? = nil,
        _ options: Options = Options()
    ) throws -> Interval {
        let (first, second) = try groups(real, synthetic, realGroups, syntheticGroups)
        return try interval(real: first, synthetic: second, options) {
            try FrechetDistance.distance(real, synthetic, realWeights: $0, syntheticWeights: $1)
        }
    }

    /// The interval of the kernel inception distance over all pairs. A pair of copies of one row is not counted, so that the
    /// estimate stays without bias; all replicates share one pass over the kernels.
    /// - Throws: as `interval`, and `MetricError` of the distance.
    public static func kernelInceptionDistance(
        _ real: FeatureSet, _ synthetic: FeatureSet, realGroups: RowGroups? = nil, syntheticGroups: RowGroups? = nil,
        kernel: KernelInceptionDistance.Options = .init(), _ options: Options = Options()
    ) throws -> Interval {
        let (first, second) = try groups(real, synthetic, realGroups, syntheticGroups)
        let estimate = try KernelInceptionDistance.allPairs(real, synthetic, kernel)
        var draws = try Draws(first, second, options)
        let polynomial = PolynomialKernel(kernel, dimension: real.dimension)
        var values: [Double] = []
        var left = options.replicates
        while left > 0 {
            let chunk = (0..<min(left, 256)).map { _ in draws.next() }
            left -= chunk.count
            let sums = try polynomial.weightedSums(
                real, synthetic, realWeights: chunk.map(\.real), syntheticWeights: chunk.map(\.synthetic))
            for (sum, draw) in zip(sums, chunk) {
                let (n, m) = (Double(draw.real.reduce(0, +)), Double(draw.synthetic.reduce(0, +)))
                let realPairs = n * n - Double(draw.real.reduce(0) { $0 + $1 * $1 })
                let syntheticPairs = m * m - Double(draw.synthetic.reduce(0) { $0 + $1 * $1 })
                // A draw of one row alone has no pairs and says nothing.
                guard realPairs > 0, syntheticPairs > 0 else { continue }
                values.append(sum.real / realPairs + sum.synthetic / syntheticPairs - 2 * sum.cross / (n * m))
            }
        }
        return summary(estimate, values, options)
    }

    /// The intervals of precision, recall, density and coverage. The balls are those of the whole sets (copies of a row would
    /// shrink them to nothing); what is drawn anew are the points that are counted inside or outside.
    /// - Throws: as `interval`, and `MetricError` of the score.
    public static func prdc(
        _ real: FeatureSet, _ synthetic: FeatureSet, k: Int = 5, realGroups: RowGroups? = nil,
        syntheticGroups: RowGroups? = nil, _ options: Options = Options()
    ) throws -> (precision: Interval, recall: Interval, density: Interval, coverage: Interval) {
        let (first, second) = try groups(real, synthetic, realGroups, syntheticGroups)
        let points = try PRDC.points(real, synthetic, k: k)
        let estimate = points.score()
        var draws = try Draws(first, second, options)
        var scores: [PRDC.Score] = []
        for _ in 0..<options.replicates {
            try Cancellation.check()
            let draw = draws.next()
            scores.append(points.score(realWeights: draw.real, syntheticWeights: draw.synthetic))
        }
        return (
            summary(estimate.precision, scores.map(\.precision), options),
            summary(estimate.recall, scores.map(\.recall), options),
            summary(estimate.density, scores.map(\.density), options),
            summary(estimate.coverage, scores.map(\.coverage), options)
        )
    }

    /// The percentile of sorted values as NumPy's default has it: linear between the two nearest.
    static func percentile(_ sorted: [Double], _ fraction: Double) -> Double {
        guard let first = sorted.first else { return 0 }
        let place = fraction * Double(sorted.count - 1)
        let lower = min(sorted.count - 1, max(0, Int(place)))
        if lower + 1 >= sorted.count { return sorted.last ?? first }
        return sorted[lower] + (sorted[lower + 1] - sorted[lower]) * (place - Double(lower))
    }

    private static func groups(
        _ real: FeatureSet, _ synthetic: FeatureSet, _ realGroups: RowGroups?, _ syntheticGroups: RowGroups?
    ) throws -> (RowGroups, RowGroups) {
        let pairs = [(real, realGroups), (synthetic, syntheticGroups)]
        for (set, groups) in pairs {
            if let groups, groups.rows != set.rows {
                throw MetricError.value(
                    metric: "bootstrap",
                    message: "\(groups.rows) groups were given for \(set.rows) rows of the \(set.name) set")
            }
        }
        return (realGroups ?? RowGroups(rows: real.rows), syntheticGroups ?? RowGroups(rows: synthetic.rows))
    }

    /// The stream of draws.
    private struct Draws {
        private let real: RowGroups
        private let synthetic: RowGroups
        private var random: NumPyRandom

        init(_ real: RowGroups, _ synthetic: RowGroups, _ options: Options) throws {
            try options.check()
            guard real.rows > 0, synthetic.rows > 0 else {
                throw MetricError.value(metric: "bootstrap", message: "a set has no rows")
            }
            self.real = real
            self.synthetic = synthetic
            random = NumPyRandom(seed: options.seed)
        }

        mutating func next() -> (real: [Int], synthetic: [Int]) {
            let first = real.drawnCounts(&random)
            return (first, synthetic.drawnCounts(&random))
        }
    }

    static func summary(_ estimate: Double, _ values: [Double], _ options: Options) -> Interval {
        let sorted = values.sorted()
        let tail = (1 - options.level) / 2
        let count = Double(max(1, values.count))
        let mean = values.reduce(0, +) / count
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return Interval(
            estimate: estimate, low: percentile(sorted, tail), high: percentile(sorted, 1 - tail),
            level: options.level, replicates: values.count, mean: mean,
            std: values.count > 1 ? (squares / (count - 1)).squareRoot() : 0)
    }
}

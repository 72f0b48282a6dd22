import Tensors

/// What stands beside a metric of reports, as LLaVA-Rad's evaluation (Zambrano Chaves et al., 2025) takes it: percentiles over
/// resamples of the reports. Unlike `Bootstrap.Interval` it is not widened to hold the value.
public struct ReportInterval: Equatable, Sendable {
    /// The 2.5th percentile.
    public let low: Double
    /// The median, which that evaluation prints for the metric.
    public let median: Double
    /// What the ends lie about: the median of the resamples, for BLEU their mean.
    public let centre: Double
    /// The 97.5th percentile.
    public let high: Double
    /// How many resamples there were.
    public let replicates: Int

    /// Resamples of how many reports, and where their draws start.
    public struct Draws: Equatable, Sendable {
        /// How many; 0 for no interval.
        public var replicates: Int
        /// The seed.
        public var seed: UInt32

        /// So many draws from a seed; the reference draws 500, BLEU's from 12345 and the others' from 3.
        public init(replicates: Int, seed: UInt32) {
            self.replicates = replicates
            self.seed = seed
        }

        /// - Throws: `MetricError.value` for a number that is out of bounds.
        func check(_ metric: String) throws {
            guard (0...100_000).contains(replicates) else {
                throw MetricError.value(metric: metric, message: "wanted 0 to 100000 replicates, got \(replicates)")
            }
        }
    }

    /// Percentiles of the values of resamples, at least one, as NumPy's `percentile` has them.
    init(_ values: [Double]) {
        let sorted = values.sorted()
        let tail = (1 - 0.95) / 2
        low = Bootstrap.percentile(sorted, tail)
        median = Bootstrap.percentile(sorted, 0.5)
        centre = median
        high = Bootstrap.percentile(sorted, 1 - tail)
        replicates = values.count
    }

    /// Ends as far from a centre on both sides.
    init(centre: Double, half: Double, median: Double, replicates: Int) {
        low = centre - half
        high = centre + half
        self.centre = centre
        self.median = median
        self.replicates = replicates
    }

    /// Percentiles of the mean of values over draws of NumPy's `RandomState`: the interval of ROUGE-L and F1-RadGraph; nil where
    /// none is wanted.
    static func ofMean(_ values: [Double], _ draws: Draws) throws -> ReportInterval? {
        if draws.replicates == 0 { return nil }
        var random = NumPyRandom(seed: draws.seed)
        return ReportInterval(
            try (0..<draws.replicates).map { _ in
                try Cancellation.check()
                var sum = 0.0
                for _ in values { sum += values[random.index(below: values.count)] }
                return sum / Double(values.count)
            })
    }
}

/// The mean of a metric of single reports, and the reports' own values.
public struct ReportMean: Equatable, Sendable {
    /// The mean.
    public let mean: Double
    /// One value a pair of reports.
    public let values: [Double]
    /// The interval of the mean, where one is wanted.
    public let interval: ReportInterval?

    init(_ values: [Double], _ draws: ReportInterval.Draws) throws {
        mean = values.reduce(0, +) / Double(max(1, values.count))
        self.values = values
        interval = try .ofMean(values, draws)
    }
}

/// What all metrics of pairs of reports ask of their arguments.
enum ReportPairs {
    /// - Throws: `MetricError.value` for different numbers of both, or none at all.
    static func check(_ candidates: Int, _ references: Int, metric: String) throws {
        guard candidates == references else {
            throw MetricError.value(
                metric: metric,
                message: "candidates has \(candidates) rows, references \(references): each candidate wants one "
                    + "reference")
        }
        guard candidates > 0 else { throw MetricError.value(metric: metric, message: "candidates has no rows") }
    }
}

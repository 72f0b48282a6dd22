/// An interval around a value, which lies inside.
public struct Interval: Equatable, Sendable {
    /// The ends.
    public let low, high: Double
    /// The standard error that it was made from.
    public let error: Double

    /// The interval of half width `quantile * error` around `value`, within `range`.
    init(_ value: Double, error: Double, quantile: Double, range: ClosedRange<Double>) {
        self.error = error
        low = min(value, max(range.lowerBound, value - quantile * error))
        high = max(value, min(range.upperBound, value + quantile * error))
    }

    /// The interval from `low` to `high`, widened to hold `value`.
    init(_ value: Double, low: Double, high: Double, error: Double) {
        self.low = min(value, low)
        self.high = max(value, high)
        self.error = error
    }
}

extension ClosedRange<Double> {
    /// The value of the range that is nearest to a number.
    func clamping(_ value: Double) -> Double { Swift.min(Swift.max(value, lowerBound), upperBound) }
}

/// A statistic of two sets, how sure it is, and what perfect images would get.
public struct Measurement: Sendable {
    /// A value with its interval and its floor; those are absent where there are too few images for them.
    public struct Estimate: Equatable, Sendable {
        /// The value.
        public var value: Double
        /// What the value would vary within for other images of the same kind and as many of them.
        public var interval: Interval?
        /// What real images would get in place of the synthetic ones, as many of both as there are.
        public var floor: Double?
    }

    /// The statistic as its definition wants it.
    public var estimate: Estimate
    /// The statistic for endless sets, extrapolated in 1/N; of those that have a bias of that kind.
    public var limit: Estimate?
    /// The deviation over the estimator's subsets or splits.
    public var spread: Double?
    /// Half-samples that the intervals were made from.
    public var halfSamples = 0
    /// The larger real parts that the floor was measured at: rows that stand for the real and for the synthetic side.
    public var floorSize: (real: Int, synthetic: Int)?
}

/// The share of ones among zeros and ones that come in groups, such as films of patients, with an interval that counts groups and
/// keeps its coverage where the share is near 0 or 1.
public struct ClusteredShare: Sendable {
    /// The share of ones.
    public let value: Double
    /// The interval; nil with fewer than two groups.
    public let interval: (low: Double, high: Double)?
    /// How many groups there are.
    public let groups: Int
    /// As many values without groups would tell as much.
    public let effectiveCount: Double

    /// The share of values that are true.
    ///
    /// The interval is Clopper and Pearson's for the effective number of values (Korn and Graubard, Survey Methodology 24, 1998):
    /// N over the design effect (the variance of `ClusteredMean` over that of N values without groups), times the square of t of
    /// N - 1 over t of G - 1 degrees of freedom, and N at most. Where all values are the same, and the variance says nothing, each
    /// group counts as one value.
    /// - Parameters:
    ///   - groups: which values belong together.
    ///   - level: the interval's coverage.
    /// - Throws: `MetricError.value` for no values, other numbers of rows, or a level outside of 0 to 1.
    public init(_ values: [Bool], groups: RowGroups, level: Double = 0.95) throws {
        let mean = try ClusteredMean(values.map { $0 ? 1 : 0 }, groups: groups, level: level)
        let count = Double(values.count)
        value = mean.value
        self.groups = mean.groups
        guard let error = mean.error else {
            (interval, effectiveCount) = (nil, 1)
            return
        }
        let tail = (1 - level) / 2
        let spread = value * (1 - value) / (count - 1)
        let effective: Double
        if spread == 0 {
            effective = Double(mean.groups)
        } else {
            let single = StudentQuantile.value(1 - tail, degrees: count - 1)
            let grouped = StudentQuantile.value(1 - tail, degrees: Double(mean.groups) - 1)
            let ratio = single / grouped
            effective = min(count, error == 0 ? count : count * spread / (error * error) * ratio * ratio)
        }
        effectiveCount = effective
        let (ones, zeros) = (effective * value, effective * (1 - value))
        interval = (
            value == 0 ? 0 : IncompleteBeta.quantile(tail, ones, zeros + 1),
            value == 1 ? 1 : IncompleteBeta.quantile(1 - tail, ones + 1, zeros)
        )
    }
}

/// The mean of values that come in groups, such as films of patients, with an interval that counts groups and not values.
public struct ClusteredMean: Equatable, Sendable {
    /// The mean of all values.
    public let value: Double
    /// Its standard error; nil with fewer than two groups.
    public let error: Double?
    /// The interval; nil with fewer than two groups.
    public let interval: (low: Double, high: Double)?
    /// How many groups there are.
    public let groups: Int

    /// The mean of values.
    ///
    /// The standard error is that of a ratio of sums over groups (Cochran, Sampling Techniques, 1977, 6.4): the square root of
    /// G / (G - 1) · Σ (sum of the group's deviations)² / N², and the interval follows Student's t with G - 1 degrees of freedom.
    /// - Parameters:
    ///   - groups: which values belong together.
    ///   - level: the interval's coverage.
    /// - Throws: `MetricError.value` for no values, values that are not finite, other numbers of rows, or a level outside of 0
    ///   to 1.
    public init(_ values: [Double], groups: RowGroups, level: Double = 0.95) throws {
        let metric = "mean"
        guard !values.isEmpty else { throw MetricError.value(metric: metric, message: "there are no values") }
        guard groups.rows == values.count else {
            throw MetricError.value(
                metric: metric, message: "wanted a group for each of the \(values.count) values, got \(groups.rows)")
        }
        guard level > 0, level < 1 else {
            throw MetricError.value(metric: metric, message: "wanted a level between 0 and 1, got \(level)")
        }
        if let place = values.firstIndex(where: { !$0.isFinite }) {
            throw MetricError.value(metric: metric, message: "value \(place + 1) is \(values[place])")
        }
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        value = mean
        self.groups = groups.members.count
        guard groups.members.count > 1 else {
            error = nil
            interval = nil
            return
        }
        let squares = groups.members.reduce(0.0) { total, members in
            let deviation = members.reduce(0.0) { $0 + values[$1] - mean }
            return total + deviation * deviation
        }
        let number = Double(groups.members.count)
        let error = (number / (number - 1) * squares).squareRoot() / count
        let reach = StudentQuantile.value((1 + level) / 2, degrees: number - 1) * error
        self.error = error
        interval = (mean - reach, mean + reach)
    }

    /// Equal in all parts.
    public static func == (a: ClusteredMean, b: ClusteredMean) -> Bool {
        a.value == b.value && a.error == b.error && a.groups == b.groups && a.interval?.low == b.interval?.low
            && a.interval?.high == b.interval?.high
    }
}

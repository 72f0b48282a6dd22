import Tensors

/// Intervals and limits by half-samples (McCarthy, 1969; Shao and Wu, 1989): the groups of both sets are halved at random many
/// times, and a statistic's values over the halves vary about their mean as the statistic of the whole sets does about
/// its own. No row comes twice, as in a bootstrap, which neighbours and covariances do not bear.
struct HalfSamples {
    /// What half-samples say of a statistic.
    struct Result {
        let interval: Interval
        /// The value for endless sets; nil for statistics without such a limit.
        let limit: (value: Double, interval: Interval)?
        let count: Int
    }

    private let measurer: Measurer

    init(_ measurer: Measurer) { self.measurer = measurer }

    /// - Returns: nil for each statistic that halves are too small for, or whose values are not finite.
    func measure(_ statistics: [any Statistic], _ readings: [Reading]) throws -> [Result?] {
        let settings = measurer.settings
        guard settings.replicates > 0 else { return statistics.map { _ in nil } }
        var random = NumPyRandom(seed: settings.seed)
        var values = SampleValues(statistics, settings)
        var samples: [Sample] = []
        var sizes: [Size] = []
        for _ in 0..<(settings.replicates + 1) / 2 {
            try Cancellation.check()
            let real = measurer.realGroups.halves(&random)
            let synthetic = measurer.syntheticGroups.halves(&random)
            samples.append(measurer.pair.sample(real: real.first, synthetic: synthetic.first))
            samples.append(measurer.pair.sample(real: real.second, synthetic: synthetic.second))
            sizes += samples.suffix(2).map { ($0.realCount, $0.syntheticCount) }
            if samples.count == SampleValues.portion {
                try values.add(samples)
                samples = []
            }
        }
        try values.add(samples)
        return zip(zip(statistics, readings), values.lists).map { pair, values in
            values.flatMap { result(pair.0, pair.1, $0, sizes) }
        }
    }

    /// How many rows a sample has.
    private typealias Size = (real: Int, synthetic: Int)

    private func result(
        _ statistic: any Statistic, _ reading: Reading, _ raw: [Double], _ sizes: [Size]
    ) -> Result? {
        let settings = measurer.settings
        let shown = raw.map { statistic.shown($0, settings) }
        guard reading.value.isFinite, shown.allSatisfy(\.isFinite) else { return nil }
        let quantile = self.quantile(statistic, halvings: sizes.count / 2)
        let variance = Spread(shown).deviation * Spread(shown).deviation + reading.drawVariance
        // The square of a deviation may overflow where the values do not.
        guard (quantile * variance.squareRoot()).isFinite else { return nil }
        return Result(
            interval: Interval(
                reading.value, error: variance.squareRoot(), quantile: quantile, range: statistic.range),
            limit: statistic.sizeBias.hasLimit ? limit(statistic, reading, raw, sizes, quantile) : nil,
            count: sizes.count)
    }

    /// Complementary halves mirror each other, so there are as many free deviations as halvings, and no more than groups.
    private func quantile(_ statistic: any Statistic, halvings: Int) -> Double {
        let synthetic = measurer.syntheticGroups.members.count
        let groups = statistic.comparesWithReal ? min(synthetic, measurer.realGroups.members.count) : synthetic
        return StudentQuantile.value(
            (1 + measurer.settings.level) / 2, degrees: Double(max(1, min(halvings, groups - 1))))
    }

    /// The value for endless sets. It varies as the value at hand does: what is taken off is a bias, nearly constant. Value and
    /// interval stay within what the statistic can be, though the line through two values may leave it.
    private func limit(
        _ statistic: any Statistic, _ reading: Reading, _ raw: [Double], _ sizes: [Size], _ quantile: Double
    ) -> (value: Double, interval: Interval)? {
        let settings = measurer.settings
        let pairs = stride(from: 0, to: raw.count - 1, by: 2).map { (raw[$0] + raw[$0 + 1]) / 2 }
        let scale = sizes.reduce(0) { $0 + self.scale($1, statistic) } / Double(sizes.count)
        let value = SizeCurve.limit(
            .init(scale: 1, value: reading.raw), .init(scale: scale, value: Spread(pairs).mean))
        // The mean over the halvings that were drawn is off the mean over all.
        let (own, drawn) = (Spread(raw).deviation, Spread(pairs).deviation / (scale - 1))
        let error = (own * own + drawn * drawn / Double(pairs.count)).squareRoot()
        func shown(_ value: Double) -> Double {
            statistic.range.clamping(statistic.shownLimit(value, of: reading.raw, settings))
        }
        let (low, high) = (shown(value - quantile * error), shown(value + quantile * error))
        guard shown(value).isFinite, low.isFinite, high.isFinite else { return nil }
        return (shown(value), Interval(shown(value), low: low, high: high, error: error))
    }

    /// How much smaller a sample is than the whole sets: the mean of the two ratios of sizes.
    private func scale(_ size: Size, _ statistic: any Statistic) -> Double {
        let synthetic = Double(measurer.pair.synthetic.rows) / Double(size.synthetic)
        if !statistic.comparesWithReal { return synthetic }
        return (synthetic + Double(measurer.pair.real.rows) / Double(size.real)) / 2
    }
}

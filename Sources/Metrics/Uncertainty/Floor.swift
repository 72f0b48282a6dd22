import Tensors

/// The floor of a statistic: its expected value for perfect images, that is for real ones in place of the synthetic ones, as
/// many of both as there are.
///
/// It is measured between disjoint parts of the real set, no patient on both sides, at the largest size that the set allows
/// and at half of it, and extrapolated from there to the size of the sets (`SizeCurve`).
public struct Floor {
    /// A floor and how it was measured.
    public struct Value: Sendable {
        /// The floor.
        public let value: Double
        /// The floor of the value for endless sets; nil for statistics without one.
        public let limit: Double?
        /// Rows of the larger parts; nil where it is known without a measurement.
        public let size: (real: Int, synthetic: Int)?
    }

    /// What is known of parts of one size.
    private struct Level {
        /// Parts whose values are yet to be computed.
        var samples: [Sample] = []
        var values: SampleValues
        var count = 0
        /// The sum of how much smaller the parts are than the sets.
        var scales = 0.0
        /// The rows of the first parts.
        var size = (real: 0, synthetic: 0)

        var scale: Double { scales / Double(max(1, count)) }

        mutating func add(_ sample: Sample, scale: Double) {
            if count == 0 { size = (sample.realCount, sample.syntheticCount) }
            samples.append(sample)
            count += 1
            scales += scale
        }

        mutating func measure() throws {
            try values.add(samples)
            samples = []
        }
    }

    private let real: FeatureSet
    private let synthetic: Int
    private let groups: RowGroups
    private let settings: StatisticSettings

    /// - Parameters:
    ///   - synthetic: how many synthetic rows the floor is for.
    ///   - groups: the patients of the real rows; nil where every row is one of its own.
    /// - Throws: `MetricError.value` for groups of another number of rows, or settings out of range.
    public init(
        _ real: FeatureSet, synthetic: Int, groups: RowGroups? = nil,
        _ settings: StatisticSettings = StatisticSettings()
    ) throws {
        try settings.check()
        if let groups, groups.rows != real.rows {
            throw MetricError.value(
                metric: "floor", message: "\(groups.rows) groups were given for \(real.rows) rows")
        }
        guard StatisticSettings.floorSizes.contains(synthetic) else {
            throw MetricError.value(
                metric: "floor",
                message: "the size must be 1 to \(StatisticSettings.floorSizes.upperBound), got \(synthetic)")
        }
        self.real = real
        self.synthetic = synthetic
        self.groups = groups ?? RowGroups(rows: real.rows)
        self.settings = settings
    }

    /// - Returns: nil for each statistic that parts of the real set are too small for, and for all without splits.
    /// - Throws: `MetricError` of a statistic.
    public func measure(_ statistics: [any Statistic]) throws -> [Value?] {
        var result = [Value?](repeating: nil, count: statistics.count)
        guard settings.floorSplits > 0 else { return result }
        if groups.members.count == real.rows {
            for (place, statistic) in statistics.enumerated() {
                let known = statistic.knownFloor(settings, real: real.rows, synthetic: synthetic)
                result[place] = known.map { Value(value: $0, limit: nil, size: nil) }
            }
        }
        for comparesWithReal in [true, false] {
            let places = statistics.indices.filter {
                result[$0] == nil && statistics[$0].comparesWithReal == comparesWithReal
            }
            if places.isEmpty { continue }
            let chosen = places.map { statistics[$0] }
            let levels = try levels(chosen, comparesWithReal: comparesWithReal)
            for (number, place) in places.enumerated() {
                guard let values = levels.large.values.lists[number], !values.isEmpty else { continue }
                result[place] = floor(
                    chosen[number], .init(scale: levels.large.scale, value: Spread(values).mean),
                    levels.small.values.lists[number].flatMap {
                        $0.isEmpty ? nil : .init(scale: levels.small.scale, value: Spread($0).mean)
                    },
                    size: levels.large.size)
            }
        }
        return result
    }

    private func floor(
        _ statistic: any Statistic, _ large: SizeCurve.Point, _ small: SizeCurve.Point?,
        size: (real: Int, synthetic: Int)
    ) -> Value? {
        guard let value = SizeCurve.value(at: 1, large, small, statistic.sizeBias) else { return nil }
        let shown = statistic.shown(value, settings)
        guard shown.isFinite else { return nil }
        var limit: Double?
        if statistic.sizeBias.hasLimit, let half = SizeCurve.value(at: 2, large, small, statistic.sizeBias) {
            limit = statistic.shown(
                SizeCurve.limit(.init(scale: 1, value: value), .init(scale: 2, value: half)), settings)
        }
        return Value(
            value: statistic.range.clamping(shown),
            limit: limit.flatMap { $0.isFinite ? statistic.range.clamping($0) : nil }, size: size)
    }

    /// The parts, of each split one pair, and the two pairs of their halves, and the values over them.
    private func levels(
        _ statistics: [any Statistic], comparesWithReal: Bool
    ) throws -> (large: Level, small: Level) {
        let pair = try FeaturePair(real, real)
        let (n, m) = (real.rows, synthetic)
        // Two sides have to share the real set; one side may have all of it.
        let scale = comparesWithReal ? Double(n + m) / Double(max(1, n)) : max(1, Double(m) / Double(max(1, n)))
        let sides = (
            real: comparesWithReal ? Int(Double(n) / scale) : 0, synthetic: min(n, Int(Double(m) / scale))
        )
        var random = NumPyRandom(seed: settings.seed)
        let none = Level(values: SampleValues(statistics, settings))
        var (large, small) = (none, none)
        func add(_ first: ArraySlice<Int>, _ second: ArraySlice<Int>, to level: inout Level) {
            if second.isEmpty || comparesWithReal && first.isEmpty { return }
            let ratio = Double(m) / Double(second.count)
            level.add(
                pair.sample(real: first.sorted(), synthetic: second.sorted()),
                scale: comparesWithReal ? (ratio + Double(n) / Double(first.count)) / 2 : ratio)
        }
        for _ in 0..<settings.floorSplits {
            try Cancellation.check()
            let parts = groups.parts(sides.real, sides.synthetic, &random)
            add(parts.first[...], parts.second[...], to: &large)
            let (a, b) = (parts.first.count / 2, parts.second.count / 2)
            add(parts.first[..<a], parts.second[..<b], to: &small)
            add(parts.first[a...], parts.second[b...], to: &small)
            if large.samples.count == SampleValues.portion {
                try large.measure()
                try small.measure()
            }
        }
        try large.measure()
        try small.measure()
        return (large, small)
    }
}

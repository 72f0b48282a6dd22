import Tensors

/// Measures statistics of a pair of sets: values, intervals, values for endless sets, floors.
///
/// Every feature is scanned once, and half-samples and parts are shared by all statistics. See `docs/uncertainty.md`.
public struct Measurer {
    let pair: FeaturePair
    let realGroups: RowGroups
    let syntheticGroups: RowGroups
    let settings: StatisticSettings

    /// - Parameters:
    ///   - realGroups: the patients of the real rows; nil where every row is one of its own.
    ///   - syntheticGroups: likewise of the synthetic rows.
    /// - Throws: `MetricError.value` for groups of another number of rows, or settings out of range.
    public init(
        _ pair: FeaturePair, realGroups: RowGroups? = nil, syntheticGroups: RowGroups? = nil,
        _ settings: StatisticSettings = StatisticSettings()
    ) throws {
        try settings.check()
        for (set, groups) in [(pair.real, realGroups), (pair.synthetic, syntheticGroups)] {
            guard let groups, groups.rows != set.rows else { continue }
            throw MetricError.value(
                metric: "statistic",
                message: "\(groups.rows) groups were given for \(set.rows) rows of the \(set.name) set")
        }
        self.pair = pair
        self.realGroups = realGroups ?? RowGroups(rows: pair.real.rows)
        self.syntheticGroups = syntheticGroups ?? RowGroups(rows: pair.synthetic.rows)
        self.settings = settings
    }

    /// Measures statistics whose `refusal` of these sets is nil, in the order given.
    /// - Throws: `MetricError` of the first that fails, also for sets that are too small for one.
    public func measure(_ statistics: [any Statistic]) throws -> [Measurement] {
        for statistic in statistics {
            if let reason = statistic.refusal(settings, real: pair.real.rows, synthetic: pair.synthetic.rows) {
                throw MetricError.value(metric: statistic.name, message: reason)
            }
        }
        let whole = pair.whole()
        let readings = try statistics.map { try $0.reading(whole, settings) }
        whole.release()
        let halves = try HalfSamples(self).measure(statistics, readings)
        let floors = try Floor(pair.real, synthetic: pair.synthetic.rows, groups: realGroups, settings)
            .measure(statistics)
        return statistics.indices.map { index in
            let (reading, half, floor) = (readings[index], halves[index], floors[index])
            var result = Measurement(
                estimate: .init(value: reading.value, interval: half?.interval, floor: floor?.value))
            result.limit = half?.limit.map { .init(value: $0.value, interval: $0.interval, floor: floor?.limit) }
            result.spread = reading.spread
            result.halfSamples = half?.count ?? 0
            result.floorSize = floor?.size
            return result
        }
    }

    /// The raw values of statistics over samples, each sample's features gathered once for all of them: a list for each
    /// statistic, nil where a sample is too small for it.
    static func values(
        _ statistics: [any Statistic], _ samples: [Sample], _ settings: StatisticSettings
    ) throws -> [[Double]?] {
        let fits = statistics.map { statistic in
            let least = statistic.leastRowsOfParts(settings)
            return samples.allSatisfy {
                $0.syntheticCount >= least && (!statistic.comparesWithReal || $0.realCount >= least)
            }
        }
        var values = statistics.map { _ in [Double]() }
        for index in statistics.indices where fits[index] && statistics[index].sharesWork {
            values[index] = try statistics[index].values(samples, settings)
        }
        for sample in samples {
            try Cancellation.check()
            for index in statistics.indices where fits[index] && !statistics[index].sharesWork {
                values[index].append(try statistics[index].value(sample, settings))
            }
            sample.release()
        }
        return statistics.indices.map { fits[$0] ? values[$0] : nil }
    }
}

/// The raw values of statistics over samples that come in portions: the rows of all samples together could take more memory
/// than the sets by far.
struct SampleValues {
    /// Samples of a portion. It divides what `KernelInceptionDistance` takes at once, or is divided by it, so that portions
    /// change no bit.
    static let portion = 256

    /// The values of each statistic; nil where a sample was too small for it.
    private(set) var lists: [[Double]?]
    private let statistics: [any Statistic]
    private let settings: StatisticSettings

    init(_ statistics: [any Statistic], _ settings: StatisticSettings) {
        self.statistics = statistics
        self.settings = settings
        lists = statistics.map { _ in [] }
    }

    /// Adds the values over further samples.
    mutating func add(_ samples: [Sample]) throws {
        let left = statistics.indices.filter { lists[$0] != nil }
        let found = try Measurer.values(left.map { statistics[$0] }, samples, settings)
        for (index, more) in zip(left, found) {
            if let more { lists[index]?.append(contentsOf: more) } else { lists[index] = nil }
        }
    }
}

import Files
import Foundation
import Metrics
import Tensors
import TestSupport
import Testing

/// Intervals, values for endless sets and floors: against `Tests/Parity/metrics_uncertainty.py`, against known answers, and by
/// drawing sets from known distributions.
@Suite struct UncertaintyTests {
    private func set(_ key: UInt64, _ rows: Int, _ columns: Int, _ name: String = "real") throws -> FeatureSet {
        try FeatureSet(Features.make(key, rows, columns), name: name, metric: "test")
    }

    private func settings(_ change: (inout StatisticSettings) -> Void = { _ in }) -> StatisticSettings {
        var result = StatisticSettings()
        result.definition = .exact
        change(&result)
        return result
    }

    private func statistics(_ names: [String]) throws -> [any Statistic] {
        try names.map { try #require(StatisticRegistry.standard[$0]) }
    }

    private static let ofFeatures = ["fid", "kid", "inception-score", "precision", "recall", "density", "coverage"]

    // MARK: Parity

    private func expect(_ value: Double?, _ expected: JSON?, _ what: String) throws {
        let (value, expected) = (try #require(value, "\(what)"), try #require(expected?.number, "\(what)"))
        #expect(close(value, expected, 1e-9, floor: 1), "\(what): \(value), \(expected)")
    }

    @Test(arguments: ["single", "patients"])
    func intervalsAndLimitsEqualTheirDefinition(_ grouping: String) throws {
        let expected = try #require(try Self.fixture()[grouping])
        let settings = settings {
            ($0.replicates, $0.floorSplits, $0.nearest, $0.splits) = (20, 0, 3, 4)
            $0.definition = .chexgenbench
        }
        let pair = try FeaturePair(set(80, 60, 7), set(81, 48, 7, "synthetic"))
        let groups = grouping == "single" ? nil : RowGroups((0..<60).map { $0 * $0 % 23 })
        let found = try Measurer(pair, realGroups: groups, settings).measure(statistics(Self.ofFeatures))
        for (name, found) in zip(Self.ofFeatures, found) {
            let entry = try #require(expected[name])
            try expect(found.estimate.value, entry["value"], name)
            try expect(found.estimate.interval?.low, entry["low"], "\(name) low")
            try expect(found.estimate.interval?.high, entry["high"], "\(name) high")
            #expect((found.limit == nil) == (entry["limit"] == nil), "\(name)")
            guard let limit = entry["limit"] else { continue }
            try expect(found.limit?.value, limit["value"], "\(name) limit")
            try expect(found.limit?.interval?.low, limit["low"], "\(name) limit low")
            try expect(found.limit?.interval?.high, limit["high"], "\(name) limit high")
        }
    }

    @Test(arguments: [("floor", 48), ("floor of patients", 48), ("floor of many", 150)])
    func floorsEqualTheirDefinition(_ name: String, _ size: Int) throws {
        let expected = try #require(try Self.fixture()[name])
        let settings = settings { ($0.floorSplits, $0.nearest, $0.splits) = (3, 3, 4) }
        let groups = name == "floor of patients" ? RowGroups((0..<60).map { $0 * $0 % 23 }) : nil
        let found = try Floor(set(80, 60, 7), synthetic: size, groups: groups, settings)
            .measure(statistics(Self.ofFeatures))
        for (metric, found) in zip(Self.ofFeatures, found) {
            try expect(found?.value, expected[metric]?["floor"], "\(name) \(metric)")
            if let limit = expected[metric]?["limit"] { try expect(found?.limit, limit, "\(name) \(metric) limit") }
        }
    }

    private static func fixture() throws -> JSON {
        try JSON.read(Places.fixtures("metrics") + "/uncertainty.json")
    }

    // MARK: Known answers

    @Test func theErrorOfAMeanIsTheTextbooks() throws {
        let pair = try FeaturePair(set(1, 4, 1), set(2, 400, 1, "synthetic"))
        let found = try Measurer(pair, settings { ($0.replicates, $0.floorSplits) = (4000, 0) })
            .measure([FirstMean()])[0]
        let values = try pair.synthetic.tensor.array(Float.self).map(Double.init)
        let mean = values.reduce(0, +) / 400
        let error = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 399 / 400).squareRoot()
        let interval = try #require(found.estimate.interval)
        #expect(close(interval.error, error, 0.05), "\(interval.error), \(error)")
        #expect(close(interval.high - interval.low, 2 * 1.966 * error, 0.05))
    }

    @Test func groupsAreHalvedWhole() throws {
        let patients = (0..<41).map { $0 * $0 % 13 }
        let groups = RowGroups(patients)
        var seeds = SeededGenerator()
        let seed = UInt32.random(in: 0...UInt32.max, using: &seeds)
        var random = NumPyRandom(seed: seed)
        for _ in 0..<50 {
            let (first, second) = groups.halves(&random)
            #expect((first + second).sorted() == Array(0..<41), "seed \(seed)")
            #expect(Set(first.map { patients[$0] }).isDisjoint(with: second.map { patients[$0] }), "seed \(seed)")
            #expect(abs(first.count - second.count) <= 9, "seed \(seed): \(first.count), \(second.count)")
        }
    }

    @Test func aRowWithoutAPatientStandsForItself() throws {
        #expect(RowGroups(["a", nil, "a", nil, "b"]).members == [[0, 2], [1], [3], [4]])
        #expect(try RowGroups(["a", "b", "a", nil]).selecting([2, 3, 0]).members == [[0, 2], [1]])
        #expect(throws: MetricError.self) { try RowGroups(rows: 3).selecting([3]) }
    }

    @Test func floorsKeepPatientsTogether() throws {
        let patients = (0..<100).map { $0 / 3 }
        var random = NumPyRandom(seed: 5)
        for _ in 0..<20 {
            let (first, second) = RowGroups(patients).parts(40, 30, &random)
            #expect(Set(first.map { patients[$0] }).isDisjoint(with: second.map { patients[$0] }))
            #expect(first.count == 40 && second.count == 30)
        }
    }

    @Test func intervalsHoldTheirValues() throws {
        for (real, synthetic, columns) in [(80, 60, 5), (24, 90, 40), (30, 25, 3)] {
            let pair = try FeaturePair(set(1, real, columns), set(2, synthetic, columns, "synthetic"))
            for found in try Measurer(pair, settings { $0.replicates = 30 }).measure(statistics(Self.ofFeatures)) {
                for estimate in [found.estimate, found.limit].compactMap({ $0 }) {
                    let interval = try #require(estimate.interval)
                    #expect(interval.low <= estimate.value && estimate.value <= interval.high)
                }
            }
        }
    }

    /// The line in 1/N through two values may leave what a statistic can be; what is told does not.
    @Test func limitsStayWithinTheRange() throws {
        var clamped = 0
        for key in 1...6 as ClosedRange<UInt64> {
            // Radiomic features are f64.
            func wide(_ key: UInt64) throws -> Tensor {
                try Tensor(Features.values(key, 40, 6).map(Double.init), shape: [40, 6])
            }
            let pair = try FeaturePair(wide(key), wide(key + 102))
            for name in ["fid", "frd", "inception-score"] {
                let statistic = try statistics([name])[0]
                let found = try Measurer(pair, settings { $0.floorSplits = 2 }).measure([statistic])[0]
                let limit = try #require(found.limit, "\(name)")
                let interval = try #require(limit.interval, "\(name)")
                for value in [limit.value, interval.low, interval.high] + (limit.floor.map { [$0] } ?? []) {
                    #expect(statistic.range.contains(value) && value.isFinite, "\(name): \(limit)")
                }
                #expect(interval.low <= limit.value && limit.value <= interval.high, "\(name): \(limit)")
                // As low as it gets: nothing but bias was seen.
                let lowest =
                    name == "frd" ? found.estimate.value + 0.5 * log(Double.ulpOfOne) : statistic.range.lowerBound
                if close(interval.low, lowest, 1e-12) { clamped += 1 }
            }
        }
        #expect(clamped >= 6, "the sets are too different to try it: \(clamped)")
    }

    /// The rows of thousands of samples would take more memory than the sets.
    @Test func samplesAreHeldInPortions() throws {
        let pair = try FeaturePair(set(1, 30, 4), set(2, 25, 4, "synthetic"))
        let count = SampleCount()
        let found = try Measurer(pair, settings { ($0.replicates, $0.floorSplits) = (3000, 1000) }).measure([count])
        #expect(found[0].halfSamples == 3000 && count.looks == 1 + 3000 + 3 * 1000)
        #expect(count.most <= 600, "\(count.most)")
    }

    /// Portions change no bit: all half-samples together give the same error.
    @Test func portionsOfSamplesChangeNothing() throws {
        let pair = try FeaturePair(set(1, 30, 4), set(2, 25, 4, "synthetic"))
        let names = ["fid", "kid"]
        let settings = settings { ($0.replicates, $0.floorSplits) = (700, 0) }
        let found = try Measurer(pair, settings).measure(statistics(names))
        var random = NumPyRandom(seed: settings.seed)
        let groups = (RowGroups(rows: 30), RowGroups(rows: 25))
        var samples: [Sample] = []
        for _ in 0..<350 {
            let (real, synthetic) = (groups.0.halves(&random), groups.1.halves(&random))
            samples.append(pair.sample(real: real.first, synthetic: synthetic.first))
            samples.append(pair.sample(real: real.second, synthetic: synthetic.second))
        }
        for (statistic, found) in zip(try statistics(names), found) {
            let values = try statistic.values(samples, settings)
            let mean = values.reduce(0, +) / 700
            var variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 699
            let spread = found.spread ?? 0
            variance = (variance.squareRoot() * variance.squareRoot()) + spread * spread / Double(settings.subsets)
            #expect(found.halfSamples == 700)
            #expect(found.estimate.interval?.error == variance.squareRoot(), "\(statistic.name)")
        }
    }

    @Test func seedsDecide() throws {
        let pair = try FeaturePair(set(1, 30, 8), set(2, 25, 8, "synthetic"))
        func low(_ seed: UInt32) throws -> Double? {
            try Measurer(pair, settings { $0.seed = seed }).measure(statistics(["fid"]))[0].estimate.interval?.low
        }
        #expect(try low(1) == low(1) && low(1) != low(2))
    }

    @Test func tooFewRowsHaveNoIntervalAndNoFloor() throws {
        let pair = try FeaturePair(set(1, 3, 8), set(2, 3, 8, "synthetic"))
        let found = try Measurer(pair, settings()).measure(statistics(["fid"]))[0]
        #expect(found.estimate.interval == nil && found.limit == nil && found.estimate.floor == nil)
        #expect(throws: MetricError.self) { try Measurer(pair, settings()).measure(statistics(["precision"])) }
        #expect(
            try statistics(["precision"])[0].refusal(settings(), real: 3, synthetic: 9)?.contains("6 images") == true)
    }

    @Test func theDrawOfSubsetsAddsItsVariance() throws {
        let pair = try FeaturePair(set(1, 60, 8), set(2, 60, 8, "synthetic"))
        func measured(_ size: Int) throws -> (error: Double, spread: Double) {
            let settings = settings { ($0.subsetSize, $0.subsets, $0.floorSplits) = (size, 5, 0) }
            let found = try Measurer(pair, settings).measure(statistics(["kid"]))[0]
            return (try #require(found.estimate.interval?.error), try #require(found.spread))
        }
        // One subset that is the whole set, and five of ten rows.
        let (whole, drawn) = (try measured(60), try measured(10))
        #expect(whole.spread == 0 && drawn.spread > 0)
        #expect(close(drawn.error * drawn.error, whole.error * whole.error + drawn.spread * drawn.spread / 5, 1e-12))
    }

    @Test func quantilesAreThoseOfSciPy() throws {
        for entry in try #require(try Self.fixture()["quantiles"]?.array) {
            let numbers = (0..<3).compactMap { entry[$0]?.number }
            try #require(numbers.count == 3)
            let value = StudentQuantile.value(numbers[0], degrees: numbers[1])
            #expect(close(value, numbers[2], 1e-9), "\(numbers): \(value)")
        }
    }

    @Test func refusesWrongSettings() throws {
        let pair = try FeaturePair(set(1, 30, 8), set(2, 25, 8, "synthetic"))
        for change: (inout StatisticSettings) -> Void in [
            { $0.replicates = -1 }, { $0.level = 1 }, { $0.floorSplits = -1 }, { $0.nearest = 0 }, { $0.splits = 0 },
            { $0.nearest = .max }, { $0.splits = .max }, { $0.subsets = 0 }, { $0.subsets = .max },
            { $0.subsetSize = 1 }, { $0.subsetSize = .max }, { $0.replicates = .max }, { $0.floorSplits = .max },
            { $0.level = .nan },
        ] { #expect(throws: MetricError.self) { try Measurer(pair, settings(change)) } }
        #expect(throws: MetricError.self) { try Floor(pair.real, synthetic: Int.max, settings()) }
        // Where the ball needs more real rows than there are, nothing is known of it.
        let coverage = try statistics(["coverage"])[0]
        #expect(coverage.knownFloor(settings { $0.nearest = 40 }, real: 30, synthetic: 25) == nil)
        #expect(
            message { _ = try Measurer(pair, realGroups: RowGroups(rows: 29), settings()) }.contains("29 groups"))
        #expect(throws: MetricError.self) { try Floor(pair.real, synthetic: Int.min, settings()) }
        #expect(throws: MetricError.self) { try FeaturePair(set(1, 5, 3), set(2, 5, 4)) }
    }

    // MARK: A statistic from outside

    @Test func aStatisticFromOutsideHasAllThatOthersHave() throws {
        var registry = StatisticRegistry.standard
        try registry.add(MeanShift())
        #expect(registry.names.last == "mean-shift")
        #expect(throws: RegistryError.self) { try registry.add(MeanShift()) }
        let pair = try FeaturePair(set(1, 200, 4), set(2, 150, 4, "synthetic"))
        let statistic = try #require(registry["mean-shift"])
        let found = try Measurer(pair, settings()).measure([statistic])[0]
        let (limit, floor) = (try #require(found.limit), try #require(found.estimate.floor))
        #expect(limit.value < found.estimate.value && limit.interval != nil && floor > 0)
        #expect(floor < found.estimate.value && found.floorSize?.real == 114)
    }
}

import Metrics
import Tensors
import TestSupport
import Testing

/// Sets drawn from known distributions, many times: how often an interval holds what it is to hold, and whether the limit and
/// the floor are right on average. Seeds are fixed, as a fair coin fails a test now and then; `docs/uncertainty.md` has the
/// figures of many more draws.
@Suite struct CoverageTests {
    private struct Source {
        let generator: TorchGenerator
        let columns: Int

        /// Rows of a Gaussian whose columns have the deviations 1, 1/√2, 1/√3, …, times `spread`, moved by `shift`.
        func draw(_ rows: Int, shift: Float = 0, spread: Float = 1) throws -> Tensor {
            var values = [Float](repeating: 0, count: rows * columns)
            values.withUnsafeMutableBufferPointer { generator.normal(into: $0) }
            for index in values.indices {
                values[index] = values[index] * spread / Float(index % columns + 1).squareRoot() + shift
            }
            return try Tensor(values, shape: [rows, columns])
        }
    }

    private func settings(replicates: Int, splits: Int, seed: Int) -> StatisticSettings {
        var settings = StatisticSettings()
        (settings.replicates, settings.floorSplits) = (replicates, splits)
        settings.nearest = 3
        settings.seed = UInt32(seed)
        return settings
    }

    private func count(_ intervals: [Interval?], holding value: Double) throws -> Int {
        try intervals.filter { interval in
            let interval = try #require(interval)
            return interval.low <= value && value <= interval.high
        }.count
    }

    @Test(arguments: ["fid", "kid", "precision", "coverage"])
    func intervalsHoldTheExpectedValue(_ name: String) throws {
        let statistic = try #require(StatisticRegistry.standard[name])
        let source = Source(generator: TorchGenerator(seed: 1), columns: 6)
        let found = try (0..<120).map { seed -> Measurement in
            let pair = try FeaturePair(source.draw(40), source.draw(40, shift: 0.2, spread: 1.2))
            return try Measurer(pair, settings(replicates: 20, splits: 0, seed: seed)).measure([statistic])[0]
        }
        let expected = found.reduce(0) { $0 + $1.estimate.value } / Double(found.count)
        let held = found.filter {
            ($0.estimate.interval?.low ?? 0) <= expected && expected <= ($0.estimate.interval?.high ?? 0)
        }
        #expect(held.count >= 108, "\(held.count) of 120 intervals hold \(expected)")
    }

    @Test func theDistanceOfEndlessSetsIsFound() throws {
        // Two Gaussians with known distance; the plug-in estimate of 60 rows is twice as large.
        let spreads = (1...8).map { 0.25 * 0.25 / Double($0) }
        let truth = spreads.reduce(8 * 0.2 * 0.2, +)
        let statistic = try #require(StatisticRegistry.standard["fid"])
        let source = Source(generator: TorchGenerator(seed: 2), columns: 8)
        let found = try (0..<100).map { seed -> Measurement in
            let pair = try FeaturePair(source.draw(60), source.draw(60, shift: 0.2, spread: 1.25))
            return try Measurer(pair, settings(replicates: 20, splits: 0, seed: seed)).measure([statistic])[0]
        }
        let plain = found.reduce(0) { $0 + $1.estimate.value } / 100
        let limit = found.reduce(0) { $0 + ($1.limit?.value ?? 0) } / 100
        #expect(plain > 1.4 * truth && abs(limit - truth) < 0.1 * truth, "\(plain), \(limit), \(truth)")
        let held = try count(found.map { $0.limit?.interval }, holding: truth)
        #expect(held >= 90, "\(held) of 100")
    }

    @Test(arguments: [(40, 40, 30), (50, 25, 12), (60, 60, 4), (60, 120, 8)])
    func theFloorIsThatOfTheSameSize(_ real: Int, _ synthetic: Int, _ columns: Int) throws {
        let source = Source(generator: TorchGenerator(seed: 3), columns: columns)
        let statistics = try ["fid", "precision", "recall"].map { try #require(StatisticRegistry.standard[$0]) }
        let found = try (0..<60).map { seed in
            try Measurer(
                FeaturePair(source.draw(real), source.draw(synthetic)), settings(replicates: 0, splits: 3, seed: seed)
            ).measure(statistics)
        }
        for index in statistics.indices {
            // Sets of one distribution: the mean value is what floors should say.
            let truth = found.reduce(0) { $0 + $1[index].estimate.value } / 60
            let floor = found.reduce(0) { $0 + ($1[index].estimate.floor ?? 0) } / 60
            #expect(abs(floor - truth) < 0.12 * truth, "\(statistics[index].name): \(floor), \(truth)")
        }
    }

    @Test func floorsThatSymmetryGivesAreTheMean() throws {
        let source = Source(generator: TorchGenerator(seed: 4), columns: 5)
        let statistics = try ["kid", "density", "coverage"].map { try #require(StatisticRegistry.standard[$0]) }
        let settings = settings(replicates: 0, splits: 1, seed: 1)
        let found = try (0..<300).map { _ in
            try Measurer(FeaturePair(source.draw(40), source.draw(30)), settings).measure(statistics)
        }
        for index in statistics.indices {
            let values = found.map(\.[index].estimate.value)
            let mean = values.reduce(0, +) / 300
            let error = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 299 / 300).squareRoot()
            let floor = try #require(found[0][index].estimate.floor)
            #expect(abs(mean - floor) < 4 * error, "\(statistics[index].name): \(mean), \(floor)")
        }
    }
}

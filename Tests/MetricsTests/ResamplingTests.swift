import Metrics
import Tensors
import Testing

@Suite struct ResamplingTests {
    private func set(_ key: UInt64, _ rows: Int, _ columns: Int, _ name: String = "real") throws -> FeatureSet {
        try FeatureSet(Features.make(key, rows, columns), name: name, metric: "test")
    }

    private func options(_ replicates: Int, seed: UInt32 = 42) -> Bootstrap.Options {
        var result = Bootstrap.Options()
        result.replicates = replicates
        result.seed = seed
        return result
    }

    @Test func intervalOfAMeanHasTheTextbookWidth() throws {
        let values = Features.uniforms(1, 400)
        let interval = try Bootstrap.interval(
            real: RowGroups(rows: 400), synthetic: RowGroups(rows: 1), options(2000)
        ) { weights, _ in zip(values, weights).reduce(0) { $0 + $1.0 * Double($1.1) } / 400 }
        let error = (1.0 / 12 / 400).squareRoot()
        #expect(close(interval.high - interval.low, 2 * 1.96 * error, 0.1))
        #expect(interval.low < interval.estimate && interval.estimate < interval.high)
        #expect(interval.replicates == 2000 && interval.level == 0.95)
    }

    @Test func groupsAreDrawnWhole() throws {
        let groups = RowGroups(["a", "b", "a", "c", "b", "a"])
        #expect(groups.members == [[0, 2, 5], [1, 4], [3]])
        _ = try Bootstrap.interval(real: groups, synthetic: RowGroups(rows: 2), options(50)) { weights, other in
            #expect(weights[0] == weights[2] && weights[0] == weights[5] && weights[1] == weights[4])
            #expect(weights[0] + weights[1] + weights[3] == 3 && other.reduce(0, +) == 2)
            return 0
        }
    }

    @Test func seedsDecide() throws {
        let (a, b) = (try set(1, 30, 8), try set(2, 25, 8, "synthetic"))
        let first = try Bootstrap.frechetDistance(a, b, options(20))
        #expect(first == (try Bootstrap.frechetDistance(a, b, options(20))))
        #expect(first != (try Bootstrap.frechetDistance(a, b, options(20, seed: 1))))
        #expect(first.estimate == (try FrechetDistance.distance(a, b)))
        // Drawing with replacement leaves fewer distinct rows, which a Fréchet distance pays for.
        #expect(first.mean > first.estimate && first.basic.low < first.estimate)
    }

    @Test func kernelReplicatesEqualTheirDefinition() throws {
        let (a, b) = (try set(1, 12, 5), try set(2, 9, 5, "synthetic"))
        let interval = try Bootstrap.kernelInceptionDistance(a, b, options(300))
        #expect(interval.estimate == (try KernelInceptionDistance.allPairs(a, b)))
        #expect(interval.low < interval.estimate && interval.estimate < interval.high)
        // Weights of one leave the estimate as it is, so that the replicates centre near it.
        #expect(abs(interval.mean - interval.estimate) < interval.std)
    }

    @Test func prdcIntervalsHoldTheirEstimates() throws {
        let (a, b) = (try set(1, 80, 5), try set(2, 60, 5, "synthetic"))
        let intervals = try Bootstrap.prdc(a, b, options(200))
        let score = try PRDC.score(a, b)
        #expect(intervals.precision.estimate == score.precision && intervals.density.estimate == score.density)
        for interval in [intervals.precision, intervals.recall, intervals.density, intervals.coverage] {
            #expect(interval.low <= interval.estimate && interval.estimate <= interval.high)
        }
    }

    @Test func floorsShrinkWithMoreRows() throws {
        let real = try set(1, 400, 16)
        let small = try Floor.frechetDistance(real, size: 20)
        let large = try Floor.frechetDistance(real, size: 200)
        #expect(small.size == 20 && large.size == 200 && small.values.count == 5)
        #expect(small.mean > 3 * large.mean && large.mean > 0)
        #expect(small == (try Floor.frechetDistance(real, size: 20)))
        #expect(try Floor.frechetDistance(real, size: 10_000).size == 200)
        let kid = try Floor.kernelInceptionDistance(real, size: 200)
        #expect(abs(kid.mean) < 0.05)
        #expect(try Floor.prdc(real, size: 200).precision.mean > 0.8)
    }

    @Test func floorsKeepPatientsTogether() throws {
        let patients = (0..<100).map { $0 / 3 }
        _ = try Floor.measure(groups: RowGroups(patients), size: 40, splits: 20) { first, second in
            #expect(Set(first.map { patients[$0] }).isDisjoint(with: second.map { patients[$0] }))
            #expect(first.count == second.count && first.count == 40)
            return 0
        }
        #expect(throws: MetricError.self) {
            try Floor.measure(groups: RowGroups([1, 1, 1, 1]), size: 2) { _, _ in 0 }
        }
    }

    @Test func refusesWrongOptions() throws {
        let (a, b) = (try set(1, 30, 8), try set(2, 25, 8, "synthetic"))
        #expect(throws: MetricError.self) { try Bootstrap.frechetDistance(a, b, options(0)) }
        #expect(throws: MetricError.self) {
            try Bootstrap.frechetDistance(a, b, realGroups: RowGroups(rows: 29), options(3))
        }
        #expect(throws: MetricError.self) { try Floor.frechetDistance(a, size: 1) }
        #expect(throws: MetricError.self) { try Floor.frechetDistance(a, size: Int.min) }
        #expect(throws: MetricError.self) { try Floor.frechetDistance(a, size: 5, splits: 0) }
    }
}

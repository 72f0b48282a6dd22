import Metrics
import TestSupport
import Testing

@Suite struct KendallTauTests {
    /// SciPy 1.15.2: `scipy.stats.kendalltau(a, b).statistic`.
    @Test(
        arguments: [
            ([1, 2, 3, 4, 5], [3, 1, 4, 2, 5], 0.39999999999999997),
            ([12, 2, 1, 12, 2], [1, 4, 7, 1, 0], -0.4714045207910316),
            (
                [54.23, 60.15, 69.7, 71.24, 91.3, 101.2, 118.93, 122.4, 125.19, 186.53, 194.72],
                [0.04, 0.05, 0.05, 0.071, 0.06, 0.1, 0.11, 0.14, 0.09, 0.2, 0.2], 0.8334762598987157
            ),
            ([1, 1, 2, 2, 3], [2, 1, 2, 3, 3], 0.7499999999999999),
            ([0.1, 0.1, 0.1, 0.2], [1, 2, 3, 4], 0.7071067811865477),
        ] as [([Double], [Double], Double)])
    func matchesSciPy(a: [Double], b: [Double], expected: Double) throws {
        let tau = try #require(try KendallTau.value(a, b))
        #expect(abs(tau - expected) <= 2 * expected.magnitude.ulp)
        #expect(try KendallTau.value(b, a) == tau)
        #expect(try KendallTau.value(a, b.map { -$0 }) == -tau)
    }

    @Test func fullAgreementIsExact() throws {
        var random = SeededGenerator()
        for count in [2, 3, 7, 100] {
            let values = (0..<count).map { _ in Double.random(in: -1...1, using: &random) }
            #expect(try KendallTau.value(values, values.map { $0 * 3 + 1 }) == 1)
            #expect(try KendallTau.value(values, values.map { -$0 }) == -1)
        }
        #expect(try KendallTau.value([1, .infinity, -.infinity], [2, 3, 1]) == 1)
    }

    @Test func whatHasNoTau() throws {
        #expect(try KendallTau.value([1, 1, 1], [1, 2, 3]) == nil)
        #expect(try KendallTau.interval([1, 2, 3], [1, 2, 3]) == nil)
        for (a, b, part) in [([1.0], [1.0], "2 to"), ([1, 2], [1], "beside"), ([1, .nan], [1, 2], "number 2")] {
            #expect(message { _ = try KendallTau.value(a, b) }.contains(part))
        }
        var options = Bootstrap.Options()
        options.replicates = 0
        #expect(message { _ = try KendallTau.interval([1, 2, 3, 4], [1, 2, 3, 4], options) }.contains("replicates"))
    }

    @Test func intervalsHoldTheirValue() throws {
        let a = (0..<12).map(Double.init)
        let b: [Double] = [2, 0, 1, 5, 3, 4, 8, 6, 7, 11, 9, 10]
        let interval = try #require(try KendallTau.interval(a, b))
        #expect(try interval.estimate == KendallTau.value(a, b))
        #expect(interval.low < interval.estimate && interval.estimate < interval.high && interval.low > 0)
        #expect(try KendallTau.interval(a, b) == interval)
    }
}

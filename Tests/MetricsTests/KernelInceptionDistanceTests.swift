import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct KernelInceptionDistanceTests {
    private func options(_ change: (inout KernelInceptionDistance.Options) -> Void) -> KernelInceptionDistance.Options {
        var result = KernelInceptionDistance.Options()
        change(&result)
        return result
    }

    private func check(
        _ name: String, _ real: Tensor, _ synthetic: Tensor, _ options: KernelInceptionDistance.Options,
        tolerance: Double = 1e-11
    ) throws {
        let expected: [Double] = try Reference().value("kid", name)
        let score = try KernelInceptionDistance.score(real, synthetic, options)
        #expect(close(score.mean, expected[0], tolerance))
        #expect(close(score.std, expected[1], tolerance))
    }

    @Test func matchesTorchmetricsForTheSameSeed() throws {
        let (a, b) = (try Features.make(20, 90, 32), try Features.make(21, 70, 32))
        try check("default", a, b, options { $0.subsetSize = 50 })
        try check("f32", a, b, options { $0.subsetSize = 50 }, tolerance: 1e-4)
        try check(
            "whole", a, b,
            options {
                $0.subsets = 30
                $0.subsetSize = nil
                $0.seed = 7
            })
        try check(
            "degree 2", a, b,
            options {
                $0.subsets = 20
                $0.subsetSize = 10
                $0.degree = 2
                $0.gamma = 0.5
                $0.coefficient = 2
                $0.seed = 1
            })
        try check(
            "few small subsets", try Features.make(22, 400, 8), try Features.make(23, 300, 8),
            options {
                $0.subsets = 3
                $0.subsetSize = 20
                $0.seed = 5
            })
    }

    @Test(arguments: Features.cases)
    func wholeSetsOfEqualSizeAreComputedOnce(_ name: String) throws {
        let (real, synthetic) = try Features.pair(name)
        guard real.shape == synthetic.shape else { return }
        let expected: [Double] = try Reference().value("cases", name, "kid")
        let score = try KernelInceptionDistance.score(real, synthetic, options { $0.subsetSize = nil })
        #expect(close(score.mean, expected[0], 1e-10, floor: 1))
        #expect(score.std == 0)
        #expect(try KernelInceptionDistance.allPairs(real, synthetic) == score.mean)
    }

    @Test func isUnbiased() throws {
        // Two halves of one set, many times: the mean over splits lies within a few standard errors of zero.
        let all = try Features.make(60, 400, 6)
        var values: [Double] = []
        for seed in 0..<200 {
            let order = TorchGenerator(seed: UInt64(seed)).permutation(400)
            values.append(
                try KernelInceptionDistance.allPairs(
                    Features.rows(all, Array(order[0..<60])), Features.rows(all, Array(order[60..<120]))))
        }
        let mean = values.reduce(0, +) / 200
        let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 199).squareRoot()
        #expect(abs(mean) < 4 * deviation / 200.0.squareRoot())
        #expect(values.contains { $0 < 0 })
    }

    @Test func canIgnoreTheOrderOfRows() throws {
        let (a, b) = (try Features.make(20, 90, 8), try Features.make(21, 70, 8))
        let shuffled = try Features.rows(a, TorchGenerator(seed: 9).permutation(90))
        let exact = options {
            $0.subsetSize = 20
            $0.ignoresOrder = true
        }
        let given = options { $0.subsetSize = 20 }
        #expect(
            close(
                try KernelInceptionDistance.score(a, b, exact).mean,
                try KernelInceptionDistance.score(shuffled, b, exact).mean, 1e-12))
        #expect(
            try KernelInceptionDistance.score(a, b, given).mean
                != KernelInceptionDistance.score(shuffled, b, given).mean)
    }

    @Test func tilesCoverAllPairs() throws {
        // More rows than a tile; the sum over all pairs is the weighted sum of parts.
        let (a, b) = (try Features.make(20, 1100, 4), try Features.make(21, 1030, 4))
        let whole = try KernelInceptionDistance.allPairs(a, b)
        let firstValues = try a.array(Float.self).map(Double.init)
        let secondValues = try b.array(Float.self).map(Double.init)
        func kernel(_ x: ArraySlice<Double>, _ y: ArraySlice<Double>) -> Double {
            let base = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } / 4 + 1
            return base * base * base
        }
        func sum(_ x: [Double], _ y: [Double], skipsSame: Bool) -> Double {
            var total = 0.0
            for i in 0..<x.count / 4 {
                for j in 0..<y.count / 4 where !(skipsSame && i == j) {
                    total += kernel(x[i * 4..<i * 4 + 4], y[j * 4..<j * 4 + 4])
                }
            }
            return total
        }
        let expected =
            sum(firstValues, firstValues, skipsSame: true) / (1100 * 1099)
            + sum(secondValues, secondValues, skipsSame: true) / (1030 * 1029)
            - 2 * sum(firstValues, secondValues, skipsSame: false) / (1100 * 1030)
        #expect(close(whole, expected, 1e-11))
    }

    @Test func refusesWrongOptions() throws {
        let (a, b) = (try Features.make(20, 30, 4), try Features.make(21, 20, 4))
        func message(_ change: (inout KernelInceptionDistance.Options) -> Void) -> String {
            do {
                return "\(try KernelInceptionDistance.score(a, b, options(change)))"
            } catch {
                return "\(error)"
            }
        }
        #expect(
            message { $0.subsetSize = 25 } == "kid: subset_size 25 is larger than the synthetic set, which has 20 rows")
        #expect(message { $0.subsetSize = 1000 }.contains("real set"))
        #expect(message { $0.subsetSize = 1 }.contains("at least 2"))
        #expect(message { $0.subsetSize = Int.min }.contains("at least 2"))
        #expect(message { $0.subsets = 0 }.contains("subsets"))
        #expect(message { $0.degree = 0 }.contains("degree"))
        #expect(message { $0.gamma = .nan }.contains("finite"))
        #expect(throws: MetricError.self) { try KernelInceptionDistance.allPairs(a, Features.make(1, 1, 4)) }
    }
}

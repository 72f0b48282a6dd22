import Foundation
import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct FrechetDistanceTests {
    @Test func featuresFollowTheFormulaOfTheReferenceScript() throws {
        let expected: [Double] = try Reference().value("samples")
        #expect(Features.values(3, 4, 5).map(Double.init) == expected)
    }

    @Test(arguments: Features.cases)
    func matchesTorchmetricsAndSixtyDigits(_ name: String) throws {
        let reference = try Reference()
        let (real, synthetic) = try Features.pair(name)
        let value = try FrechetDistance.distance(real, synthetic)
        #expect(close(value, try reference.value("cases", name, "exact_fid"), 1e-12))
        #expect(close(value, try reference.value("cases", name, "torchmetrics_fid"), 1e-6))
    }

    @Test(arguments: Features.cases)
    func momentsGiveTheSame(_ name: String) throws {
        let (real, synthetic) = try Features.pair(name)
        let first = try Moments(dimension: real.shape[1])
        let second = try Moments(dimension: real.shape[1])
        try first.update(real)
        try second.update(synthetic)
        let expected: Double = try Reference().value("cases", name, "exact_fid")
        // Covariances of fewer rows than columns are singular: half of the digits of their null space are lost.
        #expect(close(try FrechetDistance.distance(first, second), expected, 2e-7))
        #expect(close(try FrechetDistance.distance(first, synthetic), expected, 2e-7))
    }

    @Test func isZeroForOneSetAndSymmetric() throws {
        let (a, b) = (try Features.make(1, 70, 40), try Features.make(2, 50, 40))
        #expect(try FrechetDistance.distance(a, a) == 0)
        let shuffled = try Features.rows(a, TorchGenerator(seed: 1).permutation(70))
        #expect(try FrechetDistance.distance(a, shuffled) < 1e-11)
        #expect(close(try FrechetDistance.distance(a, b), try FrechetDistance.distance(b, a), 1e-13))
    }

    @Test func aShiftCostsItsSquare() throws {
        let base = try Features.make(1, 64, 40) { value, _, _ in (value * 256).rounded() / 256 }
        let moved = try Features.make(1, 64, 40) { value, _, column in
            (value * 256).rounded() / 256 + Float(column % 4)
        }
        let expected = (0..<40).reduce(0.0) { $0 + Double(($1 % 4) * ($1 % 4)) }
        #expect(close(try FrechetDistance.distance(base, moved), expected, 1e-13))
    }

    @Test func scalesWithTheSquareOfTheUnit() throws {
        let (a, b) = (try Features.make(1, 30, 20), try Features.make(2, 40, 20))
        let large = try FrechetDistance.distance(
            Features.make(1, 30, 20) { value, _, _ in value * 0x1p40 },
            Features.make(2, 40, 20) { value, _, _ in value * 0x1p40 })
        #expect(close(large, try FrechetDistance.distance(a, b) * 0x1p80, 1e-13))
    }

    @Test func wideAndTallRoutesAgreeAtTheSizesOfTheBlockedReduction() throws {
        // Two halves of equal rows leave mean and covariance (up to the divisor) alone, but change the route.
        for (rows, columns) in [(150, 200), (260, 300), (399, 130)] {
            let (a, b) = (try Features.make(5, rows, columns), try Features.make(6, rows + 11, columns))
            let features = try FrechetDistance.distance(a, b)
            let first = try Moments(dimension: columns)
            let second = try Moments(dimension: columns)
            try first.update(a)
            try second.update(b)
            #expect(close(try FrechetDistance.distance(first, second), features, 1e-7))
        }
    }

    @Test(arguments: [[300, 280, 400], [500, 500, 300], [700, 200, 750], [193, 900, 257]])
    func largeSetsMatchLAPACK(_ sizes: [Int]) throws {
        let expected: [Double] = try Reference().value("large", "\(sizes[0]) \(sizes[1]) \(sizes[2])")
        let value = try FrechetDistance.distance(
            Features.make(70, sizes[0], sizes[2]), Features.make(71, sizes[1], sizes[2]))
        #expect(close(value, expected[0], 1e-12))
        #expect(close(value, expected[1], 1e-6))
    }

    @Test func acceptsOtherFloats() throws {
        let a = try Features.make(1, 12, 4)
        let wide = try Tensor(try a.array(Float.self).map(Double.init), shape: [12, 4])
        let b = try Features.make(2, 12, 4)
        #expect(try FrechetDistance.distance(a, b) == FrechetDistance.distance(wide, b))
        let brain = try Tensor(uninitialized: [12, 4], .bf16)
        let rounded = try Tensor(uninitialized: [12, 4], .f32)
        for (index, value) in try a.array(Float.self).enumerated() {
            let short = BFloat16(value)
            brain.pointer.assumingMemoryBound(to: BFloat16.self)[index] = short
            rounded.pointer.assumingMemoryBound(to: Float.self)[index] = short.float
        }
        #expect(try FrechetDistance.distance(brain, b) == FrechetDistance.distance(rounded, b))
    }

    @Test func refusesWhatHasNoDistance() throws {
        let good = try Features.make(1, 5, 4)
        func message(_ real: Tensor, _ synthetic: Tensor) -> String {
            do {
                return "\(try FrechetDistance.distance(real, synthetic))"
            } catch {
                return "\(error)"
            }
        }
        let broken = try Features.make(1, 5, 4) { value, row, column in row == 3 && column == 2 ? .nan : value }
        #expect(message(good, broken).contains("row 4 of the synthetic features holds nan in column 3"))
        #expect(message(broken, good).contains("row 4 of the real features"))
        #expect(message(good, try Features.make(1, 1, 4)).contains("1 rows; at least 2"))
        #expect(message(try Tensor.zeros([0, 4]), good).contains("0 rows"))
        #expect(message(good, try Features.make(1, 5, 3)).contains("4 columns, synthetic features 3"))
        #expect(message(good, try Tensor.zeros([5])).contains("[N, D]"))
        #expect(message(good, try Tensor.zeros([5, 4], .i64)).contains("i64"))
        #expect(message(try Tensor.zeros([5, 0]), try Tensor.zeros([5, 0])).contains("no columns"))
        let huge = try Tensor([1e200, -1e200, 3e199, 0], shape: [2, 2])
        #expect(message(huge, try Tensor([1.0, 2, 3, 4], shape: [2, 2])).contains("overflow"))
    }
}

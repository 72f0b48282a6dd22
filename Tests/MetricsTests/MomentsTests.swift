import Files
import Foundation
import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct MomentsTests {
    private func moments(_ features: Tensor, batches: [Int]) throws -> Moments {
        let result = try Moments(dimension: features.shape[1])
        var row = 0
        for batch in batches {
            try result.update(Features.rows(features, Array(row..<row + batch)))
            row += batch
        }
        return result
    }

    private func bits(_ moments: Moments) throws -> [UInt64] {
        try (moments.mean().array(Double.self) + moments.covariance().array(Double.self)).map(\.bitPattern)
    }

    @Test func anyCutAndAnyOrderGiveTheSameBits() throws {
        let features = try Features.make(5, 2500, 21)
        let whole = try moments(features, batches: [2500])
        let batches = try moments(features, batches: [1, 1023, 1, 700, 775])
        let order = TorchGenerator(seed: 3).permutation(2500)
        let shuffled = try Features.rows(features, order)
        let merged = try Moments(dimension: 21)
        for start in stride(from: 2499, through: 0, by: -357) {
            let shard = try Moments(dimension: 21)
            try shard.update(Features.rows(shuffled, Array(max(0, start - 356)...start)))
            try merged.merge(shard)
        }
        #expect(whole.count == 2500 && batches.count == 2500 && merged.count == 2500)
        let expected = try bits(whole)
        #expect(try bits(batches) == expected)
        #expect(try bits(merged) == expected)
    }

    @Test func anyMagnitudesMergeExactly() throws {
        let features = try Features.make(5, 400, 9) { value, row, column in
            value * [1, 1e-7, 3e4, 1e15, 1e30][row % 37 == 0 ? column % 5 : 0]
        }
        let whole = try moments(features, batches: [400])
        let parts = try moments(features, batches: [1, 149])
        let rest = try Moments(dimension: 9)
        try rest.update(Features.rows(features, Array(150..<400)))
        try rest.merge(parts)
        #expect(try bits(whole) == bits(rest))
    }

    @Test func equalTheTwoPassFormula() throws {
        let features = try Features.make(6, 300, 7)
        let values = try features.array(Float.self).map(Double.init)
        let result = try moments(features, batches: [100, 200])
        let mean = try result.mean().array(Double.self)
        let covariance = try result.covariance().array(Double.self)
        for i in 0..<7 {
            let expected = (0..<300).reduce(0.0) { $0 + values[$1 * 7 + i] } / 300
            #expect(close(mean[i], expected, 1e-8))
            for j in 0..<7 {
                let sum = (0..<300).reduce(0.0) { $0 + (values[$1 * 7 + i] - mean[i]) * (values[$1 * 7 + j] - mean[j]) }
                #expect(close(covariance[i * 7 + j], sum / 299, 1e-8))
                #expect(covariance[i * 7 + j] == covariance[j * 7 + i])
            }
        }
    }

    @Test func areExactWhereFeaturesAreMultiplesOfTheUnit() throws {
        // Integers: the covariance is a fraction of integers, rounded once.
        let features = try Features.make(7, 101, 3) { value, row, _ in (value * 100).rounded() + Float(row % 2) * 2000 }
        let values = try features.array(Float.self).map { Int($0) }
        let covariance = try moments(features, batches: [101]).covariance().array(Double.self)
        for i in 0..<3 {
            for j in 0..<3 {
                let product = (0..<101).reduce(0) { $0 + values[$1 * 3 + i] * values[$1 * 3 + j] }
                let (first, second) = (
                    (0..<101).reduce(0) { $0 + values[$1 * 3 + i] }, (0..<101).reduce(0) { $0 + values[$1 * 3 + j] }
                )
                #expect(covariance[i * 3 + j] == Double(101 * product - first * second) / Double(101 * 100))
            }
        }
    }

    /// Rounding to multiples of 2⁻³⁰ must not change a number without a word.
    @Test(arguments: [Float(1e-2), 1e-5, 1e-6, 1e-9, 1e-15, 1e-30])
    func featuresTooSmallForTheUnitAreRefusedOrRight(scale: Float) throws {
        func set(_ key: UInt64, _ factor: Float = 1) throws -> Tensor {
            try Features.make(key, 300, 6) { value, _, _ in value * scale * factor }
        }
        let (first, second) = (try set(5), try set(6))
        let (left, right) = (try moments(first, batches: [100, 200]), try moments(second, batches: [300]))
        let exact = try FrechetDistance.distance(first, second)
        if scale > 1e-4 {
            #expect(close(try FrechetDistance.distance(left, right), exact, 1e-5))
            _ = try (left.mean(), left.covariance())
            return
        }
        #expect(throws: MetricError.self) { try left.mean() }
        #expect(throws: MetricError.self) { try left.covariance() }
        let error = try #require(throws: MetricError.self) { try FrechetDistance.distance(left, right) }
        // What the text advises works.
        let text = String(describing: error)
        let power = try #require(text.firstMatch(of: #/multiply all features by 2\^(\d+)/#))
        let factor = Float(sign: .plus, exponent: try #require(Int(power.output.1)), significand: 1)
        let scaled = try FrechetDistance.distance(
            moments(set(5, factor), batches: [300]), moments(set(6, factor), batches: [300]))
        #expect(close(scaled, exact * Double(factor) * Double(factor), 1e-5))
    }

    @Test func aSmallColumnIsRefusedWhereItIsLookedAt() throws {
        let features = try Features.make(5, 300, 6) { value, _, column in column == 2 ? value * 1e-8 : value }
        let result = try moments(features, batches: [300])
        #expect(throws: MetricError.self) { try result.mean() }
        #expect(throws: MetricError.self) { try result.covariance() }
        // Beside the other columns it does not count.
        let other = try Features.make(6, 300, 6)
        let distance = try FrechetDistance.distance(result, moments(other, batches: [300]))
        #expect(close(distance, try FrechetDistance.distance(features, other), 1e-7))
        // A column of zeros, and one of a single value, lose nothing that shows.
        let constant = try Features.make(5, 300, 3) { value, _, column in [value, 0, 0.3][column] }
        let plain = try moments(constant, batches: [300])
        #expect(try plain.mean().array(Double.self)[1] == 0)
        #expect(try plain.covariance().array(Double.self)[8] == 0)
        // A spread far below the value is lost, though the mean is right.
        let narrow = try Tensor((0..<300).map { 1 + 1e-10 * Double($0 % 7) }, shape: [300, 1])
        let thin = try Moments(dimension: 1)
        try thin.update(narrow)
        #expect(close(try thin.mean().array(Double.self)[0], 1, 1e-8))
        #expect(throws: MetricError.self) { try thin.covariance() }
        #expect(throws: MetricError.self) { try FrechetDistance.distance(thin, thin) }
    }

    @Test func mergingWithItselfDoublesEveryRow() throws {
        let features = try Features.make(8, 50, 4)
        let once = try moments(features, batches: [50])
        try once.merge(once)
        let twice = try moments(Features.rows(features, Array(0..<50) + Array(0..<50)), batches: [100])
        #expect(once.count == 100)
        #expect(try bits(once) == bits(twice))
    }

    @Test func whatCanBeSavedCanBeLoaded() throws {
        let result = try moments(Features.make(8, 5, 2), batches: [5])
        var refusal = ""
        for _ in 0..<39 where refusal.isEmpty { refusal = complaint { try result.merge(result) } }
        #expect(refusal.contains("2^40") && result.count == 5 << 37, "\(refusal), \(result.count)")
        let scratch = try Scratch()
        try result.save(scratch.path + "/moments")
        let loaded = try Moments.load(scratch.path + "/moments")
        #expect(loaded.count == result.count)
        #expect(try bits(loaded) == bits(result))
    }

    @Test func refusedBatchesLeaveNothing() throws {
        let features = try Features.make(8, 50, 4)
        let result = try moments(features, batches: [50])
        let before = try bits(result)
        let broken = try Features.make(1, 9, 4) { value, row, _ in row == 8 ? .infinity : value }
        #expect(throws: MetricError.self) { try result.update(broken) }
        #expect(throws: MetricError.self) { try result.update(Features.make(1, 9, 5)) }
        #expect(throws: MetricError.self) { try result.merge(Moments(dimension: 5)) }
        #expect(throws: MetricError.self) { try result.update(Tensor([1e300, 0, 0, 0], shape: [1, 4])) }
        #expect(try bits(result) == before)
        #expect(throws: MetricError.self) { try Moments(dimension: 0) }
        #expect(throws: MetricError.self) { try Moments(dimension: 3).covariance() }
        let single = try Moments(dimension: 4)
        try single.update(Features.make(1, 1, 4))
        #expect(throws: MetricError.self) { try FrechetDistance.distance(single, result) }
    }

    @Test func filesHoldEverythingAndEqualSetsGiveEqualFiles() throws {
        let scratch = try Scratch()
        let folder = scratch.path
        let features = try Features.make(5, 1200, 11)
        let whole = try moments(features, batches: [1200])
        let parts = try moments(features, batches: [600, 600])
        try whole.save(folder + "/a")
        try parts.save(folder + "/b")
        let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/a"))
        #expect(bytes == (try Data(contentsOf: URL(fileURLWithPath: folder + "/b"))))
        let loaded = try Moments.load(folder + "/a")
        #expect(try bits(loaded) == bits(whole) && loaded.count == 1200)
        try loaded.update(Features.make(6, 10, 11))
        try whole.update(Features.make(6, 10, 11))
        #expect(try bits(loaded) == bits(whole))
        try Moments(dimension: 3).save(folder + "/empty")
        #expect(try Moments.load(folder + "/empty").count == 0)
    }

    @Test func damagedFilesAreErrors() throws {
        let scratch = try Scratch()
        let folder = scratch.path
        let path = folder + "/m"
        #expect(throws: FileError.self) { try Moments.load(path) }
        try moments(try Features.make(5, 12, 3), batches: [12]).save(path)
        let good = try Data(contentsOf: URL(fileURLWithPath: path))
        for index in good.indices {
            var bad = good
            bad[index] ^= 0x10
            try bad.write(to: URL(fileURLWithPath: path))
            #expect(throws: FileError.self, "byte \(index)") { try Moments.load(path) }
        }
        for length in [0, 7, 39, 71, good.count - 1] {
            try good.prefix(length).write(to: URL(fileURLWithPath: path))
            #expect(throws: FileError.self, "length \(length)") { try Moments.load(path) }
        }
        var huge = good
        huge.replaceSubrange(8..<16, with: [255, 255, 255, 255, 255, 255, 255, 127])
        try huge.write(to: URL(fileURLWithPath: path))
        #expect(throws: FileError.self) { try Moments.load(path) }
    }
}

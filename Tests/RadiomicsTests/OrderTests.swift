import RadiomicsKernels
import TestSupport
import Testing

/// Order statistics without a sort are those of a sort.
@Suite struct OrderTests {
    @Test func statisticsAreThoseOfSortedValues() {
        var generator = SeededGenerator()
        func random(_ range: ClosedRange<Double>) -> Double { .random(in: range, using: &generator) }
        let sets: [[Double]] = [
            [3], [2, 1], [5, 5, 5, 5], (0..<1000).map { _ in random(-1...1) },
            // Nearly all in one bucket, on the edges of buckets, denormal, as far apart as can be.
            (0..<5000).map { _ in random(0...1e-6) } + [1e9, -1e9], (0..<5000).map { Double($0 % 4097) },
            (0..<50).map { _ in random(0...10) * Double.leastNonzeroMagnitude },
            [-.greatestFiniteMagnitude, 0, .greatestFiniteMagnitude, 1, -1],
            (0..<3000).map { _ in random(0...9).rounded() },
        ]
        for values in sets {
            let sorted = values.sorted()
            let ranks = [0, values.count - 1, values.count / 2] + (0..<10).map { values.count * $0 / 10 }
            let found = RadiomicsOrder.statistics(
                values, count: values.count, minimum: sorted[0], maximum: sorted[sorted.count - 1], ranks: ranks)
            #expect(found == ranks.map { sorted[$0] })
        }
    }
}

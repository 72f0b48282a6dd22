import Tensors

/// The floor of a metric: its value between two disjoint halves of the real set, which is what perfect images would get.
///
/// A distance between finite samples of one distribution is not zero, and the fewer the images the larger it is. The floor
/// is measured at the size asked for, or at half the real set where that is smaller; compare it with a number at that size.
/// No patient is on both sides where groups are given.
public enum Floor {
    /// A floor and how it was measured.
    public struct Value: Equatable, Sendable {
        /// The mean over the splits.
        public let mean: Double
        /// The standard deviation over the splits (divisor: their number less one); 0 for one.
        public let std: Double
        /// Rows on each side; the smallest over the splits.
        public let size: Int
        /// The metric of each split.
        public let values: [Double]
    }

    /// The floor of any metric. `statistic` takes the rows of the two sides.
    /// - Parameters:
    ///   - groups: the rows of the real set, by patient where known.
    ///   - size: how many rows a side should have.
    ///   - splits: how many random splits are averaged.
    ///   - seed: of NumPy's `RandomState`, which shuffles the groups.
    /// - Throws: `MetricError.value` where a side would have fewer than two rows; what `statistic` throws.
    public static func measure(
        groups: RowGroups, size: Int, splits: Int = 5, seed: UInt32 = 42,
        statistic: (_ first: [Int], _ second: [Int]) throws -> Double
    ) throws -> Value {
        guard (1...100_000).contains(splits) else {
            throw MetricError.value(metric: "floor", message: "splits must be 1 to 100000, got \(splits)")
        }
        var random = NumPyRandom(seed: seed)
        var values: [Double] = []
        var smallest = Int.max
        for _ in 0..<splits {
            try Cancellation.check()
            let (first, second) = groups.disjointHalves(size: size, &random)
            guard first.count >= 2 else {
                throw MetricError.value(
                    metric: "floor",
                    message: "\(groups.rows) real rows in \(groups.members.count) groups give halves of "
                        + "\(first.count); at least 2 are needed")
            }
            smallest = min(smallest, first.count)
            values.append(try statistic(first, second))
        }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return Value(
            mean: mean, std: values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : 0,
            size: smallest, values: values)
    }

    /// The floor of the Fréchet distance.
    /// - Throws: as `measure`.
    public static func frechetDistance(
        _ real: FeatureSet, size: Int, groups: RowGroups? = nil, splits: Int = 5, seed: UInt32 = 42
    ) throws -> Value {
        try measure(groups: check(real, groups), size: size, splits: splits, seed: seed) {
            try FrechetDistance.distance(real.gathered($0), real.gathered($1))
        }
    }

    /// The floor of the kernel inception distance over all pairs; around 0, as it has no bias.
    /// - Throws: as `measure`.
    public static func kernelInceptionDistance(
        _ real: FeatureSet, size: Int, groups: RowGroups? = nil, splits: Int = 5, seed: UInt32 = 42,
        kernel: KernelInceptionDistance.Options = .init()
    ) throws -> Value {
        try measure(groups: check(real, groups), size: size, splits: splits, seed: seed) {
            try KernelInceptionDistance.allPairs(real.gathered($0), real.gathered($1), kernel)
        }
    }

    /// The "floors" of precision, recall, density and coverage: what perfect images get, so here rather ceilings.
    /// - Throws: as `measure`.
    public static func prdc(
        _ real: FeatureSet, size: Int, groups: RowGroups? = nil, k: Int = 5, splits: Int = 5, seed: UInt32 = 42
    ) throws -> (precision: Value, recall: Value, density: Value, coverage: Value) {
        func value(_ part: KeyPath<PRDC.Score, Double>, _ scores: [PRDC.Score]) throws -> Value {
            var next = 0
            return try measure(groups: check(real, groups), size: size, splits: splits, seed: seed) { _, _ in
                defer { next += 1 }
                return scores[next][keyPath: part]
            }
        }
        var scores: [PRDC.Score] = []
        _ = try measure(groups: check(real, groups), size: size, splits: splits, seed: seed) {
            scores.append(try PRDC.score(real.gathered($0), real.gathered($1), k: k))
            return 0
        }
        return (
            try value(\.precision, scores), try value(\.recall, scores), try value(\.density, scores),
            try value(\.coverage, scores)
        )
    }

    private static func check(_ real: FeatureSet, _ groups: RowGroups?) throws -> RowGroups {
        if let groups, groups.rows != real.rows {
            throw MetricError.value(
                metric: "floor", message: "\(groups.rows) groups were given for \(real.rows) rows")
        }
        return groups ?? RowGroups(rows: real.rows)
    }
}

import MetricKernels
import Threading
import Tensors

/// Precision and recall (Kynkäänniemi et al., 2019), density and coverage (Naeem et al., 2020), as the package `prdc` has
/// them: a point's ball reaches to its k-th nearest neighbour in its own set, and inside means strictly nearer.
public enum PRDC {
    /// The four numbers, each a fraction but density, which may pass 1.
    public struct Score: Equatable, Sendable {
        /// The fraction of synthetic points in the ball of any real point.
        public let precision: Double
        /// The fraction of real points in the ball of any synthetic point.
        public let recall: Double
        /// The mean number of real balls around a synthetic point, over k.
        public let density: Double
        /// The fraction of real points with a synthetic point in their ball.
        public let coverage: Double
    }

    /// The score of features `[N, D]` and `[M, D]`; both protocols agree.
    ///
    /// Distances are rounded to f32 as scikit-learn rounds them; f64 features are rounded to f32 first. No matrix of all
    /// pairs is held: memory beside the features is about 16 MB and `50 (N + M)` numbers.
    /// - Parameter k: which neighbour bounds a ball; below the size of each set.
    /// - Throws: `MetricError` for other shapes, a k outside `1 ..< N` or `1 ..< M`, or a feature that is not finite.
    public static func score(_ real: Tensor, _ synthetic: Tensor, k: Int = 5) throws -> Score {
        let (first, second) = try FeatureSet.pair(real, synthetic, metric: "prdc")
        return try score(first, second, k: k)
    }

    /// The score of two feature sets.
    /// - Throws: as the other `score`.
    public static func score(_ real: FeatureSet, _ synthetic: FeatureSet, k: Int = 5) throws -> Score {
        try points(real, synthetic, k: k).score()
    }

    /// What the score is made of, point by point.
    public struct Points {
        /// For each synthetic point, how many real balls it lies in.
        public let realBallsAround: [Int32]
        /// For each real point, whether it lies in any synthetic ball.
        public let isRecalled: [Bool]
        /// For each real point, whether its ball holds any synthetic point.
        public let isCovered: [Bool]
        /// Which neighbour bounds a ball.
        public let k: Int

        /// The score.
        public func score() -> Score {
            Score(
                precision: mean(realBallsAround.map { $0 > 0 ? 1 : 0 }),
                recall: mean(isRecalled.map { $0 ? 1 : 0 }),
                density: mean(realBallsAround.map(Double.init)) / Double(k),
                coverage: mean(isCovered.map { $0 ? 1 : 0 }))
        }

        private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    }

    /// The balls that each point of two feature sets lies in.
    /// - Throws: as `score`.
    public static func points(_ real: FeatureSet, _ synthetic: FeatureSet, k: Int = 5) throws -> Points {
        let metric = "prdc"
        guard k >= 1 else { throw MetricError.value(metric: metric, message: "k must be at least 1, got \(k)") }
        for set in [real, synthetic] where set.rows <= k {
            throw MetricError.value(
                metric: metric, message: "k = \(k) needs more than \(k) rows; the \(set.name) set has \(set.rows)")
        }
        let first = try real.singlePrecision()
        let second = try synthetic.singlePrecision()
        try first.checkSquares(metric: metric)
        try second.checkSquares(metric: metric)
        let centre = try DistanceTiles.centre(of: first)
        let realLimits = limits(try NeighbourRadii.squared(first, k: k, centre: centre))
        let syntheticLimits = limits(try NeighbourRadii.squared(second, k: k, centre: centre))
        let tiles = DistanceTiles(first, second, centre: centre)
        let balls = try BallCounts(tiles, rowLimits: realLimits, columnLimits: syntheticLimits)
        return Points(
            realBallsAround: Array(balls.columnCounts.buffer),
            isRecalled: balls.rowInColumnBall.buffer.map { $0 != 0 },
            isCovered: balls.rowBallIsUsed.buffer.map { $0 != 0 }, k: k)
    }

    /// Replaces squared radii by the smallest squared distance whose f32 root is not below the radius, so that the
    /// comparison of roots becomes one of squares.
    private static func limits(_ radii: Scratch<Float>) -> Scratch<Float> {
        for index in 0..<radii.count {
            let radius = radii.pointer[index].squareRoot()
            var limit = radii.pointer[index]
            while limit > 0 && limit.nextDown.squareRoot() >= radius { limit = limit.nextDown }
            radii.pointer[index] = limit
        }
        return radii
    }
}

/// Which distances between two sets lie below the rows' and the columns' limits.
private struct BallCounts {
    /// For each column how many rows it is nearer to than the row's limit.
    let columnCounts: Scratch<Int32>
    /// Whether any column is nearer to the row than the row's limit.
    let rowBallIsUsed: Scratch<UInt8>
    /// Whether the row is nearer to any column than that column's limit.
    let rowInColumnBall: Scratch<UInt8>

    init(_ tiles: DistanceTiles, rowLimits: Scratch<Float>, columnLimits: Scratch<Float>) throws {
        let columnCounts = try Scratch<Int32>(tiles.second.rows)
        let rowBallIsUsed = try Scratch<UInt8>(tiles.first.rows)
        let rowInColumnBall = try Scratch<UInt8>(tiles.first.rows)
        columnCounts.fill(0)
        rowBallIsUsed.fill(0)
        rowInColumnBall.fill(0)
        let slabRows = 128
        let width = min(tiles.second.rows, DistanceTiles.size)
        let slabCounts = try Scratch<Int32>((DistanceTiles.size + slabRows - 1) / slabRows, width)
        try tiles.forEach(isSymmetric: false) { tile in
            let slabs = (tile.rows.count + slabRows - 1) / slabRows
            slabCounts.fill(0)
            Parallel.forEach(slabs) { slab in
                let counts = slabCounts.pointer + slab * width
                let firstColumn = tile.columns.lowerBound
                for index in slab * slabRows..<min(tile.rows.count, (slab + 1) * slabRows) {
                    let row = tile.rows.lowerBound + index
                    let limit = rowLimits.pointer[row]
                    var below = (belowRow: false, belowColumn: false)
                    let sure = MetricDistance.compareRow(
                        tile.products + index * tile.stride, count: tile.columns.count,
                        norm: tile.rowNorms[index], norms: tile.columnNorms, slack: tile.slack, rowThreshold: limit,
                        columnThresholds: columnLimits.pointer + firstColumn, columnCounts: counts,
                        doubtful: { column in
                            let exact = tiles.squared(row, firstColumn + column)
                            if exact < limit {
                                below.belowRow = true
                                counts[column] += 1
                            }
                            if exact < columnLimits.pointer[firstColumn + column] { below.belowColumn = true }
                        })
                    if below.belowRow || sure.belowRow { rowBallIsUsed.pointer[row] = 1 }
                    if below.belowColumn || sure.belowColumn { rowInColumnBall.pointer[row] = 1 }
                }
            }
            for slab in 0..<slabs {
                for column in 0..<tile.columns.count {
                    columnCounts.pointer[tile.columns.lowerBound + column] += slabCounts.pointer[slab * width + column]
                }
            }
        }
        self.columnCounts = columnCounts
        self.rowBallIsUsed = rowBallIsUsed
        self.rowInColumnBall = rowInColumnBall
    }
}

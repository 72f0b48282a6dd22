import RadiomicsKernels

/// A region of an image, discretised once for all matrices: the levels that occur, and for every pixel the rank of its
/// level, with a border of zeros one pixel wide.
struct RegionOfLevels {
    /// The values of the region, row by row.
    let values: [Double]
    let width, height: Int
    /// The smallest and the largest value.
    let range: (minimum: Double, maximum: Double)
    /// The levels that occur, rising; grey levels count from 1.
    let levels: [Int]
    /// How many pixels have each level.
    let counts: [Int]
    /// Ranks from 1, with the border; 0 is outside.
    let ranks: [UInt16]
    /// Elements from one row of `ranks` to the next.
    var stride: Int { width + 2 }

    /// The most levels that a matrix is made for.
    static let mostLevels = 4096

    init(_ plane: Plane, _ prepared: PreparedImage, binWidth: Double) throws {
        let (width, height) = (prepared.width, prepared.height)
        let hole = (width: prepared.holeWidth, height: prepared.holeHeight)
        values = PreparedImage.region(plane, width, height, hole.width, hole.height)
        self.width = width
        self.height = height
        range = values.withUnsafeBufferPointer { buffer -> (minimum: Double, maximum: Double) in
            guard let base = buffer.baseAddress else { return (0, 0) }
            return RadiomicsSums.range(base, count: buffer.count)
        }
        let binCount = (range.maximum - range.minimum) / binWidth
        guard binCount.isFinite, binCount <= 1e6 else {
            throw RadiomicsError.image("a bin width of \(binWidth) makes \(binCount) grey levels")
        }
        let start = (range.minimum / binWidth).rounded(.down) * binWidth
        var bins = [Int32](repeating: 0, count: values.count)
        RadiomicsLevels.bins(values, count: values.count, start: start, width: binWidth, to: &bins)
        var tally = [Int32](repeating: 0, count: Int(bins.max() ?? 0) + 1)
        RadiomicsLevels.count(bins, mask: nil, count: bins.count, to: &tally)
        let present = tally.indices.filter { tally[$0] > 0 }
        guard present.count <= Self.mostLevels else {
            throw RadiomicsError.image(
                "a bin width of \(binWidth) makes \(present.count) grey levels; at most \(Self.mostLevels) are supported"
            )
        }
        levels = present
        counts = present.map { Int(tally[$0]) }
        var rankOfBin = [UInt16](repeating: 0, count: tally.count)
        for (rank, level) in present.enumerated() { rankOfBin[level] = UInt16(rank + 1) }
        var ranks = [UInt16](repeating: 0, count: (width + 2) * (height + 2))
        var next = 0
        for row in 0..<height {
            let first = row < hole.height ? hole.width : 0
            let line = (row + 1) * (width + 2) + 1
            for column in first..<width {
                ranks[line + column] = rankOfBin[Int(bins[next])]
                next += 1
            }
        }
        self.ranks = ranks
    }
}

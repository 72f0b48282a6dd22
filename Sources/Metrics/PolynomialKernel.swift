import COpenBLAS
import MetricKernels
import Tensors

/// Sums of the kernel `(gamma x·y + coef)^degree` over pairs of rows, in f64, with no matrix of all pairs in memory.
struct PolynomialKernel {
    let degree: Int
    let gamma: Double
    let coefficient: Double
    /// Rows of a tile.
    private static let tile = 1024

    init(_ options: KernelInceptionDistance.Options, dimension: Int) {
        degree = options.degree
        gamma = options.gamma ?? 1 / Double(dimension)
        coefficient = options.coefficient
    }

    /// The sums of each draw.
    func subsetSums(_ real: FeatureSet, _ synthetic: FeatureSet, _ draws: [SubsetDraw]) throws -> [KernelSums] {
        // The work of all pairs once, against that of each subset's own pairs.
        let sets = Double(real.rows + synthetic.rows)
        let subset = draws.first.map { Double($0.real.count + $0.synthetic.count) } ?? 0
        let dimension = Double(real.dimension)
        let whole = sets * sets * (dimension + Double(draws.count))
        if draws.count == 1 || subset * subset * dimension * Double(draws.count) < whole {
            return try draws.map { draw in
                let isWhole = draw.real.count == real.rows && draw.synthetic.count == synthetic.rows
                let first = isWhole ? real : try real.gathered(draw.real)
                let second = isWhole ? synthetic : try synthetic.gathered(draw.synthetic)
                return try sums(first, second, realSubsets: [nil], syntheticSubsets: [nil])[0]
            }
        }
        return try sums(
            real, synthetic, realSubsets: draws.map(\.real), syntheticSubsets: draws.map(\.synthetic))
    }

    private func sums(
        _ real: FeatureSet, _ synthetic: FeatureSet, realSubsets: [[Int]?], syntheticSubsets: [[Int]?]
    ) throws -> [KernelSums] {
        try sums(
            real, synthetic, indicators(realSubsets, rows: real.rows),
            indicators(syntheticSubsets, rows: synthetic.rows), realSubsets.count)
    }

    private func sums(
        _ real: FeatureSet, _ synthetic: FeatureSet, _ first: Scratch<Double>, _ second: Scratch<Double>,
        _ subsets: Int
    ) throws -> [KernelSums] {
        let within = try pairSums(real, first, real, first, subsets, isSymmetric: true)
        let withinSynthetic = try pairSums(synthetic, second, synthetic, second, subsets, isSymmetric: true)
        let cross = try pairSums(real, first, synthetic, second, subsets, isSymmetric: false)
        return (0..<subsets).map {
            KernelSums(real: within[$0], synthetic: withinSynthetic[$0], cross: cross[$0])
        }
    }

    /// A matrix `[rows, subsets]` of ones where a subset holds a row; nil is the whole set.
    private func indicators(_ subsets: [[Int]?], rows: Int) throws -> Scratch<Double> {
        let result = try Scratch<Double>(rows, subsets.count)
        result.fill(0)
        for (column, subset) in subsets.enumerated() {
            for row in subset ?? Array(0..<rows) { result.pointer[row * subsets.count + column] = 1 }
        }
        return result
    }

    /// For each subset (a column of weights) the weighted sum of kernels over pairs of rows of `first` and `second`; pairs of
    /// a row with itself are left out where both are the same set.
    private func pairSums(
        _ first: FeatureSet, _ firstSubsets: Scratch<Double>, _ second: FeatureSet, _ secondSubsets: Scratch<Double>,
        _ subsets: Int, isSymmetric: Bool
    ) throws -> [Double] {
        let dimension = first.dimension
        let tile = PolynomialKernel.tile
        let left = try Scratch<Double>(min(tile, first.rows), dimension)
        let right = try Scratch<Double>(min(tile, second.rows), dimension)
        let kernels = try Scratch<Double>(min(tile, first.rows), min(tile, second.rows))
        let weighted = try Scratch<Double>(min(tile, first.rows), subsets)
        var totals = [Double](repeating: 0, count: subsets)
        for row in stride(from: 0, to: first.rows, by: tile) {
            let rows = row..<min(first.rows, row + tile)
            first.widen(rows, less: nil, to: left.pointer)
            for column in stride(from: isSymmetric ? row : 0, to: second.rows, by: tile) {
                try Cancellation.check()
                let columns = column..<min(second.rows, column + tile)
                let isDiagonal = isSymmetric && row == column
                if isDiagonal {
                    square(left, rows.count, dimension, into: kernels)
                } else {
                    second.widen(columns, less: nil, to: right.pointer)
                    cblas_dgemm(
                        CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows.count), Int32(columns.count),
                        Int32(dimension), 1, left.pointer, Int32(dimension), right.pointer, Int32(dimension), 0,
                        kernels.pointer, Int32(columns.count))
                }
                MetricConversion.polynomial(
                    kernels.pointer, count: rows.count * columns.count, gamma: gamma, coefficient: coefficient,
                    degree: degree)
                if isDiagonal {
                    for index in 0..<rows.count { kernels.pointer[index * columns.count + index] = 0 }
                }
                cblas_dgemm(
                    CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows.count), Int32(subsets),
                    Int32(columns.count), 1, kernels.pointer, Int32(columns.count),
                    secondSubsets.pointer + column * subsets, Int32(subsets), 0, weighted.pointer, Int32(subsets))
                let times = isSymmetric && !isDiagonal ? 2.0 : 1.0
                for index in 0..<rows.count {
                    let members = firstSubsets.pointer + (row + index) * subsets
                    let values = weighted.pointer + index * subsets
                    for subset in 0..<subsets { totals[subset] += times * members[subset] * values[subset] }
                }
            }
        }
        return totals
    }

    /// All inner products of a tile with itself: the upper triangle, mirrored.
    private func square(_ rows: Scratch<Double>, _ count: Int, _ dimension: Int, into target: Scratch<Double>) {
        cblas_dsyrk(
            CblasRowMajor, CblasUpper, CblasNoTrans, Int32(count), Int32(dimension), 1, rows.pointer,
            Int32(dimension), 0, target.pointer, Int32(count))
        for row in 1..<max(1, count) {
            for column in 0..<row { target.pointer[row * count + column] = target.pointer[column * count + row] }
        }
    }
}

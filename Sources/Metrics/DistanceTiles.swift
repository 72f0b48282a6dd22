import COpenBLAS
import MetricKernels
import Tensors

/// Inner products of the rows of two f32 sets, tile by tile, from which squared distances follow within a known bound.
///
/// Rows are centred first, which leaves distances alone and makes norms, and with them the bound, small. The products are
/// f32, at twice the speed of f64; whoever compares distances decides with the bound and computes exactly, with
/// `MetricDistance.squared`, only where it does not decide. Results are those of exact arithmetic.
struct DistanceTiles {
    /// Rows and columns of a tile.
    static let size = 1024

    let first: FeatureSet
    let second: FeatureSet
    /// A squared distance is off by at most this times the sum of the squared norms: the worst case of a sum of D rounded
    /// products in any order, with room for the roundings of centring, norms and the final sum.
    let slack: Float
    private let centre: Scratch<Float>

    /// Tiles of the pairs of two f32 sets of the same dimension.
    init(_ first: FeatureSet, _ second: FeatureSet, centre: Scratch<Float>) {
        self.first = first
        self.second = second
        self.centre = centre
        slack = Float(first.dimension + 64) * 0x1p-24
    }

    /// The means of a set's columns, rounded to f32.
    static func centre(of set: FeatureSet) throws -> Scratch<Float> {
        let means = try set.columnMeans()
        let result = try Scratch<Float>(set.dimension)
        for column in 0..<set.dimension { result.pointer[column] = Float(means.pointer[column]) }
        return result
    }

    /// One tile of products.
    struct Tile {
        let rows: Range<Int>
        let columns: Range<Int>
        /// Row-major, `rows` x `columns`.
        let products: UnsafePointer<Float>
        let rowNorms: UnsafePointer<Float>
        let columnNorms: UnsafePointer<Float>
    }

    /// Calls `body` for every tile, or for those on and above the diagonal where both sets are the same.
    func forEach(isSymmetric: Bool, _ body: (Tile) throws -> Void) throws {
        let dimension = first.dimension
        let (height, width) = (min(first.rows, DistanceTiles.size), min(second.rows, DistanceTiles.size))
        let left = try Scratch<Float>(height, dimension)
        let right = try Scratch<Float>(width, dimension)
        let leftNorms = try Scratch<Float>(height)
        let rightNorms = try Scratch<Float>(width)
        let products = try Scratch<Float>(height, width)
        for row in stride(from: 0, to: first.rows, by: DistanceTiles.size) {
            let rows = row..<min(first.rows, row + DistanceTiles.size)
            load(first, rows, left, leftNorms)
            for column in stride(from: isSymmetric ? row : 0, to: second.rows, by: DistanceTiles.size) {
                try Cancellation.check()
                let columns = column..<min(second.rows, column + DistanceTiles.size)
                load(second, columns, right, rightNorms)
                cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows.count), Int32(columns.count),
                    Int32(dimension), 1, left.pointer, Int32(dimension), right.pointer, Int32(dimension), 0,
                    products.pointer, Int32(columns.count))
                try body(
                    Tile(
                        rows: rows, columns: columns, products: products.pointer, rowNorms: leftNorms.pointer,
                        columnNorms: rightNorms.pointer))
            }
        }
    }

    /// The exact squared distance of row `i` of the first and row `j` of the second set, rounded to f32.
    func squared(_ i: Int, _ j: Int) -> Float {
        let dimension = first.dimension
        let left = first.tensor.pointer.assumingMemoryBound(to: Float.self) + i * dimension
        let right = second.tensor.pointer.assumingMemoryBound(to: Float.self) + j * dimension
        return MetricDistance.squared(left, right, count: dimension)
    }

    private func load(_ set: FeatureSet, _ range: Range<Int>, _ target: Scratch<Float>, _ norms: Scratch<Float>) {
        let source = set.tensor.pointer.assumingMemoryBound(to: Float.self) + range.lowerBound * set.dimension
        MetricDistance.centre(
            source, rows: range.count, columns: set.dimension, less: centre.pointer, to: target.pointer,
            norms: norms.pointer)
    }
}

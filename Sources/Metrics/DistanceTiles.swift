import COpenBLAS
import MetricKernels
import Tensors
import Threading

/// Inner products of the rows of two f32 sets, tile by tile, from which squared distances follow within a known bound.
///
/// Rows are centred first, which leaves distances alone and makes norms, and with them the bound, small. The products are of
/// rows rounded to bf16 where the processor is fast at them, and else of f32; whoever compares distances decides with the bound
/// and computes exactly, with `squared`, only where it does not decide. Results are those of exact arithmetic. Where the bound
/// of rounded rows decides too little, as rows lie close together far from the centre, later tiles are of f32.
struct DistanceTiles {
    /// Rows and columns of a tile.
    static let size = 1024

    let first: FeatureSet
    let second: FeatureSet
    /// The worst case of a sum of D rounded products in any order, with room for the roundings of centring, norms and the final
    /// sum, over the sum of the squared norms.
    private let sumSlack: Float
    private let centre: Scratch<Float>
    /// Distances that were computed exactly.
    private let exact = Counter()
    /// The part of all pairs whose distances may be computed exactly before rounded products no longer pay.
    private static let mostExact = 0.01

    /// Tiles of the pairs of two f32 sets of the same dimension.
    init(_ first: FeatureSet, _ second: FeatureSet, centre: Scratch<Float>) {
        self.first = first
        self.second = second
        self.centre = centre
        sumSlack = Float(first.dimension + 64) * 0x1p-24
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
        /// `rows` lines of a value for each column.
        let products: UnsafePointer<Float>
        /// Elements from one line to the next.
        let stride: Int
        /// A squared distance is off by at most this times the sum of the squared norms.
        let slack: Float
        let rowNorms: UnsafePointer<Float>
        let columnNorms: UnsafePointer<Float>
    }

    /// Calls `body` for every tile, or for those on and above the diagonal where both sets are the same.
    func forEach(isSymmetric: Bool, _ body: (Tile) throws -> Void) throws {
        let dimension = first.dimension
        let (height, width) = (min(first.rows, DistanceTiles.size), min(second.rows, DistanceTiles.size))
        let left = try Side(height, dimension)
        let right = try Side(width, dimension)
        let stride = MetricProducts.stride(width)
        let products = try Scratch<Float>(height, stride)
        let packed = try Scratch<UInt16>(MetricProducts.areFast ? stride * MetricProducts.width(dimension) : 0)
        var pairs = 0
        for row in Swift.stride(from: 0, to: first.rows, by: DistanceTiles.size) {
            let rows = row..<min(first.rows, row + DistanceTiles.size)
            load(first, rows, left)
            for column in Swift.stride(from: isSymmetric ? row : 0, to: second.rows, by: DistanceTiles.size) {
                try Cancellation.check()
                let columns = column..<min(second.rows, column + DistanceTiles.size)
                load(second, columns, right)
                var slack = sumSlack
                if MetricProducts.areFast, Double(exact.value) <= 1000 + Self.mostExact * Double(pairs) {
                    let error = max(left.round(rows.count), right.round(columns.count))
                    // Of x + e and y + f: |e · y + (x + e) · f|, by the inequality of Cauchy and Schwarz, twice.
                    slack = sumSlack * (1 + error) * (1 + error) + error * (2 + error)
                    let size = MetricProducts.width(dimension)
                    MetricProducts.pack(right.rounded.pointer, rows: columns.count, width: size, to: packed.pointer)
                    MetricProducts.multiply(
                        left.rounded.pointer, leftRows: rows.count, packed.pointer, rightRows: columns.count,
                        width: size, products.pointer)
                } else {
                    cblas_sgemm(
                        CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows.count), Int32(columns.count),
                        Int32(dimension), 1, left.values.pointer, Int32(dimension), right.values.pointer,
                        Int32(dimension), 0, products.pointer, Int32(MetricProducts.stride(columns.count)))
                }
                pairs += rows.count * columns.count
                try body(
                    Tile(
                        rows: rows, columns: columns, products: products.pointer,
                        stride: MetricProducts.stride(columns.count), slack: slack, rowNorms: left.norms.pointer,
                        columnNorms: right.norms.pointer))
            }
        }
    }

    /// The rows of one side of a tile.
    private final class Side {
        let values, norms: Scratch<Float>
        let rounded: Scratch<UInt16>
        private let dimension: Int
        /// The largest relative error of rounded rows; nil where none are.
        private var error: Float?

        init(_ rows: Int, _ dimension: Int) throws {
            self.dimension = dimension
            values = try Scratch<Float>(rows, dimension)
            norms = try Scratch<Float>(rows)
            rounded = try Scratch<UInt16>(MetricProducts.areFast ? rows * MetricProducts.width(dimension) : 0)
        }

        /// Notes that other rows were written.
        func changed() { error = nil }

        /// Rounds the rows, once. Returns the largest length of a row's rounding error over the row's length.
        func round(_ rows: Int) -> Float {
            if let error { return error }
            let grain = 64
            let slabs = (rows + grain - 1) / grain
            var errors = [Float](repeating: 0, count: slabs)
            let width = MetricProducts.width(dimension)
            errors.withUnsafeMutableBufferPointer { errors in
                nonisolated(unsafe) let errors = errors
                Parallel.forEach(slabs) { slab in
                    let first = slab * grain
                    errors[slab] = MetricProducts.round(
                        values.pointer + first * dimension, rows: min(grain, rows - first), columns: dimension,
                        norms: norms.pointer + first, to: rounded.pointer + first * width)
                }
            }
            // With room for the roundings of the error itself.
            let found = (errors.max() ?? 0) * 1.001
            error = found
            return found
        }
    }

    /// The exact squared distance of row `i` of the first and row `j` of the second set, rounded to f32.
    func squared(_ i: Int, _ j: Int) -> Float {
        let dimension = first.dimension
        let left = first.tensor.pointer.assumingMemoryBound(to: Float.self) + i * dimension
        let right = second.tensor.pointer.assumingMemoryBound(to: Float.self) + j * dimension
        exact.take()
        return MetricDistance.squared(left, right, count: dimension)
    }

    private func load(_ set: FeatureSet, _ range: Range<Int>, _ side: Side) {
        let source = set.tensor.pointer.assumingMemoryBound(to: Float.self) + range.lowerBound * set.dimension
        MetricDistance.centre(
            source, rows: range.count, columns: set.dimension, less: centre.pointer, to: side.values.pointer,
            norms: side.norms.pointer)
        side.changed()
    }
}

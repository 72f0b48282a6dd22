import COpenBLAS
import MetricKernels
import Tensors

/// The nuclear norm, the sum of singular values, of a product of two factors.
enum NuclearNorm {
    /// From this many columns on, the two-stage reduction is faster than LAPACK's.
    private static let blockedColumns = 192

    /// The nuclear norm of `first secondᵀ`, where the factors are row-major with `dimension` columns.
    ///
    /// The product is taken to bidiagonal form by reflections and its singular values come from LAPACK's `dlasq1`, so each is
    /// right to an ulp or so of the largest one. Eigenvalues of the squared product would be half as accurate.
    static func ofProduct(
        _ first: Scratch<Double>, rows firstRows: Int, _ second: Scratch<Double>, rows secondRows: Int, dimension: Int,
        metric: String
    ) throws -> Double {
        // A column-major product with at least as many rows as columns; its transpose has the same norm.
        let isTall = firstRows >= secondRows
        let (tall, wide) = isTall ? (first, second) : (second, first)
        let (m, n) = isTall ? (firstRows, secondRows) : (secondRows, firstRows)
        let d = Int32(dimension)
        return try ofMatrix(rows: m, columns: n, metric: metric) { product, stride in
            cblas_dgemm(
                CblasColMajor, CblasTrans, CblasNoTrans, Int32(m), Int32(n), d, 1, tall.pointer, d, wide.pointer, d, 0,
                product, Int32(stride))
        }
    }

    /// The nuclear norm of a matrix with at least as many rows as columns.
    /// - Parameter fill: writes the matrix, column-major, to memory whose columns begin `stride` elements apart.
    static func ofMatrix(
        rows m: Int, columns n: Int, metric: String,
        fill: (_ target: UnsafeMutablePointer<Double>, _ stride: Int) throws -> Void
    ) throws -> Double {
        let rows = BandReduction.padded(m)
        let columns = BandReduction.padded(n)
        let product = try Scratch<Double>(rows, columns)
        for column in 0..<n { (product.pointer + column * rows + m).update(repeating: 0, count: rows - m) }
        (product.pointer + n * rows).update(repeating: 0, count: (columns - n) * rows)
        try fill(product.pointer, rows)
        try Cancellation.check()
        let scale = MetricConversion.largestMagnitude(product.pointer, count: product.count)
        guard scale.isFinite else {
            throw MetricError.value(metric: metric, message: "the features are too large: their squares overflow")
        }
        if scale == 0 { return 0 }
        // Where squares could overflow or vanish, the elements are divided by a power of two near the largest.
        let unit = abs(scale.exponent) < 200 ? 1 : scale.binade
        if unit != 1 {
            for index in 0..<product.count { product.pointer[index] /= unit }
        }
        if columns < blockedColumns { return try direct(product, rows: rows, columns: columns, metric: metric) * unit }
        var height = rows
        if rows > 2 * columns {
            try triangulate(product, rows: rows, columns: columns, metric: metric)
            height = columns
        }
        let band = try BandReduction(product, rows: height, columns: columns).band(metric: metric)
        let diagonal = try Scratch<Double>(columns)
        let superdiagonal = try Scratch<Double>(columns)
        MetricBidiagonal.reduce(
            band.pointer, size: columns, diagonal: diagonal.pointer, superdiagonal: superdiagonal.pointer)
        let work = try Scratch<Double>(columns, 4)
        var size = Int32(columns)
        var code: Int32 = 0
        dlasq1_(&size, diagonal.pointer, superdiagonal.pointer, work.pointer, &code)
        guard code == 0 else { throw MetricError.notConverged(metric: metric, routine: "dlasq1", code: Int(code)) }
        return sum(diagonal.buffer) * unit
    }

    /// The norm by LAPACK's one-stage reduction, for small matrices.
    private static func direct(
        _ matrix: Scratch<Double>, rows: Int, columns: Int, metric: String
    ) throws -> Double {
        let values = try Scratch<Double>(columns)
        var m = Int32(rows)
        var n = Int32(columns)
        var one: Int32 = 1
        var left = 0.0
        var right = 0.0
        var query = 0.0
        var length: Int32 = -1
        var code: Int32 = 0
        var integers = [Int32](repeating: 0, count: 8 * columns)
        dgesdd_(
            "N", &m, &n, matrix.pointer, &m, values.pointer, &left, &one, &right, &one, &query, &length, &integers,
            &code)
        let work = try Scratch<Double>(max(1, Int(query)))
        length = Int32(work.count)
        dgesdd_(
            "N", &m, &n, matrix.pointer, &m, values.pointer, &left, &one, &right, &one, work.pointer, &length,
            &integers, &code)
        guard code == 0 else { throw MetricError.notConverged(metric: metric, routine: "dgesdd", code: Int(code)) }
        return sum(values.buffer)
    }

    /// Replaces a tall matrix by the triangle of its QR decomposition, `columns` x `columns`.
    private static func triangulate(_ matrix: Scratch<Double>, rows: Int, columns: Int, metric: String) throws {
        let tau = try Scratch<Double>(columns)
        let work = try Scratch<Double>(columns, 64)
        var m = Int32(rows)
        var n = Int32(columns)
        var length = Int32(work.count)
        var code: Int32 = 0
        dgeqrf_(&m, &n, matrix.pointer, &m, tau.pointer, work.pointer, &length, &code)
        guard code == 0 else { throw MetricError.notConverged(metric: metric, routine: "dgeqrf", code: Int(code)) }
        for column in 0..<columns {
            let target = matrix.pointer + column * columns
            // Columns only move towards the front, so none is overwritten before it is read.
            target.update(from: matrix.pointer + column * rows, count: column + 1)
            (target + column + 1).update(repeating: 0, count: columns - column - 1)
        }
    }

    /// The smallest values first, so that they are not lost beside the large ones.
    private static func sum(_ values: UnsafeMutableBufferPointer<Double>) -> Double {
        values.sorted { abs($0) < abs($1) }.reduce(0) { $0 + abs($1) }
    }
}

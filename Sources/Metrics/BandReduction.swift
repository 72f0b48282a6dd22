import COpenBLAS
import MetricKernels
import Tensors

/// The first half of a two-stage bidiagonalisation: a matrix becomes an upper band matrix with the same singular values.
///
/// Panels of 32 columns and rows are triangulated in turn (QR, then LQ) and applied to the rest as one product of twice the
/// width, so nearly all work is matrix products. One-stage algorithms read the whole rest for every single column.
struct BandReduction {
    private static let width = MetricBidiagonal.width

    /// Column-major, `rows` x `columns`, with `rows >= columns`, both multiples of the width.
    private let matrix: Scratch<Double>
    private let rows: Int
    private let columns: Int
    private let left: Scratch<Double>
    private let right: Scratch<Double>
    private let strip: Scratch<Double>
    private let triangle: Scratch<Double>
    private let small: Scratch<Double>

    /// The size rounded up to whole panels; rows and columns beyond a matrix are zeros and add singular values of zero.
    static func padded(_ size: Int) -> Int { (size + width - 1) / width * width }

    /// Prepares the reduction of a matrix, which is overwritten.
    init(_ matrix: Scratch<Double>, rows: Int, columns: Int) throws {
        let width = BandReduction.width
        self.matrix = matrix
        self.rows = rows
        self.columns = columns
        // [V Y] and [W; Uᵀ] of each step lie side by side, so that one product applies both reflections.
        left = try Scratch(rows, 2 * width)
        right = try Scratch(columns, 2 * width)
        strip = try Scratch(columns, width)
        triangle = try Scratch(width, width)
        small = try Scratch(width, width)
    }

    /// Reduces the matrix and returns its band in the layout of `MetricBidiagonal`.
    func band(metric: String) throws -> Scratch<Double> {
        let width = BandReduction.width
        for start in stride(from: 0, to: columns, by: width) {
            try Cancellation.check()
            try reduce(start, metric: metric)
        }
        let band = try Scratch<Double>(MetricBidiagonal.storage(columns))
        band.fill(0)
        for column in 0..<columns {
            for row in max(0, column - width)...column {
                band.pointer[MetricBidiagonal.at(row, column)] = matrix.pointer[row + column * rows]
            }
        }
        return band
    }

    /// Triangulates the panel of columns and the panel of rows that begin at `start`, and applies both to the rest.
    private func reduce(_ start: Int, metric: String) throws {
        let width = BandReduction.width
        let height = rows - start
        let rest = columns - start - width
        let panel = matrix.pointer + start + start * rows
        try factor(panel, height, stride: rows, metric: metric)
        if rest <= 0 { return }
        let (m, n, b, ld) = (Int32(height), Int32(rest), Int32(width), Int32(rows))
        // V, with its unit diagonal and zeros above.
        let v = left.pointer
        takeReflections(panel, height, stride: rows, to: v, stride: height)
        let trailing = panel + width * rows
        // Wᵀ = Aᵀ V T; [Wᵀ U] is `rest` x 2 width, and U begins after Wᵀ.
        let w = right.pointer
        let u = w + width * rest
        cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, n, b, m, 1, trailing, ld, v, m, 0, w, n)
        cblas_dtrmm(
            CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, n, b, 1, triangle.pointer, b, w, n)
        // The panel of rows after that, transposed: QR of it is LQ of the rows.
        for row in 0..<width {
            for column in 0..<rest {
                strip.pointer[column + row * rest] = trailing[row + column * rows]
            }
        }
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, n, b, b, -1, w, n, v, m, 1, strip.pointer, n)
        try factor(strip.pointer, rest, stride: rest, metric: metric)
        takeReflections(strip.pointer, rest, stride: rest, to: u, stride: rest)
        for row in 0..<width {
            for column in 0..<rest {
                trailing[row + column * rows] = column <= row ? strip.pointer[column + row * rest] : 0
            }
        }
        // Y = (A U - V (W U)) T for the rows below, then A -= [V Y] [W; Uᵀ].
        let below = height - width
        if below <= 0 { return }
        let lower = trailing + width
        let k = Int32(below)
        let y = v + width * height
        cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, b, b, n, 1, w, n, u, n, 0, small.pointer, b)
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, k, b, n, 1, lower, ld, u, n, 0, y + width, m)
        cblas_dgemm(
            CblasColMajor, CblasNoTrans, CblasNoTrans, k, b, b, -1, v + width, m, small.pointer, b, 1, y + width, m)
        cblas_dtrmm(
            CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, k, b, 1, triangle.pointer, b,
            y + width, m)
        cblas_dgemm(
            CblasColMajor, CblasNoTrans, CblasTrans, k, n, 2 * b, -1, v + width, m, w, n, 1, lower, ld)
    }

    /// Householder's QR decomposition of a panel in place; T goes to `triangle`.
    private func factor(
        _ panel: UnsafeMutablePointer<Double>, _ height: Int, stride: Int, metric: String
    ) throws {
        var (m, n, ld, code) = (Int32(height), Int32(BandReduction.width), Int32(stride), Int32(0))
        var size = n
        dgeqrt3_(&m, &n, panel, &ld, triangle.pointer, &size, &code)
        guard code == 0 else { throw MetricError.notConverged(metric: metric, routine: "dgeqrt3", code: Int(code)) }
    }

    private func takeReflections(
        _ panel: UnsafeMutablePointer<Double>, _ height: Int, stride: Int, to target: UnsafeMutablePointer<Double>,
        stride targetStride: Int
    ) {
        for column in 0..<BandReduction.width {
            let (from, to) = (panel + column * stride, target + column * targetStride)
            to.update(repeating: 0, count: column)
            to[column] = 1
            (to + column + 1).update(from: from + column + 1, count: height - column - 1)
        }
    }
}

import COpenBLAS
import Foundation
import MetricKernels
import Tensors

/// A Gaussian fitted to features: its mean, and a factor F and unit with `unit * Fᵀ F` equal to the covariance.
///
/// Working on the factor instead of the covariance keeps all digits: squaring loses half of those of small directions.
struct GaussianFactor {
    let dimension: Int
    /// The mean, D values.
    let mean: Scratch<Double>
    /// F, row-major, `rank` x D.
    let factor: Scratch<Double>
    let rank: Int
    /// What `Fᵀ F` is multiplied by.
    let unit: Double
    /// The trace of the covariance.
    let trace: Double

    /// Fits features, with the divisor `rows - 1`.
    ///
    /// Up to D rows, F is the centred rows themselves; beyond, it is the triangle of their QR decomposition, taken block by
    /// block, so that no second copy of the features is held.
    /// - Throws: `MetricError.value` for fewer than two rows.
    init(_ features: FeatureSet, metric: String) throws {
        guard features.rows >= 2 else {
            throw MetricError.value(
                metric: metric,
                message: "the \(features.name) set has \(features.rows) rows; at least 2 are needed")
        }
        dimension = features.dimension
        mean = try features.columnMeans()
        unit = 1 / Double(features.rows - 1)
        if features.rows <= dimension {
            rank = features.rows
            factor = try Scratch<Double>(rank, dimension)
            features.widen(0..<rank, less: mean.pointer, to: factor.pointer)
        } else {
            rank = dimension
            factor = try GaussianFactor.triangle(features, mean)
        }
        trace = MetricConversion.sumOfSquares(factor.pointer, rows: rank, columns: dimension) * unit
    }

    /// Factors a covariance (`D` x `D`, symmetric, row-major) by Cholesky's decomposition with pivots, which stops at the
    /// numerical rank. `covariance` is overwritten.
    init(mean: Scratch<Double>, covariance: Scratch<Double>, dimension: Int, metric: String) throws {
        self.dimension = dimension
        self.mean = mean
        unit = 1
        var size = Int32(dimension)
        var found: Int32 = 0
        var code: Int32 = 0
        var tolerance = -1.0
        var pivots = [Int32](repeating: 0, count: dimension)
        let work = try Scratch<Double>(dimension, 2)
        var sum = 0.0
        for index in 0..<dimension { sum += covariance.pointer[index * dimension + index] }
        trace = sum
        dpstrf_("L", &size, covariance.pointer, &size, &pivots, &found, &tolerance, work.pointer, &code)
        guard code >= 0 else { throw MetricError.notConverged(metric: metric, routine: "dpstrf", code: Int(code)) }
        rank = sum > 0 ? Int(found) : 0
        factor = try Scratch<Double>(rank, dimension)
        factor.fill(0)
        for column in 0..<rank {
            for row in column..<dimension {
                factor.pointer[column * dimension + Int(pivots[row]) - 1] =
                    covariance.pointer[column * dimension + row]
            }
        }
    }

    /// R of the QR decomposition of the centred rows, `D` x `D`, from blocks that are stacked below the last R.
    private static func triangle(_ features: FeatureSet, _ mean: Scratch<Double>) throws -> Scratch<Double> {
        let dimension = features.dimension
        let block = min(features.rows, 2 * dimension)
        let (stacked, overflow) = dimension.addingReportingOverflow(block)
        guard !overflow, stacked < Int(Int32.max) else { throw TensorError.outOfMemory(bytes: Int.max) }
        let rows = try Scratch<Double>(stacked, dimension)
        rows.fill(0)
        let tau = try Scratch<Double>(dimension)
        let work = try Scratch<Double>(dimension, 64)
        var held = 0
        for start in stride(from: 0, to: features.rows, by: block) {
            try Cancellation.check()
            let end = min(features.rows, start + block)
            features.widen(start..<end, less: mean.pointer, to: rows.pointer + held * dimension)
            // Row-major rows are columns to LAPACK, so R appears as the L of an LQ decomposition.
            var size = Int32(dimension)
            var columns = Int32(held + end - start)
            var workSize = Int32(work.count)
            var code: Int32 = 0
            dgelqf_(&size, &columns, rows.pointer, &size, tau.pointer, work.pointer, &workSize, &code)
            for row in 0..<min(dimension, Int(columns)) {
                (rows.pointer + row * dimension).update(repeating: 0, count: row)
            }
            held = min(dimension, Int(columns))
        }
        let result = try Scratch<Double>(dimension, dimension)
        result.fill(0)
        result.pointer.update(from: rows.pointer, count: held * dimension)
        return result
    }
}

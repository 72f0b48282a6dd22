import COpenBLAS
import MetricKernels
import Tensors

/// The products of all rows of two sets of features, each set centred: the Fréchet distance between any rows of the one and of the
/// other follows from them without another product of features.
///
/// With A and B the chosen rows less their own means, `A Bᵀ` is a part of the table of products less the means of its rows and of
/// its columns. So the halves of two sets share all that grows with the number of features. It serves choices of at most as many
/// rows as there are features, where the rows themselves are the factors of `FrechetDistance`.
final class CrossProducts {
    private let first, second: CentredRows
    /// Row-major, a row for each of the first set.
    private let products: Scratch<Double>

    /// How many bytes it may take.
    private static let byteLimit = 1 << 30

    /// Whether it can serve choices of so many rows, and is worth its own products.
    static func suits(_ pair: FeaturePair, _ choices: [(real: Int, synthetic: Int)]) -> Bool {
        let (rows, columns) = (pair.real.rows, pair.synthetic.rows)
        guard choices.allSatisfy({ max($0.real, $0.synthetic) <= pair.real.dimension }) else { return false }
        let sizes = [(rows + columns, pair.real.dimension), (rows, columns)].map {
            $0.multipliedReportingOverflow(by: $1)
        }
        guard !sizes.contains(where: \.overflow), sizes[0].partialValue + sizes[1].partialValue <= byteLimit / 8
        else { return false }
        return choices.reduce(0) { $0 + $1.real * $1.synthetic } > rows * columns
    }

    /// - Throws: `TensorError` where memory is short.
    init(_ pair: FeaturePair) throws {
        first = try CentredRows(pair.real)
        second = try CentredRows(pair.synthetic)
        products = try Scratch<Double>(first.count, second.count)
        let d = Int32(first.dimension)
        cblas_dgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(first.count), Int32(second.count), d, 1, first.rows.pointer,
            d,
            second.rows.pointer, d, 0, products.pointer, Int32(second.count))
    }

    /// The distance between rows of the first set and rows of the second, at least two of each.
    /// - Throws: `MetricError.value` for overflow.
    func distance(_ firstRows: [Int], _ secondRows: [Int], metric: String) throws -> Double {
        let (one, two) = (try first.moments(firstRows), try second.moments(secondRows))
        var shift = 0.0
        for column in 0..<first.dimension {
            let difference = one.mean.pointer[column] - two.mean.pointer[column]
            shift += difference * difference
        }
        let norm = try NuclearNorm.ofMatrix(
            rows: max(firstRows.count, secondRows.count), columns: min(firstRows.count, secondRows.count),
            metric: metric
        ) { target, stride in
            if firstRows.count > secondRows.count {
                gather(firstRows, secondRows, to: target, stride: stride)
            } else {
                gatherTransposed(firstRows, secondRows, to: target, stride: stride)
            }
            Self.centre(
                target, rows: max(firstRows.count, secondRows.count),
                columns: min(firstRows.count, secondRows.count), stride: stride)
        }
        let unit = 1 / (Double(firstRows.count - 1) * Double(secondRows.count - 1)).squareRoot()
        return try FrechetDistance.distance(
            shift: shift, traces: (one.trace, two.trace), cross: norm * unit, metric: metric)
    }

    /// Column-major, a column for each row of the second set.
    private func gather(
        _ firstRows: [Int], _ secondRows: [Int], to target: UnsafeMutablePointer<Double>, stride: Int
    ) {
        // Some rows at a time, so that what is written lies close together.
        let block = 16
        for start in Swift.stride(from: 0, to: firstRows.count, by: block) {
            let end = min(firstRows.count, start + block)
            for (column, other) in secondRows.enumerated() {
                for row in start..<end {
                    target[column * stride + row] = products.pointer[firstRows[row] * second.count + other]
                }
            }
        }
    }

    /// Column-major, a column for each row of the first set.
    private func gatherTransposed(
        _ firstRows: [Int], _ secondRows: [Int], to target: UnsafeMutablePointer<Double>, stride: Int
    ) {
        for (column, row) in firstRows.enumerated() {
            let (from, to) = (products.pointer + row * second.count, target + column * stride)
            for (place, other) in secondRows.enumerated() { to[place] = from[other] }
        }
    }

    /// Takes the means of rows and of columns off a column-major matrix.
    private static func centre(_ matrix: UnsafeMutablePointer<Double>, rows: Int, columns: Int, stride: Int) {
        var means = [Double](repeating: 0, count: rows)
        means.withUnsafeMutableBufferPointer { means in
            for column in 0..<columns {
                let values = matrix + column * stride
                var sum = 0.0
                for row in 0..<rows { sum += values[row] }
                let mean = sum / Double(rows)
                for row in 0..<rows {
                    values[row] -= mean
                    means[row] += values[row]
                }
            }
            for row in 0..<rows { means[row] /= Double(columns) }
            for column in 0..<columns {
                let values = matrix + column * stride
                for row in 0..<rows { values[row] -= means[row] }
            }
        }
    }
}

/// Features in f64, less their means.
private struct CentredRows {
    let count, dimension: Int
    let mean: Scratch<Double>
    /// Row-major, `count` x `dimension`.
    let rows: Scratch<Double>
    /// The squared length of each row.
    let squares: [Double]

    init(_ features: FeatureSet) throws {
        (count, dimension) = (features.rows, features.dimension)
        mean = try features.columnMeans()
        rows = try Scratch<Double>(count, dimension)
        features.widen(0..<count, less: mean.pointer, to: rows.pointer)
        squares = (0..<count).map { [rows, dimension] in
            MetricConversion.sumOfSquares(rows.pointer + $0 * dimension, count: dimension)
        }
    }

    /// The mean of chosen rows, and the trace of their covariance with the divisor of one less than their number.
    func moments(_ chosen: [Int]) throws -> (mean: Scratch<Double>, trace: Double) {
        let own = try Scratch<Double>(dimension)
        own.fill(0)
        for row in chosen {
            MetricConversion.add(rows.pointer + row * dimension, times: 1, to: own.pointer, count: dimension)
        }
        let count = Double(chosen.count)
        for column in 0..<dimension { own.pointer[column] /= count }
        let around = MetricConversion.sumOfSquares(own.pointer, count: dimension)
        let trace = (chosen.reduce(0) { $0 + squares[$1] } - count * around) / (count - 1)
        for column in 0..<dimension { own.pointer[column] += mean.pointer[column] }
        return (own, trace)
    }
}

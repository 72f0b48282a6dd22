import MetricKernels
import Tensors

/// The count, mean and covariance of a set of features, taken in one pass over batches of any size.
///
/// Sets merge exactly: however a set is cut into shards and in whatever order they are merged, mean and covariance have the
/// same bits as those of the whole. Features are rounded to multiples of 2⁻³⁰ (below 10⁻⁹) for that; see `ExactSums`. A
/// result that this rounding would falsify by more than a millionth is refused: see `ColumnRanges`. The memory is about
/// 28 D² bytes, whatever the number of rows.
public final class Moments {
    /// Moments of as many rows, or of more, are refused, in memory as in files.
    static let rowLimit = 1 << 40

    /// The number of columns D.
    public let dimension: Int
    /// The number of rows so far.
    public private(set) var count: Int
    private var sums: ExactSums
    /// What is known of every column; nil without rows.
    private(set) var ranges: ColumnRanges?
    private var pending: Scratch<Double>?
    private var pendingRows = 0
    private var pendingLargest = 0.0

    /// Moments of no rows.
    /// - Throws: `MetricError.value` for a dimension below 1, or above 2³⁰.
    public init(dimension: Int) throws {
        guard dimension >= 1, dimension <= 1 << 30 else {
            throw MetricError.value(metric: "moments", message: "the dimension must be at least 1, got \(dimension)")
        }
        self.dimension = dimension
        count = 0
        sums = ExactSums(dimension: dimension)
    }

    init(sums: ExactSums, ranges: ColumnRanges?, count: Int) {
        self.ranges = ranges
        dimension = sums.dimension
        self.count = count
        self.sums = sums
    }

    /// Adds the rows of features `[N, D]`. Where the features are refused, nothing was added.
    /// - Throws: `MetricError` for another shape, an integer dtype or a feature that is not finite or beyond f32.
    public func update(_ features: Tensor, name: String = "given", metric: String = "moments") throws {
        let set = try FeatureSet(features, name: name, metric: metric)
        guard set.dimension == dimension else {
            throw MetricError.shape(
                metric: metric,
                message: "the moments have \(dimension) columns, the \(name) features \(set.dimension)")
        }
        if set.tensor.dtype == .f64 {
            let values = set.tensor.pointer.assumingMemoryBound(to: Double.self)
            for index in 0..<set.tensor.count where abs(values[index]) > Double(Float.greatestFiniteMagnitude) {
                throw MetricError.value(
                    metric: metric, message: "row \(index / dimension + 1) holds \(values[index]), beyond float32")
            }
        }
        try checkRoom(for: set.rows, metric: metric)
        var row = 0
        while row < set.rows {
            try Cancellation.check()
            let taken = min(set.rows - row, ExactSums.blockRows - pendingRows)
            try append(set, row..<row + taken)
            row += taken
            count += taken
            if pendingRows == ExactSums.blockRows { try flush() }
        }
    }

    /// Adds another set's rows.
    /// - Throws: `MetricError.shape` for another dimension, `.value` where the rows would be too many.
    public func merge(_ other: Moments) throws {
        guard other.dimension == dimension else {
            throw MetricError.shape(
                metric: "moments", message: "cannot merge \(other.dimension) columns into \(dimension)")
        }
        try checkRoom(for: other.count, metric: "moments")
        try flush()
        try other.flush()
        let added = other === self ? try other.sums.copy() : other.sums
        if let range = other.ranges { try widen(range) }
        try sums.add(added)
        count += other.count
    }

    /// The mean of every column, f64 `[D]`.
    /// - Throws: `MetricError.value` where there are no rows, or a column is too small for its mean to be right.
    public func mean() throws -> Tensor {
        try requireRows(1, metric: "moments", name: "given")
        try ranges?.checkMean(metric: "moments", name: "given")
        let result = try Tensor(uninitialized: [dimension], .f64)
        writeMean(to: result.pointer.assumingMemoryBound(to: Double.self))
        return result
    }

    /// The covariance with the divisor `count - 1`, f64 `[D, D]`.
    /// - Throws: `MetricError.value` for fewer than two rows, or where a column spans too little for its variance to be
    ///   right.
    public func covariance() throws -> Tensor {
        try requireRows(2, metric: "moments", name: "given")
        try ranges?.checkCovariance(metric: "moments", name: "given")
        let result = try Tensor(uninitialized: [dimension, dimension], .f64)
        writeCovariance(to: result.pointer.assumingMemoryBound(to: Double.self))
        return result
    }

    /// The fitted Gaussian.
    func gaussian(metric: String, name: String) throws -> GaussianFactor {
        try requireRows(2, metric: metric, name: name)
        try ranges?.checkDistance(metric: metric, name: name)
        let mean = try Scratch<Double>(dimension)
        writeMean(to: mean.pointer)
        let covariance = try Scratch<Double>(dimension, dimension)
        writeCovariance(to: covariance.pointer)
        return try GaussianFactor(mean: mean, covariance: covariance, dimension: dimension, metric: metric)
    }

    /// The sums of all rows so far, for a file.
    func currentSums() throws -> ExactSums {
        try flush()
        return sums
    }

    private func checkRoom(for added: Int, metric: String) throws {
        let (total, overflow) = count.addingReportingOverflow(added)
        guard !overflow, total < Moments.rowLimit else {
            throw MetricError.value(
                metric: metric, message: "\(count) and \(added) rows are too many: moments hold fewer than 2^40")
        }
    }

    private func requireRows(_ wanted: Int, metric: String, name: String) throws {
        guard count >= wanted else {
            throw MetricError.value(
                metric: metric,
                message: "the \(name) set has \(count) rows; at least \(wanted) \(wanted == 1 ? "is" : "are") needed")
        }
        try flush()
    }

    private func writeMean(to target: UnsafeMutablePointer<Double>) {
        MetricExactSums.means(
            sums: sums.sums.map { UnsafePointer($0.pointer) }, size: dimension, count: count, to: target)
    }

    private func writeCovariance(to target: UnsafeMutablePointer<Double>) {
        MetricExactSums.covariance(
            products: sums.products.map { UnsafePointer($0.pointer) },
            sums: sums.sums.map { UnsafePointer($0.pointer) }, size: dimension, count: count, to: target)
    }

    private func append(_ set: FeatureSet, _ range: Range<Int>) throws {
        let block: Scratch<Double>
        if let pending {
            block = pending
        } else {
            block = try Scratch<Double>(ExactSums.blockRows, dimension)
            pending = block
        }
        let target = block.pointer + pendingRows * dimension
        let start = range.lowerBound * dimension
        let found = try ColumnRanges(dimension: dimension)
        if set.tensor.dtype == .f32 {
            MetricExactSums.quantise(
                set.tensor.pointer.assumingMemoryBound(to: Float.self) + start, rows: range.count, columns: dimension,
                to: target, lowest: found.lowest, highest: found.highest, lost: found.lost)
        } else {
            MetricExactSums.quantise(
                set.tensor.pointer.assumingMemoryBound(to: Double.self) + start, rows: range.count, columns: dimension,
                to: target, lowest: found.lowest, highest: found.highest, lost: found.lost)
        }
        try widen(found)
        pendingLargest = max(pendingLargest, found.largest)
        pendingRows += range.count
    }

    private func widen(_ found: ColumnRanges) throws {
        let known = try ranges ?? ColumnRanges(dimension: dimension)
        known.formUnion(found)
        ranges = known
    }

    private func flush() throws {
        guard let block = pending, pendingRows > 0 else { return }
        try sums.add(block, rows: pendingRows, largest: pendingLargest)
        pending = nil
        pendingRows = 0
        pendingLargest = 0
    }
}

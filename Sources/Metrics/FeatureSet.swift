import Foundation
import MetricKernels
import Tensors

/// Features `[N, D]` that were checked: two dimensions, floating, contiguous, finite.
///
/// bf16 and f16 features are widened to f32, which is exact. f32 and f64 keep their memory; nothing is copied.
public struct FeatureSet {
    /// The features, f32 or f64, contiguous.
    public let tensor: Tensor
    /// The number of rows N.
    public var rows: Int { tensor.shape[0] }
    /// The number of columns D.
    public var dimension: Int { tensor.shape[1] }
    /// What error texts call the set: `real`, `synthetic`.
    let name: String

    /// Checks `tensor`, of shape `[N, D]`.
    /// - Throws: `MetricError.shape` for another rank or an integer dtype, `.notFinite` naming the first bad row.
    public init(_ tensor: Tensor, name: String, metric: String) throws {
        guard tensor.rank == 2 else {
            throw MetricError.shape(
                metric: metric,
                message: "wanted \(name) features of shape [N, D], got shape \(Tensor.text(tensor.shape))")
        }
        guard tensor.dtype.isFloating else {
            throw MetricError.shape(
                metric: metric, message: "wanted floating \(name) features, got dtype \(tensor.dtype)")
        }
        guard tensor.shape[1] > 0 else {
            throw MetricError.shape(metric: metric, message: "the \(name) features have no columns")
        }
        guard tensor.shape[0] < Int(Int32.max), tensor.shape[1] < Int(Int32.max) else {
            throw MetricError.shape(
                metric: metric, message: "\(name) features of shape \(Tensor.text(tensor.shape)) are too many")
        }
        self.tensor = try FeatureSet.widened(tensor.contiguous())
        self.name = name
        try checkFinite(metric: metric)
    }

    private init(unchecked tensor: Tensor, name: String) {
        self.tensor = tensor
        self.name = name
    }

    /// Refuses f32 features whose squared distances could overflow f32, as they do in the reference.
    /// - Throws: `MetricError.value` that names the row.
    func checkSquares(metric: String) throws {
        let values = tensor.pointer.assumingMemoryBound(to: Float.self)
        let bound = (Double(Float.greatestFiniteMagnitude) / 16 / Double(dimension)).squareRoot()
        for index in 0..<tensor.count where Double(abs(values[index])) > bound {
            throw MetricError.value(
                metric: metric,
                message: "row \(index / dimension + 1) of the \(name) features holds \(values[index]); "
                    + "its squared distances overflow float32")
        }
    }

    /// Checks that two sets have equally many columns.
    static func pair(_ real: Tensor, _ synthetic: Tensor, metric: String) throws -> (FeatureSet, FeatureSet) {
        let first = try FeatureSet(real, name: "real", metric: metric)
        let second = try FeatureSet(synthetic, name: "synthetic", metric: metric)
        guard first.dimension == second.dimension else {
            throw MetricError.shape(
                metric: metric,
                message: "real features have \(first.dimension) columns, synthetic features \(second.dimension)")
        }
        return (first, second)
    }

    /// The rows of the given indexes (from 0), copied, in that order; an index may come more than once.
    /// - Throws: `TensorError.index` for an index outside the set.
    public func gathered(_ indexes: [Int]) throws -> FeatureSet {
        for index in indexes where index < 0 || index >= rows {
            throw TensorError.index(operation: "gather", message: "row \(index) of \(rows)")
        }
        let result = try Tensor(uninitialized: [indexes.count, dimension], tensor.dtype)
        let rowBytes = dimension * tensor.dtype.size
        for (target, source) in indexes.enumerated() {
            result.pointer.advanced(by: target * rowBytes).copyMemory(
                from: tensor.pointer.advanced(by: source * rowBytes), byteCount: rowBytes)
        }
        return FeatureSet(unchecked: result, name: name)
    }

    /// The features rounded to f32; the same memory where they are f32.
    func singlePrecision() throws -> FeatureSet {
        if tensor.dtype == .f32 { return self }
        let result = try Tensor(uninitialized: tensor.shape, .f32)
        let total = tensor.count
        try tensor.withElements(Double.self) { source in
            try result.withElements(Float.self) { target in
                for index in 0..<total { target[index] = Float(source[index]) }
            }
        }
        return FeatureSet(unchecked: result, name: name)
    }

    /// Writes rows `range`, widened to f64 and less `shift` (D values), to `target`, row-major.
    func widen(_ range: Range<Int>, less shift: UnsafePointer<Double>?, to target: UnsafeMutablePointer<Double>) {
        let start = range.lowerBound * dimension
        if tensor.dtype == .f32 {
            let source = tensor.pointer.assumingMemoryBound(to: Float.self) + start
            MetricConversion.widen(source, rows: range.count, columns: dimension, less: shift, to: target)
        } else {
            let source = tensor.pointer.assumingMemoryBound(to: Double.self) + start
            MetricConversion.widen(source, rows: range.count, columns: dimension, less: shift, to: target)
        }
    }

    /// The means of the columns in f64.
    func columnMeans() throws -> Scratch<Double> {
        let means = try Scratch<Double>(dimension)
        means.fill(0)
        if tensor.dtype == .f32 {
            MetricConversion.addColumns(
                tensor.pointer.assumingMemoryBound(to: Float.self), rows: rows, columns: dimension, to: means.pointer)
        } else {
            let block = try Scratch<Double>(min(rows, 64), dimension)
            for start in stride(from: 0, to: rows, by: 64) {
                let range = start..<min(rows, start + 64)
                widen(range, less: nil, to: block.pointer)
                for row in 0..<range.count {
                    MetricConversion.add(
                        block.pointer + row * dimension, times: 1, to: means.pointer, count: dimension)
                }
            }
        }
        for column in 0..<dimension where rows > 0 { means.pointer[column] /= Double(rows) }
        return means
    }

    /// Whether two sets hold the same values in the same order, to the bit.
    func isIdentical(to other: FeatureSet) -> Bool {
        guard tensor.dtype == other.tensor.dtype, tensor.shape == other.tensor.shape else { return false }
        let bytes = tensor.count * tensor.dtype.size
        return memcmp(tensor.pointer, other.tensor.pointer, bytes) == 0
    }

    private func checkFinite(metric: String) throws {
        let bad: Int?
        if tensor.dtype == .f32 {
            bad = MetricConversion.firstNotFinite(
                tensor.pointer.assumingMemoryBound(to: Float.self), count: tensor.count)
        } else {
            bad = MetricConversion.firstNotFinite(
                tensor.pointer.assumingMemoryBound(to: Double.self), count: tensor.count)
        }
        guard let index = bad else { return }
        let value: Double
        if tensor.dtype == .f32 {
            value = Double(tensor.pointer.assumingMemoryBound(to: Float.self)[index])
        } else {
            value = tensor.pointer.assumingMemoryBound(to: Double.self)[index]
        }
        throw MetricError.notFinite(
            metric: metric, set: name, row: index / dimension, column: index % dimension, value: value)
    }

    private static func widened(_ tensor: Tensor) throws -> Tensor {
        switch tensor.dtype {
        case .bf16:
            let result = try Tensor(uninitialized: tensor.shape, .f32)
            try tensor.withElements(BFloat16.self) { source in
                try result.withElements(Float.self) { target in
                    for index in source.indices { target[index] = source[index].float }
                }
            }
            return result
        case .f16:
            let result = try Tensor(uninitialized: tensor.shape, .f32)
            try tensor.withElements(Float16.self) { source in
                try result.withElements(Float.self) { target in
                    for index in source.indices { target[index] = Float(source[index]) }
                }
            }
            return result
        default:
            return tensor
        }
    }
}

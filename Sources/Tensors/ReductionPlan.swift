import Foundation
import Kernels

/// What a reduction reads and the shape that it gives.
struct ReductionPlan {
    let source: Tensor
    let dimension: ReducedDimension
    /// How many elements become one.
    let length: Int
    /// The shape of the result.
    let shape: [Int]

    init(_ tensor: Tensor, _ axis: Int?, _ keepDimension: Bool, _ operation: String) throws {
        // Rows of a transposed view are read across memory: a copy in order is cheaper.
        let inner = tensor.strides.last ?? 1
        source = tensor.isContiguous || inner == 1 || inner == 0 || tensor.count < 4096 ? tensor : try tensor.clone()
        guard let axis = axis, !(tensor.rank == 0 && (axis == 0 || axis == -1)) else {
            length = tensor.count
            dimension = ReducedDimension(outer: 1, length: length, inner: 1)
            shape = keepDimension ? [Int](repeating: 1, count: tensor.rank) : []
            return
        }
        let place = try tensor.normalizedAxis(axis, operation: operation)
        var sizes = tensor.shape
        length = sizes[place]
        dimension = ReducedDimension(
            outer: sizes[..<place].reduce(1, *), length: length, inner: sizes[(place + 1)...].reduce(1, *))
        if keepDimension { sizes[place] = 1 } else { sizes.remove(at: place) }
        shape = sizes
    }

    /// One double a row.
    func doubles(_ kernel: ReductionKernel, centres: [Double]? = nil) -> [Double] {
        [Double](unsafeUninitializedCapacity: dimension.rows) { buffer, count in
            count = dimension.rows
            guard let result = buffer.baseAddress, count > 0 else { return }
            let compute: ComputeType = source.dtype == .f32 || source.dtype.size == 2 ? .f32 : .f64
            defer { withExtendedLifetime(source) {} }
            if let centres = centres {
                centres.withUnsafeBufferPointer {
                    ReductionKernels.run(
                        kernel, source.view, dimension, compute: compute, centres: $0.baseAddress, into: result)
                }
            } else {
                ReductionKernels.run(kernel, source.view, dimension, compute: compute, into: result)
            }
        }
    }

    /// One integer a row.
    func integers(_ kernel: ReductionKernel) -> [Int64] {
        [Int64](unsafeUninitializedCapacity: dimension.rows) { buffer, count in
            count = dimension.rows
            guard let result = buffer.baseAddress, count > 0 else { return }
            withExtendedLifetime(source) { ReductionKernels.run(kernel, source.view, dimension, into: result) }
        }
    }

    /// How many elements of each row differ from 0.
    func nonzeros() -> [Int] {
        source.dtype.isFloating ? doubles(.nonzero).map { Int($0) } : integers(.nonzero).map { Int($0) }
    }

    /// Squared deviations from the rows' means over the length less the correction.
    func variances(_ correction: Double) -> [Double] {
        let means = doubles(.sum).map { $0 / Double(length) }
        let divisor = max(0, Double(length) - correction)
        return doubles(.deviations, centres: means).map { $0 / divisor }
    }

    /// The rows' results in a tensor of `dtype`.
    func result(_ values: [Double], _ dtype: DType) throws -> Tensor {
        try Tensor(values, shape: shape).to(dtype)
    }
}

/// The `order`-th root.
func root(_ value: Double, _ order: Double) -> Double { order == 1 ? value : pow(value, 1 / order) }

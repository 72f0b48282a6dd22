import Foundation
import ArrayKernels

extension Tensor {
    /// The sum of all elements, or along `axis`. Floats keep their dtype and are carried in f64; integers give i64.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func sum(_ axis: Int? = nil, keepDimension: Bool = false) throws -> Tensor {
        try reduce(.sum, axis, keepDimension, "sum")
    }

    /// The product of all elements, or along `axis`; dtypes as `sum`.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func prod(_ axis: Int? = nil, keepDimension: Bool = false) throws -> Tensor {
        try reduce(.product, axis, keepDimension, "prod")
    }

    /// The arithmetic mean of all elements, or along `axis`; integers give f32, no elements NaN.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func mean(_ axis: Int? = nil, keepDimension: Bool = false) throws -> Tensor {
        let plan = try ReductionPlan(self, axis, keepDimension, "mean")
        return try plan.doubles(.sum) { $0 / Double(plan.length) }.to(dtype.floating)
    }

    /// The variance of all elements, or along `axis`: squared deviations from the mean over `count - correction`.
    /// A correction of 1 is the unbiased one, PyTorch's default; too few elements give NaN. Integers give f32.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func variance(_ axis: Int? = nil, correction: Double = 1, keepDimension: Bool = false) throws -> Tensor {
        let plan = try ReductionPlan(self, axis, keepDimension, "var")
        return try plan.variances(correction) { $0 }.to(dtype.floating)
    }

    /// The square root of `variance`.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func std(_ axis: Int? = nil, correction: Double = 1, keepDimension: Bool = false) throws -> Tensor {
        let plan = try ReductionPlan(self, axis, keepDimension, "std")
        return try plan.variances(correction) { $0.squareRoot() }.to(dtype.floating)
    }

    /// The p-norm of all elements, or along `axis`: (Σ |x|^p)^(1/p); infinity gives the largest magnitude, 0 the number of
    /// elements other than 0. Integers give f32.
    /// - Throws: `TensorError.value` for a NaN order, or an infinite order of no elements.
    public func norm(_ axis: Int? = nil, order: Double = 2, keepDimension: Bool = false) throws -> Tensor {
        guard !order.isNaN else { throw TensorError.value(operation: "norm", message: "the order is NaN") }
        if order.isInfinite {
            let magnitudes = try withoutRepeats(axis, "norm").to(dtype.floating).unary(.abs)
            return try magnitudes.extreme(order > 0, axis, keepDimension, "norm").values
        }
        let plan = try ReductionPlan(self, axis, keepDimension, "norm")
        let norms = try plan.doubles(order == 0 ? .nonzero : .powers(order)) {
            order == 2 ? $0.squareRoot() : order == 0 || order == 1 ? $0 : Foundation.pow($0, 1 / order)
        }
        return try norms.to(dtype.floating)
    }

    /// Whether all elements differ from 0, of the whole tensor or along `axis`.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func all(_ axis: Int? = nil, keepDimension: Bool = false) throws -> Tensor {
        let plan = try ReductionPlan(withoutRepeats(axis, "all"), axis, keepDimension, "all")
        return try plan.doubles(.nonzero) { $0 == Double(plan.length) ? 1 : 0 }.to(.bool)
    }

    /// Whether any element differs from 0, of the whole tensor or along `axis`.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func any(_ axis: Int? = nil, keepDimension: Bool = false) throws -> Tensor {
        let plan = try ReductionPlan(withoutRepeats(axis, "any"), axis, keepDimension, "any")
        return try plan.doubles(.nonzero) { $0 > 0 ? 1 : 0 }.to(.bool)
    }

    /// The largest element. NaN wins over numbers.
    /// - Throws: `TensorError.value` for a tensor without elements.
    public func max() throws -> Tensor { try extreme(true, nil, false, "max").values }

    /// The smallest element. NaN wins over numbers.
    /// - Throws: `TensorError.value` for a tensor without elements.
    public func min() throws -> Tensor { try extreme(false, nil, false, "min").values }

    /// The largest elements along `axis` and the indexes (i64, from 0) of the first of them.
    /// - Throws: `TensorError.value` where the dimension has no elements.
    public func max(_ axis: Int, keepDimension: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try extreme(true, axis, keepDimension, "max")
    }

    /// The smallest elements along `axis` and the indexes (i64, from 0) of the first of them.
    /// - Throws: `TensorError.value` where the dimension has no elements.
    public func min(_ axis: Int, keepDimension: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try extreme(false, axis, keepDimension, "min")
    }

    /// The index (i64, from 0) of the first largest element along `axis`, or in row-major order of the whole tensor.
    /// - Throws: `TensorError.value` where there are no elements.
    public func argmax(_ axis: Int? = nil, keepDimension: Bool = false) throws -> Tensor {
        try extreme(true, axis, keepDimension, "argmax").indices
    }

    /// The index (i64, from 0) of the first smallest element along `axis`, or in row-major order of the whole tensor.
    /// - Throws: `TensorError.value` where there are no elements.
    public func argmin(_ axis: Int? = nil, keepDimension: Bool = false) throws -> Tensor {
        try extreme(false, axis, keepDimension, "argmin").indices
    }

    private func extreme(
        _ maximum: Bool, _ axis: Int?, _ keepDimension: Bool, _ operation: String
    ) throws -> (values: Tensor, indices: Tensor) {
        let distinct = try withoutRepeats(axis, operation)
        let plan = try ReductionPlan(distinct, axis, keepDimension, operation)
        guard plan.length > 0 || plan.dimension.rows == 0 else {
            throw TensorError.value(
                operation: operation, message: "no elements in a tensor of shape \(Tensor.text(shape))")
        }
        let values = try Tensor(uninitialized: plan.shape, dtype.working)
        let indices = try Tensor(uninitialized: plan.shape, .i64)
        if values.count > 0 {
            try withExtendedLifetime(plan.source) {
                try Cancellation.check(
                    ExtremeKernels.run(
                        maximum: maximum, plan.source.view, plan.dimension, compute: dtype.compute,
                        indices: indices.pointer.assumingMemoryBound(to: Int64.self), values: values.pointer))
            }
        }
        if axis == nil, distinct.count != count {
            try indices.withElements(Int64.self) { $0[0] = Int64(place(Int($0[0]), in: distinct.shape)) }
        }
        return (try values.to(dtype), indices)
    }

    /// The view without the repeats of expanded dimensions that a reduction takes together: what asks which elements there are,
    /// and not how often, looks at each once.
    private func withoutRepeats(_ axis: Int?, _ operation: String) throws -> Tensor {
        if rank == 0 { return self }
        let axes = try axis.map { [try normalizedAxis($0, operation: operation)] } ?? Array(0..<rank)
        var view = self
        for place in axes where strides[place] == 0 && shape[place] > 1 { view = try view.narrow(place, 0, 1) }
        return view
    }

    /// The row-major place here of the element at a place of a view whose repeats were left out: the first of the repeats.
    private func place(_ place: Int, in sizes: [Int]) -> Int {
        var (rest, unit, result) = (place, 1, 0)
        for axis in sizes.indices.reversed() {
            result += rest % sizes[axis] * unit
            rest /= sizes[axis]
            unit *= shape[axis]
        }
        return result
    }

    private func reduce(
        _ kernel: ReductionKernel, _ axis: Int?, _ keepDimension: Bool, _ operation: String
    ) throws -> Tensor {
        let plan = try ReductionPlan(self, axis, keepDimension, operation)
        return dtype.isFloating ? try plan.doubles(kernel) { $0 }.to(dtype) : try plan.integers(kernel)
    }
}

import ArrayKernels

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

    /// One double a row, each passed through `finish`.
    func doubles(
        _ kernel: ReductionKernel, centres: Tensor? = nil, _ finish: (Double) -> Double
    ) throws -> Tensor {
        let result = try Tensor(uninitialized: shape, .f64)
        let compute: ComputeType = source.dtype.compute == .f32 ? .f32 : .f64
        let work = try workspace()
        try withExtendedLifetime((source, centres, work)) {
            let target = result.pointer.assumingMemoryBound(to: Double.self)
            try Cancellation.check(
                ReductionKernels.run(
                    kernel, source.view, dimension, compute: compute,
                    centres: centres.map { UnsafePointer($0.pointer.assumingMemoryBound(to: Double.self)) },
                    work: work?.bytes ?? result.pointer, into: target))
            for row in 0..<dimension.rows { target[row] = finish(target[row]) }
        }
        return result
    }

    /// One integer a row.
    func integers(_ kernel: ReductionKernel) throws -> Tensor {
        let result = try Tensor(uninitialized: shape, .i64)
        let work = try workspace()
        try withExtendedLifetime((source, work)) {
            try Cancellation.check(
                ReductionKernels.run(
                    kernel, source.view, dimension, work: work?.bytes ?? result.pointer,
                    into: result.pointer.assumingMemoryBound(to: Int64.self)))
        }
        return result
    }

    /// What the kernels add blocks of long rows up in; nil where there are none.
    private func workspace() throws -> Storage? {
        let words = ReductionKernels.workWords(dimension)
        return words == 0 ? nil : try Storage(byteCount: 8 * words)
    }

    /// Squared deviations from the rows' means over the length less the correction, each passed through `finish`.
    func variances(_ correction: Double, _ finish: (Double) -> Double) throws -> Tensor {
        let means = try doubles(.sum) { $0 / Double(length) }
        let divisor = max(0, Double(length) - correction)
        return try doubles(.deviations, centres: means) { finish($0 / divisor) }
    }
}

import ArrayKernels

extension Tensor {
    /// The elements along `axis` in order, and where each was (i64, from 0). The sort is stable; NaN counts as the
    /// largest, as in PyTorch.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func sort(_ axis: Int = -1, descending: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try sorted(axis, nil, descending, "sort")
    }

    /// The `k` largest (or smallest) elements along `axis`, in order, and where each was (i64, from 0).
    /// - Throws: `TensorError.value` for a `k` that is negative or more than the dimension has.
    public func topk(
        _ k: Int, _ axis: Int = -1, largest: Bool = true
    ) throws -> (values: Tensor, indices: Tensor) {
        try sorted(axis, k, largest, "topk")
    }

    private func sorted(
        _ axis: Int, _ k: Int?, _ descending: Bool, _ operation: String
    ) throws -> (values: Tensor, indices: Tensor) {
        if rank == 0, axis == 0 || axis == -1 {
            let (values, indices) = try unsqueezed(0).sorted(0, k, descending, operation)
            return k == nil || k == 1
                ? (try values.reshaped([]), try indices.reshaped([])) : (values, indices)
        }
        let axis = try normalizedAxis(axis, operation: operation)
        let kept = k ?? shape[axis]
        guard kept >= 0, kept <= shape[axis] else {
            throw TensorError.value(
                operation: operation, message: "wanted 0 to \(shape[axis]) elements, got k = \(kept)")
        }
        let rows = try transposed(axis, rank - 1)
        var sizes = rows.shape
        sizes[rank - 1] = kept
        let values = try Tensor(uninitialized: sizes, dtype)
        let indices = try Tensor(uninitialized: sizes, .i64)
        if values.count > 0 {
            let source = try rows.contiguous()
            let needed = SortKernels.bytesPerElement * Swift.min(Threads.count, values.count / Swift.max(1, kept))
            try Storage.checkRoom(shape[axis], needed)
            let outcome = withExtendedLifetime(source) {
                SortKernels.run(
                    source.view, length: shape[axis], kept: kept, descending: descending, compute: dtype.compute,
                    values: values.view, indices: indices.pointer.assumingMemoryBound(to: Int64.self))
            }
            try outcome.check(bytes: SortKernels.bytesPerElement * shape[axis])
        }
        return (
            try values.transposed(axis, rank - 1).contiguous(), try indices.transposed(axis, rank - 1).contiguous()
        )
    }
}

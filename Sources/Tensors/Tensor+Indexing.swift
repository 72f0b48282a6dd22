import Threading

extension Tensor {
    /// The elements at `indices` along `axis`, in their order, as `torch.index_select`: a copy.
    /// - Parameters:
    ///   - indices: one dimension (or a scalar) of integers.
    ///   - base: what the first index is called, 0 or 1. Negative indexes count from the end: -1 is the last.
    /// - Throws: `TensorError.dtype` for indexes that are no integers, `.index` for one out of range.
    public func index(_ axis: Int, _ indices: Tensor, base: Int = 0) throws -> Tensor {
        let axis = try normalizedAxis(axis, operation: "index")
        guard !indices.dtype.isFloating, indices.dtype != .bool else {
            throw TensorError.dtype(operation: "index", message: "wanted integer indices, got \(indices.dtype)")
        }
        guard indices.rank <= 1 else {
            throw TensorError.shape(
                operation: "index",
                message: "wanted indices of one dimension, got shape \(Tensor.text(indices.shape))")
        }
        let size = shape[axis]
        try Storage.checkRoom(indices.count, 16)
        let places = try indices.to(.i64).array(Int64.self).map { given -> Int in
            let place = given < 0 ? Int(given) + size : Int(given) - base
            guard place >= 0, place < size else {
                throw TensorError.index(
                    operation: "index", message: "index \(given) is not in a dimension of size \(size)")
            }
            return place
        }
        var sizes = shape
        sizes[axis] = places.count
        let result = try Tensor(uninitialized: sizes, dtype)
        if result.count == 0 { return result }
        if axis == 0, isContiguous {
            // Whole rows: blocks of memory.
            let bytes = (count / size) * dtype.size
            let (from, to) = (pointer, result.pointer)
            withExtendedLifetime(self) {
                Parallel.forRanges(places.count, grain: Swift.max(1, 65536 / bytes)) { range in
                    for row in range {
                        (to + row * bytes).copyMemory(from: from + places[row] * bytes, byteCount: bytes)
                    }
                }
            }
            return result
        }
        for (row, place) in places.enumerated() {
            if row % 1024 == 1023 { try Cancellation.check() }
            try result.select(axis, row).copyElements(of: select(axis, place))
        }
        return result
    }

    /// The elements where `mask` is true, in row-major order, as `torch.masked_select`: one dimension, a copy.
    /// Tensor and mask broadcast.
    /// - Throws: `TensorError.dtype` for a mask that is not bool, `.shape` where the two do not broadcast.
    public func maskedSelect(_ mask: Tensor) throws -> Tensor {
        guard mask.dtype == .bool else {
            throw TensorError.dtype(operation: "masked_select", message: "wanted a bool mask, got \(mask.dtype)")
        }
        let sizes = try Tensor.broadcastShape(shape, mask.shape, operation: "masked_select")
        let flags = try mask.expanded(sizes).contiguous()
        let source = try expanded(sizes).contiguous()
        let chosen = flags.pointer.assumingMemoryBound(to: UInt8.self)
        let total = (0..<flags.count).reduce(0) { $0 + (chosen[$1] != 0 ? 1 : 0) }
        let result = try Tensor(uninitialized: [total], dtype)
        withExtendedLifetime((flags, source)) {
            switch dtype.size {
            case 8: Tensor.pick(UInt64.self, source.pointer, chosen, flags.count, result.pointer)
            case 4: Tensor.pick(UInt32.self, source.pointer, chosen, flags.count, result.pointer)
            case 2: Tensor.pick(UInt16.self, source.pointer, chosen, flags.count, result.pointer)
            default: Tensor.pick(UInt8.self, source.pointer, chosen, flags.count, result.pointer)
            }
        }
        return result
    }

    private static func pick<Word>(
        _: Word.Type, _ source: UnsafeMutableRawPointer, _ chosen: UnsafePointer<UInt8>, _ count: Int,
        _ target: UnsafeMutableRawPointer
    ) {
        let from = source.assumingMemoryBound(to: Word.self)
        let to = target.assumingMemoryBound(to: Word.self)
        var written = 0
        for position in 0..<count where chosen[position] != 0 {
            to[written] = from[position]
            written += 1
        }
    }

    /// Tensors put one after the other along `axis`; dtypes are promoted, and the other dimensions are equal.
    /// - Throws: `TensorError.value` without tensors, `.shape` where other sizes differ.
    public static func cat(_ tensors: [Tensor], axis: Int) throws -> Tensor {
        guard let first = tensors.first else {
            throw TensorError.value(operation: "cat", message: "wanted at least one tensor")
        }
        let axis = try first.normalizedAxis(axis, operation: "cat")
        var sizes = first.shape
        var dtype = first.dtype
        for tensor in tensors.dropFirst() {
            var (expected, given) = (first.shape, tensor.shape)
            guard given.count == expected.count else { throw catError(first, tensor) }
            let (sum, overflow) = sizes[axis].addingReportingOverflow(given[axis])
            expected[axis] = 0
            given[axis] = 0
            guard expected == given, !overflow else { throw catError(first, tensor) }
            sizes[axis] = sum
            dtype = DType.promoted(dtype, tensor.dtype)
        }
        let result = try Tensor(uninitialized: sizes, dtype)
        var start = 0
        for tensor in tensors {
            if tensor.count > 0 {
                try result.narrow(axis, start, tensor.shape[axis]).copyElements(of: tensor)
            }
            start += tensor.shape[axis]
        }
        return result
    }

    private static func catError(_ first: Tensor, _ other: Tensor) -> TensorError {
        TensorError.shape(
            operation: "cat", message: "shapes \(text(first.shape)) and \(text(other.shape)) do not fit together")
    }

    /// Tensors of one shape put side by side along a new dimension before `axis` (-1: after the last).
    /// - Throws: `TensorError.value` without tensors, `.shape` where shapes differ.
    public static func stack(_ tensors: [Tensor], axis: Int = 0) throws -> Tensor {
        guard let first = tensors.first else {
            throw TensorError.value(operation: "stack", message: "wanted at least one tensor")
        }
        for tensor in tensors where tensor.shape != first.shape {
            throw TensorError.shape(
                operation: "stack", message: "shapes \(text(first.shape)) and \(text(tensor.shape)) differ")
        }
        guard axis >= -first.rank - 1, axis <= first.rank else {
            throw TensorError.index(
                operation: "stack", message: "no place \(axis) in tensors of shape \(text(first.shape))")
        }
        let place = axis < 0 ? axis + first.rank + 1 : axis
        return try cat(try tensors.map { try $0.unsqueezed(place) }, axis: place)
    }
}

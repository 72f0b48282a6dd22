import ArrayKernels

extension Tensor {
    /// The memory as kernels see it. The caller keeps the tensor alive while it is in use.
    var view: StridedView { StridedView(pointer, dtype.element, shape: shape, strides: strides) }

    /// This tensor where it is contiguous, else a contiguous copy.
    public func contiguous() throws -> Tensor { isContiguous ? self : try clone() }

    /// A contiguous copy with its own storage.
    public func clone() throws -> Tensor {
        let result = try Tensor(uninitialized: shape, dtype)
        if count == 0 { return result }
        if isContiguous {
            result.storage.bytes.copyMemory(from: pointer, byteCount: count * dtype.size)
        } else {
            try result.copyElements(of: self)
        }
        return result
    }

    /// Overwrites the elements with those of a tensor of equally many, which shares no memory with this one.
    func copyElements(of source: Tensor) throws {
        try withExtendedLifetime((self, source)) { try Cancellation.check(StridedCopy.copy(source.view, to: view)) }
    }

    /// The axis counted from 0; -1 is the last.
    /// - Throws: `TensorError.index` for an axis that the tensor does not have.
    public func normalizedAxis(_ axis: Int, operation: String) throws -> Int {
        guard axis >= -rank, axis < rank else {
            throw TensorError.index(
                operation: operation, message: "no axis \(axis) in a tensor of shape \(Tensor.text(shape))")
        }
        return axis < 0 ? axis + rank : axis
    }

    /// The same elements in another shape: a view where the strides allow it, else a copy. One size may be -1: it follows
    /// from the others.
    /// - Throws: `TensorError.shape` where the numbers of elements differ.
    public func reshaped(_ sizes: [Int]) throws -> Tensor {
        var sizes = sizes
        let open = sizes.indices.filter { sizes[$0] == -1 }
        if open.count == 1 {
            let known = sizes.filter { $0 != -1 }
            let product = try Tensor.elementCount(known, operation: "reshape")
            guard product > 0, count % product == 0 else { throw reshapeError(sizes) }
            sizes[open[0]] = count / product
        }
        guard try Tensor.elementCount(sizes, operation: "reshape") == count else { throw reshapeError(sizes) }
        if let strides = stridesForReshape(sizes) {
            return Tensor(unchecked: storage, dtype, shape: sizes, strides: strides, offset: offset)
        }
        let copy = try clone()
        return Tensor(
            unchecked: copy.storage, dtype, shape: sizes, strides: Tensor.contiguousStrides(sizes), offset: 0)
    }

    private func reshapeError(_ sizes: [Int]) -> TensorError {
        TensorError.shape(
            operation: "reshape",
            message: "\(count) elements of shape \(Tensor.text(shape)) do not fill \(Tensor.text(sizes))")
    }

    /// Strides that show this memory in the shape `sizes`, or nil where no strides can.
    private func stridesForReshape(_ sizes: [Int]) -> [Int]? {
        if isContiguous { return Tensor.contiguousStrides(sizes) }
        let axes = (0..<rank).filter { shape[$0] != 1 }
        var result = [Int](repeating: 1, count: sizes.count)
        var target = sizes.count - 1
        var place = axes.count - 1
        while place >= 0 {
            // A group of dimensions whose elements follow each other with one step.
            let step = strides[axes[place]]
            var group = shape[axes[place]]
            while place > 0, strides[axes[place - 1]] == step * group {
                place -= 1
                group *= shape[axes[place]]
            }
            var filled = 1
            while target >= 0, filled < group || sizes[target] == 1 {
                result[target] = step * filled
                filled *= sizes[target]
                target -= 1
            }
            if filled != group { return nil }
            place -= 1
        }
        return result
    }

    /// The dimensions in another order: `permuted([0, 3, 1, 2])` makes `[N, H, W, C]` a view `[N, C, H, W]`.
    /// - Throws: `TensorError.shape` where `axes` is no permutation of all axes.
    public func permuted(_ axes: [Int]) throws -> Tensor {
        guard axes.count == rank else {
            throw TensorError.shape(
                operation: "permute", message: "\(axes.count) axes for a tensor of \(rank) dimensions")
        }
        let order = try axes.map { try normalizedAxis($0, operation: "permute") }
        guard Set(order).count == rank else {
            throw TensorError.shape(operation: "permute", message: "an axis appears twice in \(Tensor.text(axes))")
        }
        return Tensor(
            unchecked: storage, dtype, shape: order.map { shape[$0] }, strides: order.map { strides[$0] },
            offset: offset)
    }

    /// Two dimensions exchanged, a view.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func transposed(_ first: Int, _ second: Int) throws -> Tensor {
        var order = Array(0..<rank)
        order.swapAt(
            try normalizedAxis(first, operation: "transpose"), try normalizedAxis(second, operation: "transpose"))
        return try permuted(order)
    }

    /// The elements at one index of a dimension, a view without that dimension. Index -1 is the last.
    /// - Throws: `TensorError.index` for an axis or index that does not exist.
    public func select(_ axis: Int, _ index: Int) throws -> Tensor {
        let axis = try normalizedAxis(axis, operation: "select")
        let size = shape[axis]
        guard index >= -size, index < size else {
            throw TensorError.index(
                operation: "select", message: "index \(index) is not in a dimension of size \(size)")
        }
        var (sizes, steps) = (shape, strides)
        sizes.remove(at: axis)
        steps.remove(at: axis)
        let start = offset + (index < 0 ? index + size : index) * strides[axis]
        return Tensor(unchecked: storage, dtype, shape: sizes, strides: steps, offset: start)
    }

    /// `length` consecutive indexes of a dimension from `start` (-1 is the last), a view.
    /// - Throws: `TensorError.index` where the range leaves the dimension.
    public func narrow(_ axis: Int, _ start: Int, _ length: Int) throws -> Tensor {
        let axis = try normalizedAxis(axis, operation: "narrow")
        let size = shape[axis]
        let first = start < 0 ? start &+ size : start
        guard first >= 0, first <= size, length >= 0, length <= size - first else {
            throw TensorError.index(
                operation: "narrow", message: "\(length) from \(start) is not in a dimension of size \(size)")
        }
        var sizes = shape
        sizes[axis] = length
        // An empty view keeps the offset: one past the end would lie outside the storage.
        let position = length == 0 ? offset : offset + first * strides[axis]
        return Tensor(unchecked: storage, dtype, shape: sizes, strides: strides, offset: position)
    }

    /// The same elements repeated along dimensions of size 1, and along new dimensions in front; a view whose repeated
    /// dimensions have stride 0 and cannot be written to. A size of -1 keeps the dimension.
    /// - Throws: `TensorError.shape` where a dimension is neither 1 nor the wanted size.
    public func expanded(_ sizes: [Int], operation: String = "expand") throws -> Tensor {
        let added = sizes.count - rank
        let wanted = sizes.indices.map { sizes[$0] == -1 && $0 >= added ? shape[$0 - added] : sizes[$0] }
        _ = try Tensor.elementCount(wanted, operation: operation)
        guard added >= 0 else { throw expandError(sizes, operation) }
        var steps = [Int](repeating: 0, count: sizes.count)
        for axis in 0..<rank {
            let size = wanted[axis + added]
            if shape[axis] == size {
                steps[axis + added] = strides[axis]
            } else if shape[axis] != 1 {
                throw expandError(sizes, operation)
            }
        }
        return Tensor(unchecked: storage, dtype, shape: wanted, strides: steps, offset: offset)
    }

    private func expandError(_ sizes: [Int], _ operation: String) -> TensorError {
        TensorError.shape(
            operation: operation,
            message: "a tensor of shape \(Tensor.text(shape)) does not stretch to \(Tensor.text(sizes))")
    }

    /// A view without the dimension `axis` where its size is 1, or without all dimensions of size 1.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func squeezed(_ axis: Int? = nil) throws -> Tensor {
        let only = try axis.map { try normalizedAxis($0, operation: "squeeze") }
        let kept = (0..<rank).filter { shape[$0] != 1 || (only != nil && $0 != only) }
        return Tensor(
            unchecked: storage, dtype, shape: kept.map { shape[$0] }, strides: kept.map { strides[$0] }, offset: offset)
    }

    /// A view with a new dimension of size 1 before `axis` (-1: after the last).
    /// - Throws: `TensorError.index` for an axis beyond the last, `.shape` for too many dimensions.
    public func unsqueezed(_ axis: Int) throws -> Tensor {
        guard axis >= -rank - 1, axis <= rank else {
            throw TensorError.index(
                operation: "unsqueeze", message: "no place \(axis) in a tensor of shape \(Tensor.text(shape))")
        }
        let place = axis < 0 ? axis + rank + 1 : axis
        var (sizes, steps) = (shape, strides)
        sizes.insert(1, at: place)
        steps.insert(1, at: place)
        _ = try Tensor.elementCount(sizes, operation: "unsqueeze")
        return Tensor(unchecked: storage, dtype, shape: sizes, strides: steps, offset: offset)
    }

    /// The shape that tensors of two shapes broadcast to: sizes are matched from the last; 1 stretches.
    /// - Throws: `TensorError.shape` where two sizes differ and neither is 1.
    public static func broadcastShape(_ a: [Int], _ b: [Int], operation: String) throws -> [Int] {
        let rank = Swift.max(a.count, b.count)
        return try (0..<rank).map { axis in
            let left = axis + a.count - rank >= 0 ? a[axis + a.count - rank] : 1
            let right = axis + b.count - rank >= 0 ? b[axis + b.count - rank] : 1
            guard left == right || left == 1 || right == 1 else {
                throw TensorError.shape(
                    operation: operation, message: "shapes \(text(a)) and \(text(b)) do not broadcast")
            }
            return left == 1 ? right : left
        }
    }
}

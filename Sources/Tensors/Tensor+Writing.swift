extension Tensor {
    /// The elements in another dtype; the tensor itself where it has it already.
    ///
    /// Floats round to nearest. Floats become integers by truncation: what i64 and i32 cannot hold saturates and NaN
    /// becomes 0; u8 wraps, as PyTorch's does. Narrower integers keep the low bits. Everything but 0 becomes `true`.
    public func to(_ dtype: DType) throws -> Tensor {
        if dtype == self.dtype { return self }
        let result = try Tensor(uninitialized: shape, dtype)
        try result.copyElements(of: self)
        return result
    }

    /// The only element.
    /// - Throws: `TensorError.shape` where there is not exactly one.
    public func item() throws -> Scalar {
        guard count == 1 else {
            throw TensorError.shape(
                operation: "item", message: "wanted one element, got shape \(Tensor.text(shape))")
        }
        return scalar(at: 0)
    }

    /// The element at one index for each dimension; -1 is the last.
    /// - Throws: `TensorError.index` for a wrong number of indexes or one out of range.
    public func element(at indexes: [Int]) throws -> Scalar {
        guard indexes.count == rank else {
            throw TensorError.index(
                operation: "element", message: "\(indexes.count) indexes for \(rank) dimensions")
        }
        var position = 0
        for axis in 0..<rank {
            let size = shape[axis]
            guard indexes[axis] >= -size, indexes[axis] < size else {
                throw TensorError.index(
                    operation: "element", message: "index \(indexes[axis]) is not in a dimension of size \(size)")
            }
            position += (indexes[axis] < 0 ? indexes[axis] + size : indexes[axis]) * strides[axis]
        }
        return scalar(at: position)
    }

    /// All elements in row-major order.
    public func scalars() throws -> [Scalar] {
        try Storage.checkRoom(count, 24)
        let source = try contiguous()
        return (0..<count).map { source.scalar(at: $0) }
    }

    /// All elements in row-major order, as doubles (integers of 2^53 and more round).
    public func doubles() throws -> [Double] { try to(.f64).array(Double.self) }

    /// The element `position` elements of memory after the first.
    func scalar(at position: Int) -> Scalar {
        let address = pointer + position * dtype.size
        switch dtype {
        case .f32: return .number(Double(address.loadUnaligned(as: Float.self)))
        case .f64: return .number(address.loadUnaligned(as: Double.self))
        case .bf16: return .number(Double(Float(bitPattern: UInt32(address.loadUnaligned(as: UInt16.self)) << 16)))
        case .f16: return .number(Double(address.loadUnaligned(as: Float16.self)))
        case .i64: return .integer(Int(address.loadUnaligned(as: Int64.self)))
        case .i32: return .integer(Int(address.loadUnaligned(as: Int32.self)))
        case .u8: return .integer(Int(address.loadUnaligned(as: UInt8.self)))
        case .bool: return .bool(address.loadUnaligned(as: UInt8.self) != 0)
        }
    }

    /// Sets every element to `value`.
    /// - Throws: `TensorError.value` where an integer dtype cannot hold it or the tensor cannot be written to.
    public func fill(_ value: Scalar) throws {
        try checkWritable("fill")
        try value.checkFits(dtype, "fill")
        if count == 0 { return }
        let source = try Tensor.constant(value)
        try copyElements(of: source.expanded(shape))
    }

    /// Overwrites the elements with those of `source`, broadcast to this shape and converted to this dtype. The two may
    /// share memory: the source is read first.
    /// - Throws: `TensorError.shape` where the source does not broadcast, `.value` where this tensor cannot be written to.
    public func assign(from source: Tensor) throws {
        try checkWritable("assign")
        let stretched = try source.expanded(shape, operation: "assign")
        if count == 0 { return }
        let read = source.storage === storage ? try stretched.clone() : stretched
        try copyElements(of: read)
    }

    /// A scalar tensor of the scalar's own kind.
    static func constant(_ value: Scalar) throws -> Tensor {
        switch value {
        case .integer(let integer): return try Tensor([Int64(integer)], shape: [])
        case .number(let number): return try Tensor([number], shape: [])
        case .bool(let flag): return try Tensor([UInt8(flag ? 1 : 0)], shape: [])
        }
    }

    /// Refuses memory that belongs to a file and views in which one element stands for several.
    func checkWritable(_ operation: String) throws {
        if storage.isBorrowed {
            throw TensorError.value(
                operation: operation, message: "the tensor lies in a mapped file; write to a clone of it")
        }
        for axis in 0..<rank where strides[axis] == 0 && shape[axis] > 1 {
            throw TensorError.value(
                operation: operation, message: "an expanded tensor cannot be written to; write to a clone of it")
        }
    }
}

extension Scalar {
    /// Refuses NaN and numbers out of range for an integer dtype.
    /// - Throws: `TensorError.value`.
    func checkFits(_ dtype: DType, _ operation: String) throws {
        let range: ClosedRange<Double>
        switch dtype {
        case .f32, .f64, .bf16, .f16, .bool: return
        case .i64: range = -0x1p63...0x1.fffffffffffffp62
        case .i32: range = -0x1p31...2_147_483_647
        case .u8: range = 0...255
        }
        if case .integer = self, dtype == .i64 { return }
        guard range.contains(double) else {
            throw TensorError.value(operation: operation, message: "\(dtype) cannot hold \(self)")
        }
    }
}

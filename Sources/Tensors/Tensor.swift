/// An n-dimensional array: a view with shape, strides and offset over a shared storage.
///
/// A tensor is a reference as in PyTorch: `select`, `narrow`, `permute`, `expand` and (where strides allow) `reshape` share
/// memory with their source. Strides and offset count elements. A scalar has the shape `[]`.
public struct Tensor {
    /// The memory, shared by all views of it.
    public let storage: Storage
    /// The type of the elements.
    public let dtype: DType
    /// The sizes of the dimensions, outermost first.
    public let shape: [Int]
    /// How many elements of memory lie between neighbours along each dimension.
    public let strides: [Int]
    /// The element of the storage where the tensor begins.
    public let offset: Int

    /// The highest number of dimensions.
    public static let maximumRank = 8
    /// The most elements: more than any memory holds, so that it bounds expanded views alone, and small enough that bytes and
    /// positions of elements never overflow.
    public static let maximumCount = 1 << 47

    /// A contiguous tensor over new, uninitialised memory.
    /// - Throws: `TensorError.shape` for negative or overflowing sizes, `.outOfMemory` for too large ones.
    public init(uninitialized shape: [Int], _ dtype: DType = .f32) throws {
        let count = try Tensor.elementCount(shape, operation: "tensor")
        let (bytes, overflow) = count.multipliedReportingOverflow(by: dtype.size)
        if overflow { throw TensorError.outOfMemory(bytes: Int.max) }
        self.storage = try Storage(byteCount: bytes)
        self.dtype = dtype
        self.shape = shape
        self.strides = Tensor.contiguousStrides(shape)
        self.offset = 0
    }

    /// A contiguous tensor of zeros.
    public static func zeros(_ shape: [Int], _ dtype: DType = .f32) throws -> Tensor {
        let result = try Tensor(uninitialized: shape, dtype)
        result.storage.bytes.initializeMemory(as: UInt8.self, repeating: 0, count: result.storage.byteCount)
        return result
    }

    /// A view over `storage`, after checking that every element lies within it.
    /// - Throws: `TensorError.shape` where shape and strides disagree or reach outside the storage.
    public init(storage: Storage, dtype: DType, shape: [Int], strides: [Int], offset: Int) throws {
        let count = try Tensor.elementCount(shape, operation: "tensor view")
        guard strides.count == shape.count else {
            throw TensorError.shape(
                operation: "tensor view", message: "\(shape.count) sizes but \(strides.count) strides")
        }
        if count > 0 {
            var low = offset
            var high = offset
            for (size, stride) in zip(shape, strides) {
                let (reach, overflow) = stride.multipliedReportingOverflow(by: size - 1)
                let (sum, overflow2) = (reach < 0 ? low : high).addingReportingOverflow(reach)
                if overflow || overflow2 {
                    throw TensorError.shape(operation: "tensor view", message: "strides overflow")
                }
                if reach < 0 { low = sum } else { high = sum }
            }
            guard low >= 0, high < storage.byteCount / dtype.size else {
                throw TensorError.shape(
                    operation: "tensor view",
                    message: "elements \(low) to \(high) lie outside a storage of \(storage.byteCount / dtype.size)")
            }
        }
        self.storage = storage
        self.dtype = dtype
        self.shape = shape
        self.strides = strides
        self.offset = offset
    }

    /// A view with other sizes and strides that the caller knows to lie inside the storage.
    init(unchecked storage: Storage, _ dtype: DType, shape: [Int], strides: [Int], offset: Int) {
        self.storage = storage
        self.dtype = dtype
        self.shape = shape
        self.strides = strides
        self.offset = offset
    }

    /// A tensor with a copy of `values`.
    /// - Throws: `TensorError.shape` where the count does not match the shape.
    public init<Element: TensorElement>(_ values: [Element], shape: [Int]) throws {
        try self.init(uninitialized: shape, Element.dtype)
        guard values.count == count else {
            throw TensorError.shape(
                operation: "tensor", message: "\(values.count) values do not fill the shape \(Tensor.text(shape))")
        }
        values.withUnsafeBytes { source in
            if let base = source.baseAddress { storage.bytes.copyMemory(from: base, byteCount: source.count) }
        }
    }

    /// The number of elements.
    public var count: Int { shape.contains(0) ? 0 : shape.reduce(1, *) }
    /// The number of dimensions.
    public var rank: Int { shape.count }
    /// Whether elements lie in memory in row-major order without gaps.
    public var isContiguous: Bool {
        if shape.contains(0) { return true }
        var expected = 1
        for axis in stride(from: shape.count - 1, through: 0, by: -1) {
            if shape[axis] != 1 && strides[axis] != expected { return false }
            expected *= shape[axis]
        }
        return true
    }

    /// The elements of a contiguous tensor of type `Element`.
    /// - Throws: `TensorError.dtype` for another dtype, `.shape` for a tensor with gaps.
    public func withElements<Element: TensorElement, Result>(
        _: Element.Type, _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
    ) throws -> Result {
        guard dtype == Element.dtype else {
            throw TensorError.dtype(operation: "elements", message: "wanted \(Element.dtype), got \(dtype)")
        }
        guard isContiguous else {
            throw TensorError.shape(operation: "elements", message: "the tensor is not contiguous")
        }
        let start = storage.bytes.advanced(by: offset * dtype.size).assumingMemoryBound(to: Element.self)
        return try withExtendedLifetime(storage) {
            try body(UnsafeMutableBufferPointer(start: start, count: count))
        }
    }

    /// The elements in row-major order, as an array.
    /// - Throws: `TensorError.dtype` for another dtype.
    public func array<Element: TensorElement>(_ type: Element.Type) throws -> [Element] {
        try Storage.checkRoom(count, dtype.size)
        return try contiguous().withElements(type) { Array($0) }
    }

    /// The address of the first element. The caller keeps the tensor alive while it uses it.
    public var pointer: UnsafeMutableRawPointer { storage.bytes.advanced(by: offset * dtype.size) }

    /// Gives the memory of a tensor that is mapped from a file back to the system, which reads it again where need be.
    public func dropPages() { storage.dropPages() }

    /// Asks the system to read a tensor that is mapped from a file into its cache; nothing waits for it.
    public func readAhead() { storage.readAhead(offset * dtype.size, count * dtype.size) }

    /// Row-major strides of a shape.
    public static func contiguousStrides(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in stride(from: shape.count - 2, through: 0, by: -1) {
            strides[axis] = strides[axis + 1] &* Swift.max(1, shape[axis + 1])
        }
        return strides
    }

    /// The product of the sizes, checked: the sizes other than 0 must not overflow either, since strides come of them.
    public static func elementCount(_ shape: [Int], operation: String) throws -> Int {
        guard shape.count <= maximumRank else {
            throw TensorError.shape(
                operation: operation, message: "\(shape.count) dimensions are more than \(maximumRank)")
        }
        var count = 1
        for size in shape {
            guard size >= 0 else {
                throw TensorError.shape(operation: operation, message: "negative size in \(text(shape))")
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: Swift.max(1, size))
            guard !overflow, product <= maximumCount else {
                throw TensorError.shape(
                    operation: operation, message: "\(text(shape)) is too large: more than 2^47 elements")
            }
            count = product
        }
        return shape.contains(0) ? 0 : count
    }

    /// A shape as scripts print it: `[2, 3]`.
    public static func text(_ shape: [Int]) -> String { "[" + shape.map(String.init).joined(separator: ", ") + "]" }
}

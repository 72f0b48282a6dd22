import COpenBLAS
import ArrayKernels

extension Tensor {
    /// The matrix product, with PyTorch's rules: two vectors give a scalar; a vector on one side is a row or a column;
    /// dimensions before the last two are batches and broadcast. bf16 and f16 are calculated in f32 and rounded once.
    ///
    /// In f32 a row of the result is the same, to the bit, whatever the number of rows beside it.
    /// - Throws: `TensorError.shape` where inner sizes differ or batches do not broadcast, `.dtype` for two dtypes or bool.
    public func matmul(_ other: Tensor) throws -> Tensor {
        guard dtype == other.dtype, dtype != .bool else {
            throw TensorError.dtype(
                operation: "matmul", message: "wanted two tensors of one number dtype, got \(dtype) and \(other.dtype)")
        }
        guard rank > 0, other.rank > 0 else {
            throw TensorError.shape(operation: "matmul", message: "wanted at least one dimension on both sides")
        }
        let left = rank == 1 ? try unsqueezed(0) : self
        let right = other.rank == 1 ? try other.unsqueezed(1) : other
        let (m, k, n) = (left.shape[left.rank - 2], left.shape[left.rank - 1], right.shape[right.rank - 1])
        guard right.shape[right.rank - 2] == k else {
            throw TensorError.shape(
                operation: "matmul",
                message: "inner sizes differ: \(Tensor.text(shape)) by \(Tensor.text(other.shape))")
        }
        for size in [m, k, n] where size > Int(Int32.max) {
            throw TensorError.shape(operation: "matmul", message: "a matrix side of \(size) is too large")
        }
        let batch = try Tensor.broadcastShape(
            Array(left.shape.dropLast(2)), Array(right.shape.dropLast(2)), operation: "matmul")
        let working: DType = dtype.isFloating ? (dtype == .f64 ? .f64 : .f32) : .i64
        let product = try Tensor.products(
            try left.to(working), try right.to(working), batch: batch, m: m, k: k, n: n, working)
        var sizes = batch
        if rank > 1 { sizes.append(m) }
        if other.rank > 1 { sizes.append(n) }
        return try product.to(dtype).reshaped(sizes)
    }

    private static func products(
        _ left: Tensor, _ right: Tensor, batch: [Int], m: Int, k: Int, n: Int, _ working: DType
    ) throws -> Tensor {
        let result = try Tensor(uninitialized: batch + [m, n], working)
        if result.count == 0 { return result }
        if k == 0 { return try zeros(result.shape, working) }
        // One matrix on the right serves all batches: their rows are one tall matrix.
        if right.rank == 2, left.isContiguous {
            try product(try left.reshaped([left.count / k, k]), right, result.pointer)
            return result
        }
        let a = try left.expanded(batch + [m, k])
        let b = try right.expanded(batch + [k, n])
        let count = batch.reduce(1, *)
        var index = [Int](repeating: 0, count: batch.count)
        for item in 0..<count {
            try Cancellation.check()
            try product(
                a.matrix(at: index), b.matrix(at: index), result.pointer + item * m * n * working.size)
            var axis = batch.count - 1
            while axis >= 0 {
                index[axis] += 1
                if index[axis] < batch[axis] { break }
                index[axis] = 0
                axis -= 1
            }
        }
        return result
    }

    /// The matrix of the last two dimensions at one index of the others.
    private func matrix(at index: [Int]) -> Tensor {
        let start = zip(index, strides).reduce(offset) { $0 + $1.0 * $1.1 }
        return Tensor(
            unchecked: storage, dtype, shape: Array(shape.suffix(2)), strides: Array(strides.suffix(2)), offset: start)
    }

    private static func product(_ a: Tensor, _ b: Tensor, _ target: UnsafeMutableRawPointer) throws {
        switch a.dtype {
        case .f32: try productF32(a, b, target.assumingMemoryBound(to: Float.self))
        case .f64:
            let (a, b) = (try BLASMatrix(a), try BLASMatrix(b))
            let c = target.assumingMemoryBound(to: Double.self)
            try a.forBands(b.columns) { first, rows in
                cblas_dgemm(
                    CblasRowMajor, a.order, b.order, Int32(rows), Int32(b.columns), Int32(a.columns), 1,
                    a.row(first, Double.self), a.pitch, b.row(0, Double.self), b.pitch, 0, c + first * b.columns,
                    Int32(b.columns))
            }
            withExtendedLifetime((a, b)) {}
        default:
            let (a, b) = (try a.contiguous(), try b.contiguous())
            try withExtendedLifetime((a, b)) {
                try Cancellation.check(
                    ProductKernels.multiply(
                        UnsafePointer(a.pointer.assumingMemoryBound(to: Int64.self)),
                        UnsafePointer(b.pointer.assumingMemoryBound(to: Int64.self)),
                        target.assumingMemoryBound(to: Int64.self), m: a.shape[0], n: b.shape[1], k: a.shape[1]))
            }
        }
    }

    /// No row depends on how many stand beside it. Narrow products are carried in f64.
    private static func productF32(_ a: Tensor, _ b: Tensor, _ c: UnsafeMutablePointer<Float>) throws {
        let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1])
        let isNarrow = n * k <= 1024 || n == 1
        let (a, b) = (try a.contiguous(), isNarrow ? try b.contiguous() : b)
        let (left, right) = (
            UnsafePointer(a.pointer.assumingMemoryBound(to: Float.self)),
            UnsafePointer(b.pointer.assumingMemoryBound(to: Float.self))
        )
        try withExtendedLifetime((a, b)) {
            try Cancellation.check(
                isNarrow
                    ? ProductKernels.multiply(left, right, c, m: m, n: n, k: k)
                    : PanelProducts.multiply(
                        left, .init(right, down: b.strides[0], across: b.strides[1]), c, m: m, n: n, k: k))
        }
    }
}

/// A matrix as BLAS takes it: row-major or transposed, with a pitch; copied where its strides are neither.
private struct BLASMatrix {
    let tensor: Tensor
    let order: CBLAS_TRANSPOSE
    let pitch: Int32
    let rows: Int
    let columns: Int
    /// Multiplications between two looks for a request to stop: about a second's on one core. Bands of so many round as the
    /// whole does, since each is far above the sizes for which OpenBLAS has other kernels.
    private static let bandWork = 1 << 35

    init(_ source: Tensor) throws {
        rows = source.shape[0]
        columns = source.shape[1]
        let (down, across) = (source.strides[0], source.strides[1])
        let limit = Int(Int32.max)
        if across == 1 || columns == 1, down >= Swift.max(1, columns), down <= limit {
            (tensor, order, pitch) = (source, CblasNoTrans, Int32(down))
        } else if down == 1 || rows == 1, across >= Swift.max(1, rows), across <= limit {
            (tensor, order, pitch) = (source, CblasTrans, Int32(across))
        } else {
            (tensor, order, pitch) = (try source.clone(), CblasNoTrans, Int32(Swift.max(1, columns)))
        }
    }

    /// The first element of a row of the matrix.
    func row<Element>(_ index: Int, _: Element.Type) -> UnsafeMutablePointer<Element> {
        tensor.pointer.assumingMemoryBound(to: Element.self) + index * (order == CblasTrans ? 1 : Int(pitch))
    }

    /// Calls `multiply` with the first row and the number of rows of each band of a product with `width` columns.
    func forBands(_ width: Int, _ multiply: (Int, Int) -> Void) throws {
        let (work, overflow) = columns.multipliedReportingOverflow(by: Swift.max(1, width))
        let band = overflow ? rows : Swift.max(4096, BLASMatrix.bandWork / Swift.max(1, work))
        var first = 0
        while first < rows {
            // A short rest goes with the last band.
            let count = rows - first < 2 * band ? rows - first : band
            if first > 0 { try Cancellation.check() }
            multiply(first, count)
            first += count
        }
    }
}

import COpenBLAS

// All are calculated in f64 by LAPACK and rounded to the dtype of the input (f32 for integers). LAPACK is column-major:
// it sees the transpose of what lies here.

extension Tensor {
    /// Eigenvalues (ascending) `[…, n]` and orthonormal eigenvectors `[…, n, n]`, as columns, of symmetric matrices, whose
    /// lower triangle is read.
    /// - Throws: `TensorError.shape` for matrices that are not square, `.value` for NaN, infinity or no convergence.
    public func eigh() throws -> (values: Tensor, vectors: Tensor) {
        let matrices = try MatrixBatch(self, "eigh", square: true)
        let n = matrices.rows
        let values = try matrices.results([n])
        var (order, info) = (Int32(n), Int32(0))
        var (length, integers) = (Int32(-1), Int32(-1))
        var (size, integerSize) = (0.0, Int32(0))
        if n > 0, matrices.count > 0 {
            dsyevd_("V", "U", &order, nil, &order, nil, &size, &length, &integerSize, &integers, &info)
            try matrices.check(info, "the work space could not be sized")
            let work = try workspace(size, &length, "eigh")
            integers = integerSize
            var integerWork = [Int32](repeating: 0, count: Int(integers))
            for index in 0..<matrices.count {
                let row = values.doublePointer + index * n
                dsyevd_(
                    "V", "U", &order, matrices.pointer(index), &order, row, work.doublePointer, &length, &integerWork,
                    &integers,
                    &info)
                try matrices.check(info, "the eigenvalues did not converge")
            }
            withExtendedLifetime(work) {}
        }
        let vectors = try matrices.values.transposed(-1, -2).contiguous()
        return (try values.to(matrices.dtype), try vectors.to(matrices.dtype))
    }

    /// The reduced singular value decomposition: U `[…, m, k]`, S `[…, k]` (descending) and Vh `[…, k, n]`, k = min(m, n).
    /// - Throws: `TensorError.shape` without two dimensions, `.value` for NaN, infinity or no convergence.
    public func svd() throws -> (u: Tensor, s: Tensor, vh: Tensor) {
        let matrices = try MatrixBatch(self, "svd")
        let k = Swift.min(matrices.rows, matrices.columns)
        let u = try matrices.results([matrices.rows, k])
        let s = try matrices.results([k])
        let vh = try matrices.results([k, matrices.columns])
        var (m, n, inner, info) = (Int32(matrices.columns), Int32(matrices.rows), Int32(k), Int32(0))
        if k > 0, matrices.count > 0 {
            var (length, size) = (Int32(-1), 0.0)
            var integerWork = [Int32](repeating: 0, count: 8 * k)
            dgesdd_(
                "S", &m, &n, nil, &m, nil, nil, &m, nil, &inner, &size, &length, &integerWork, &info)
            try matrices.check(info, "the work space could not be sized")
            let work = try workspace(size, &length, "svd")
            for index in 0..<matrices.count {
                dgesdd_(
                    "S", &m, &n, matrices.pointer(index), &m,
                    s.doublePointer + index * k,
                    vh.doublePointer + index * k * matrices.columns, &m,
                    u.doublePointer + index * k * matrices.rows, &inner, work.doublePointer,
                    &length, &integerWork, &info)
                try matrices.check(info, "the singular values did not converge")
            }
            withExtendedLifetime(work) {}
        }
        return (try u.to(matrices.dtype), try s.to(matrices.dtype), try vh.to(matrices.dtype))
    }

    /// The reduced QR decomposition: Q `[…, m, k]` with orthonormal columns and upper triangular R `[…, k, n]`,
    /// k = min(m, n), with LAPACK's signs.
    /// - Throws: `TensorError.shape` without two dimensions, `.value` for NaN or infinity.
    public func qr() throws -> (q: Tensor, r: Tensor) {
        let matrices = try MatrixBatch(try transposedMatrices("qr"), "qr")
        // The copy is transposed, so LAPACK sees the matrix itself.
        let (rows, columns) = (matrices.columns, matrices.rows)
        let k = Swift.min(rows, columns)
        let q = try matrices.results([k, rows])
        let r = try matrices.results([k, columns])
        var (m, n, inner, info) = (Int32(rows), Int32(columns), Int32(k), Int32(0))
        if k > 0, matrices.count > 0 {
            var (length, size, other) = (Int32(-1), 0.0, 0.0)
            var tau = [Double](repeating: 0, count: k)
            dgeqrf_(&m, &n, nil, &m, &tau, &size, &length, &info)
            try matrices.check(info, "the work space could not be sized")
            dorgqr_(&m, &inner, &inner, nil, &m, &tau, &other, &length, &info)
            try matrices.check(info, "the work space could not be sized")
            let work = try workspace(Swift.max(size, other), &length, "qr")
            for index in 0..<matrices.count {
                let a = matrices.pointer(index)
                dgeqrf_(&m, &n, a, &m, &tau, work.doublePointer, &length, &info)
                try matrices.check(info, "no factors were found")
                let upper = r.doublePointer + index * k * columns
                for row in 0..<k {
                    for column in row..<columns { upper[row * columns + column] = a[column * rows + row] }
                }
                let vectors = q.doublePointer + index * k * rows
                vectors.update(from: a, count: k * rows)
                dorgqr_(&m, &inner, &inner, vectors, &m, &tau, work.doublePointer, &length, &info)
                try matrices.check(info, "no factors were found")
            }
            withExtendedLifetime(work) {}
        }
        return (try q.transposed(-1, -2).contiguous().to(matrices.dtype), try r.to(matrices.dtype))
    }

    /// The lower triangular L with L Lᵀ = A, for symmetric positive definite matrices, whose lower triangle is read.
    /// - Throws: `TensorError.shape` for matrices that are not square, `.value` where they are not positive definite.
    public func cholesky() throws -> Tensor {
        let matrices = try MatrixBatch(self, "cholesky", square: true)
        let n = matrices.rows
        var (order, info) = (Int32(n), Int32(0))
        if n > 0 {
            for index in 0..<matrices.count {
                let a = matrices.pointer(index)
                dpotrf_("U", &order, a, &order, &info)
                try matrices.check(info, "the matrix is not positive definite (its leading minor of order \(info))")
                for row in 0..<n {
                    for column in row + 1..<Swift.max(n, row + 1) { a[row * n + column] = 0 }
                }
            }
        }
        return try matrices.values.to(matrices.dtype)
    }

    /// The last two dimensions exchanged.
    func transposedMatrices(_ operation: String) throws -> Tensor {
        guard rank >= 2 else {
            throw TensorError.shape(operation: operation, message: "wanted a matrix, got shape \(Tensor.text(shape))")
        }
        return try transposed(-1, -2)
    }

    /// The address of the first element of an f64 tensor.
    private var doublePointer: UnsafeMutablePointer<Double> { pointer.assumingMemoryBound(to: Double.self) }

    /// LAPACK's work space of the size that it asked for.
    private func workspace(_ size: Double, _ length: inout Int32, _ operation: String) throws -> Tensor {
        guard size >= 1, size <= Double(Int32.max) else {
            throw TensorError.shape(operation: operation, message: "matrices of \(Tensor.text(shape)) are too large")
        }
        length = Int32(size)
        return try Tensor(uninitialized: [Int(size)], .f64)
    }
}

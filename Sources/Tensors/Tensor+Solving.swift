import COpenBLAS

extension Tensor {
    /// X with A X = B for square matrices A `[…, n, n]`: B is `[…, n, k]`, or a vector `[…, n]` for each matrix, whose
    /// dimensions before `n` are A's. Batches of matrices broadcast.
    /// - Throws: `TensorError.shape` where shapes do not fit, `.value` for singular matrices, NaN and infinity.
    public func solve(_ right: Tensor) throws -> Tensor {
        guard rank >= 2 else {
            throw TensorError.shape(operation: "solve", message: "wanted a matrix, got shape \(Tensor.text(shape))")
        }
        let isVector = right.rank == 1 || right.shape == Array(shape.dropLast())
        let columns = isVector ? try right.unsqueezed(-1) : right
        guard columns.rank >= 2, columns.shape[columns.rank - 2] == shape[rank - 1] else {
            throw TensorError.shape(
                operation: "solve",
                message: "\(Tensor.text(shape)) does not fit a right side of \(Tensor.text(right.shape))")
        }
        let batch = try Tensor.broadcastShape(
            Array(shape.dropLast(2)), Array(columns.shape.dropLast(2)), operation: "solve")
        let matrices = try MatrixBatch(
            try expanded(batch + shape.suffix(2)).transposed(-1, -2), "solve", square: true)
        let sides = try MatrixBatch(
            try columns.expanded(batch + columns.shape.suffix(2)).transposed(-1, -2), "solve")
        let n = matrices.rows
        var (order, count, info) = (Int32(n), Int32(sides.rows), Int32(0))
        if n > 0, count > 0 {
            for index in 0..<matrices.count {
                let factors = try Factors(matrices, index)
                dgetrs_(
                    "N", &order, &count, factors.values, &order, factors.pivots, sides.pointer(index), &order, &info)
                try matrices.check(info, "the matrix is singular")
            }
        }
        let result = try sides.values.transposed(-1, -2).contiguous().to(DType.promoted(dtype, right.dtype).floating)
        return isVector ? try result.squeezed(-1) : result
    }

    /// The inverse of square matrices `[…, n, n]`.
    /// - Throws: `TensorError.shape` for matrices that are not square, `.value` for singular ones, NaN and infinity.
    public func inv() throws -> Tensor {
        let matrices = try MatrixBatch(self, "inv", square: true)
        let n = matrices.rows
        var (order, info, length) = (Int32(n), Int32(0), Int32(n * 64))
        if n > 0 {
            var work = [Double](repeating: 0, count: n * 64)
            for index in 0..<matrices.count {
                let factors = try Factors(matrices, index)
                dgetri_(&order, factors.values, &order, factors.pivots, &work, &length, &info)
                try matrices.check(info, "the matrix is singular")
            }
        }
        return try matrices.values.to(matrices.dtype)
    }

    /// The determinant of square matrices `[…, n, n]`, of shape `[…]`.
    /// - Throws: `TensorError.shape` for matrices that are not square, `.value` for NaN and infinity.
    public func det() throws -> Tensor {
        let matrices = try MatrixBatch(self, "det", square: true)
        let n = matrices.rows
        let values = try (0..<matrices.count).map { index -> Double in
            let factors = try Factors(matrices, index, regular: false)
            return (0..<n).reduce(1.0) { product, row in
                let pivot = factors.values[row * n + row]
                return Int(factors.pivots[row]) == row + 1 ? product * pivot : -product * pivot
            }
        }
        return try Tensor(values, shape: matrices.batch).to(matrices.dtype)
    }

    /// The sum of the diagonal of a matrix.
    /// - Throws: `TensorError.shape` for anything but two dimensions.
    public func trace() throws -> Tensor {
        guard rank == 2 else {
            throw TensorError.shape(operation: "trace", message: "wanted a matrix, got shape \(Tensor.text(shape))")
        }
        let diagonal = Tensor(
            unchecked: storage, dtype, shape: [Swift.min(shape[0], shape[1])], strides: [strides[0] + strides[1]],
            offset: offset)
        return try diagonal.sum()
    }
}

/// The LU factors, with row exchanges, of one matrix, in its place.
private struct Factors {
    let values: UnsafeMutablePointer<Double>
    let pivots: [Int32]

    /// - Throws: `TensorError.value` for a matrix that is singular to working precision, unless `regular` is false.
    init(_ matrices: MatrixBatch, _ index: Int, regular: Bool = true) throws {
        let n = matrices.rows
        let values = matrices.pointer(index)
        var (order, info) = (Int32(n), Int32(0))
        var exchanges = [Int32](repeating: 0, count: n)
        var norm = 0.0
        for column in 0..<n {
            norm = Swift.max(norm, (0..<n).reduce(0.0) { $0 + abs(values[column * n + $1]) })
        }
        if n > 0 { dgetrf_(&order, &order, values, &order, &exchanges, &info) }
        if regular {
            try matrices.check(info, "the matrix is singular")
            var condition = 0.0
            var work = [Double](repeating: 0, count: 4 * n)
            var integers = [Int32](repeating: 0, count: n)
            dgecon_("1", &order, values, &order, &norm, &condition, &work, &integers, &info)
            guard condition > Double.ulpOfOne / 2 else {
                throw TensorError.value(
                    operation: matrices.operation, message: "the matrix is singular to working precision")
            }
        }
        self.values = values
        pivots = exchanges
    }
}

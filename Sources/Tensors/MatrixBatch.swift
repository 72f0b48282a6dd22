/// Matrices for LAPACK: a fresh f64 copy, one after the other in row-major order.
struct MatrixBatch {
    /// `[batches…, rows, columns]`, f64, contiguous, not shared.
    let values: Tensor
    /// The sizes before the last two.
    let batch: [Int]
    let rows: Int
    let columns: Int
    /// The dtype that results have.
    let dtype: DType
    let operation: String

    /// - Throws: `TensorError.shape` for fewer than two dimensions or too large ones, `.value` for NaN and infinity.
    init(_ tensor: Tensor, _ operation: String, square: Bool = false) throws {
        guard tensor.rank >= 2 else {
            throw TensorError.shape(
                operation: operation, message: "wanted a matrix, got shape \(Tensor.text(tensor.shape))")
        }
        rows = tensor.shape[tensor.rank - 2]
        columns = tensor.shape[tensor.rank - 1]
        guard !square || rows == columns else {
            throw TensorError.shape(
                operation: operation, message: "wanted a square matrix, got shape \(Tensor.text(tensor.shape))")
        }
        // LAPACK counts its work space, up to 4 n², in 32 bits.
        guard Swift.max(rows, columns) <= 20000 else {
            throw TensorError.shape(
                operation: operation,
                message: "wanted at most 20000 rows and columns, got shape \(Tensor.text(tensor.shape))")
        }
        batch = Array(tensor.shape.dropLast(2))
        dtype = tensor.dtype.floating
        self.operation = operation
        values = tensor.dtype == .f64 ? try tensor.clone() : try tensor.to(.f64)
        guard try values.withElements(Double.self, { $0.allSatisfy(\.isFinite) }) else {
            throw TensorError.value(operation: operation, message: "the matrix holds NaN or infinity")
        }
    }

    /// The number of matrices.
    var count: Int { batch.reduce(1, *) }

    /// The first element of one matrix.
    func pointer(_ index: Int) -> UnsafeMutablePointer<Double> {
        values.pointer.assumingMemoryBound(to: Double.self) + index * rows * columns
    }

    /// A new f64 tensor of `sizes` for every matrix, and the place of one of them.
    func results(_ sizes: [Int]) throws -> Tensor { try Tensor.zeros(batch + sizes, .f64) }

    /// Throws for what LAPACK reports: a negative `info` names a wrong argument, a positive one is `failure`.
    func check(_ info: Int32, _ failure: String) throws {
        if info == 0 { return }
        throw TensorError.value(
            operation: operation, message: info > 0 ? failure : "LAPACK refused argument \(-info)")
    }
}

import Tensors

/// Results of images, row by row in one tensor `[N, width]`, which is made when the first of them is known.
final class FeatureRows {
    private let count: Int
    private var tensor: Tensor?
    private(set) var isFilled: [Bool]

    init(_ count: Int) {
        self.count = count
        isFilled = [Bool](repeating: false, count: count)
    }

    /// Takes a row that was kept; false where it is of another length than the rows before it.
    func put(_ row: Int, _ bytes: UnsafeRawBufferPointer, _ dtype: DType) throws -> Bool {
        guard let base = bytes.baseAddress, bytes.count % dtype.size == 0 else { return false }
        let all = try made(bytes.count / dtype.size, dtype)
        guard all.dtype == dtype, bytes.count == width(all) else { return false }
        (all.pointer + row * bytes.count).copyMemory(from: base, byteCount: bytes.count)
        isFilled[row] = true
        return true
    }

    /// Takes the rows of results `[n, width]`, and gives the bytes of each, as they lie here, to `each`.
    func put(
        _ rows: [Int], _ results: Tensor, operation: String, each: (Int, UnsafeRawBufferPointer) -> Void
    ) throws {
        guard results.rank == 2, results.shape[0] == rows.count else {
            throw TensorError.shape(
                operation: operation,
                message: "wanted results [\(rows.count), …], got \(Tensor.text(results.shape))")
        }
        let all = try made(results.shape[1], results.dtype)
        guard all.dtype == results.dtype, all.shape[1] == results.shape[1] else {
            throw TensorError.shape(
                operation: operation,
                message: "gave \(results.dtype) of \(results.shape[1]) after \(all.dtype) of \(all.shape[1]) an image")
        }
        let source = try results.contiguous()
        let bytes = width(all)
        for (position, row) in rows.enumerated() {
            let place = all.pointer + row * bytes
            place.copyMemory(from: source.pointer + position * bytes, byteCount: bytes)
            isFilled[row] = true
            each(position, UnsafeRawBufferPointer(start: place, count: bytes))
        }
        withExtendedLifetime(source) {}
    }

    /// The rows of some images in their order; NaN for those without a result, no columns where none has one.
    func rows(_ places: [Int]) throws -> Tensor {
        guard let tensor, let first = places.first else {
            return try Tensor(uninitialized: [places.count, tensor?.shape[1] ?? 0], tensor?.dtype ?? .f32)
        }
        let isRun = places.enumerated().allSatisfy { $1 == first + $0 && isFilled[$1] }
        if isRun { return try tensor.narrow(0, first, places.count) }
        let bytes = width(tensor)
        let result = try Tensor.full([places.count, tensor.shape[1]], .number(.nan), tensor.dtype)
        for (row, place) in places.enumerated() where isFilled[place] {
            (result.pointer + row * bytes).copyMemory(from: tensor.pointer + place * bytes, byteCount: bytes)
        }
        return result
    }

    private func width(_ tensor: Tensor) -> Int { tensor.shape[1] * tensor.dtype.size }

    private func made(_ width: Int, _ dtype: DType) throws -> Tensor {
        if let tensor { return tensor }
        let made = try Tensor(uninitialized: [count, width], dtype)
        tensor = made
        return made
    }
}

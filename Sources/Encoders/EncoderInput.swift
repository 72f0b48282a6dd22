import Foundation
import Imaging
import Threading
import Tensors

/// The common way of images into encoders.
enum EncoderInput {
    /// The results of `body` for `0 ..< count`, worked out several at a time.
    static func preprocess(_ count: Int, _ body: (Int) throws -> Tensor) throws -> [Tensor] {
        var results = [Result<Tensor, Error>?](repeating: nil, count: count)
        let lock = NSLock()
        withoutActuallyEscaping(body) { body in
            Parallel.forEach(count) { index in
                let result = Result<Tensor, Error> {
                    try Cancellation.check()
                    return try body(index)
                }
                lock.lock()
                results[index] = result
                lock.unlock()
            }
        }
        return try results.compactMap { try $0?.get() }
    }

    /// The images of a batch `[N, …]` as tensors that share its memory.
    /// - Throws: `TensorError.shape` for a scalar.
    static func images(_ batch: Tensor) throws -> [Tensor] {
        guard batch.rank > 0 else {
            throw TensorError.shape(operation: "images", message: "wanted [N, …], got a number")
        }
        let whole = try batch.contiguous()
        return try (0..<whole.shape[0]).map { try whole.select(0, $0) }
    }

    /// A contiguous image `[H, W, C]` as a batch of one that shares its memory.
    static func batch(of image: Tensor) throws -> Tensor {
        let shape = [1] + image.shape
        return try Tensor(
            storage: image.storage, dtype: image.dtype, shape: shape, strides: Tensor.contiguousStrides(shape),
            offset: image.offset)
    }

    /// Copies rows of features `[n, …]` to `result` `[N, …]`, from row `index` on.
    static func put(_ rows: Tensor, _ index: Int, _ result: Tensor) {
        let rowBytes = result.count / max(1, result.shape[0]) * 4
        (result.pointer + index * rowBytes).copyMemory(from: rows.pointer, byteCount: rows.count * 4)
    }

    /// Cuts `0 ..< count` into ranges of at most `most`, so that every thread has one.
    static func groups(_ count: Int, most: Int) -> [Range<Int>] {
        if count == 0 { return [] }
        let size = max(1, min(most, (count + Parallel.threads - 1) / Parallel.threads))
        return stride(from: 0, to: count, by: size).map { $0..<min(count, $0 + size) }
    }
}

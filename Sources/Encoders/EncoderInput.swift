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

    /// Tensors of one shape and dtype on top of each other, `[N, …]`.
    static func stack(_ tensors: [Tensor]) throws -> Tensor {
        guard let first = tensors.first else { throw TensorError.shape(operation: "stack", message: "no tensors") }
        let result = try Tensor(uninitialized: [tensors.count] + first.shape, first.dtype)
        let bytes = first.count * first.dtype.size
        for (index, tensor) in tensors.enumerated() {
            guard tensor.shape == first.shape, tensor.dtype == first.dtype else {
                throw TensorError.shape(
                    operation: "stack",
                    message: "image 1 is \(first.dtype) \(Tensor.text(first.shape)), image \(index + 1) is "
                        + "\(tensor.dtype) \(Tensor.text(tensor.shape))")
            }
            let source = try tensor.contiguous()
            (result.pointer + index * bytes).copyMemory(from: source.pointer, byteCount: bytes)
        }
        return result
    }

    /// Image `index` of a contiguous batch `[N, …]`, as a batch of one that shares its memory.
    static func one(_ batch: Tensor, _ index: Int) throws -> Tensor {
        let shape = [1] + batch.shape.dropFirst()
        let count = shape.reduce(1, *)
        return try Tensor(
            storage: batch.storage, dtype: batch.dtype, shape: shape, strides: Tensor.contiguousStrides(shape),
            offset: batch.offset + index * count)
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

import NetKernels
import Tensors

/// Kernels on whole contiguous f32 tensors whose sizes the caller has compared.
enum Elementwise {
    static func floats(_ tensor: Tensor) -> UnsafeMutablePointer<Float> {
        tensor.pointer.assumingMemoryBound(to: Float.self)
    }

    /// target += other.
    static func add(_ target: Tensor, _ other: Tensor) {
        withExtendedLifetime((target, other)) {
            NetElementwise.add(floats(target), floats(other), count: target.count)
        }
    }

    /// A copy in memory of the context.
    static func copy(_ tensor: Tensor, _ context: Context) throws -> Tensor {
        let result = try context.tensor(tensor.shape, tensor.dtype)
        result.pointer.copyMemory(from: tensor.pointer, byteCount: tensor.count * tensor.dtype.size)
        return result
    }

    /// The same memory in another shape of as many values.
    static func view(_ tensor: Tensor, _ shape: [Int]) throws -> Tensor {
        try Tensor(
            storage: tensor.storage, dtype: tensor.dtype, shape: shape, strides: Tensor.contiguousStrides(shape),
            offset: tensor.offset)
    }
}

import NetKernels
import Tensors

/// Kernels on whole contiguous f32 tensors whose sizes the caller has compared.
package enum Elementwise {
    /// The elements of an f32 tensor. The caller keeps the tensor alive.
    package static func floats(_ tensor: Tensor) -> UnsafeMutablePointer<Float> {
        tensor.pointer.assumingMemoryBound(to: Float.self)
    }

    /// target += other.
    package static func add(_ target: Tensor, _ other: Tensor) {
        withExtendedLifetime((target, other)) {
            NetElementwise.add(floats(target), floats(other), count: target.count)
        }
    }

    /// A copy in memory of the execution.
    package static func copy(_ tensor: Tensor, _ execution: CPUExecution) throws -> Tensor {
        let result = try execution.allocate(tensor.shape, tensor.dtype)
        result.pointer.copyMemory(from: tensor.pointer, byteCount: tensor.count * tensor.dtype.size)
        return result
    }

    /// The same memory in another shape of as many values.
    package static func view(_ tensor: Tensor, _ shape: [Int]) throws -> Tensor {
        try Tensor(
            storage: tensor.storage, dtype: tensor.dtype, shape: shape, strides: Tensor.contiguousStrides(shape),
            offset: tensor.offset)
    }
}

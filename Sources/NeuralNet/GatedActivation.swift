import NetKernels
import Tensors

/// silu(a) · b, where a and b are the halves of the last dimension: the heart of SwiGLU.
public enum GatedActivation {
    /// `[…, C]` for `[…, 2 C]`, in the input's dtype.
    public static func silu(_ x: Tensor, _ context: Context) throws -> Tensor {
        guard let last = x.shape.last, last > 0, last % 2 == 0, x.isContiguous else {
            throw TensorError.shape(operation: "gated silu", message: "wanted […, 2 C], got \(Tensor.text(x.shape))")
        }
        let target = try context.tensor(Array(x.shape.dropLast()) + [last / 2], x.dtype)
        NetActivation.siluGate(
            x.pointer, target.pointer, try x.dtype.netType("gated silu"), rows: x.count / last, width: last / 2)
        return target
    }

    /// a · gelu(b), where a and b are the halves of the last dimension: the heart of GEGLU. `[…, C]` in the context's
    /// dtype for `[…, 2 C]` in f32.
    public static func gelu(_ x: Tensor, _ context: Context) throws -> Tensor {
        guard let last = x.shape.last, last > 0, last % 2 == 0, x.isContiguous, x.dtype == .f32 else {
            throw TensorError.shape(
                operation: "gated gelu", message: "wanted f32 […, 2 C], got \(x.dtype) \(Tensor.text(x.shape))")
        }
        let target = try context.tensor(Array(x.shape.dropLast()) + [last / 2], context.dtype)
        NetActivation.geluGate(
            x.pointer.assumingMemoryBound(to: Float.self), target.pointer, try context.dtype.netType("gated gelu"),
            rows: x.count / last, width: last / 2)
        return target
    }
}

import Engine
import NetKernels
import Tensors

extension CPUExecution {
    /// Linear attention, a head after the other; sums in f32.
    public func linearAttention(
        _ layer: LinearAttention, query: Tensor, key: Tensor, value: Tensor
    ) throws -> Tensor {
        try layer.check(query: query, key: key, value: value)
        let (q, k, v) = (try convert(query, dtype), try convert(key, dtype), try convert(value, dtype))
        let target = try allocate(q.shape, dtype)
        let type = try dtype.netType("linear attention")
        NetLinearAttention.run(
            query: q.pointer, key: k.pointer, value: v.pointer, type, target.pointer, type,
            NetLinearAttention.Shape(
                images: q.shape[0], queries: q.shape[1], keys: k.shape[1], heads: layer.heads,
                headSize: layer.headSize, epsilon: Float(layer.epsilon)))
        withExtendedLifetime((q, k, v)) {}
        return target
    }
}

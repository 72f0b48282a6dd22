import Engine
import NetKernels
import Tensors

extension CPUExecution: Execution {
    /// Vectors by index, read where the table lies: in the mapped file, unless it cannot be read there.
    public func embedding(_ layer: Embedding, _ ids: Tensor) throws -> Tensor {
        let (count, channels) = (layer.count, layer.channels)
        let source = try prepared.lookup(layer.weight)
        let result = try allocate(ids.shape + [channels], dtype)
        let (type, resultType) = (try source.dtype.netType(layer.weight.name), try dtype.netType(layer.weight.name))
        try ids.contiguous().withElements(Int64.self) { ids in
            for (index, id) in ids.enumerated() {
                guard id >= 0, id < count else {
                    throw TensorError.index(
                        operation: layer.weight.name, message: "id \(id) is not in 0 ..< \(count)")
                }
                NetConversion.convert(
                    source.pointer + Int(id) * channels * source.dtype.size, type,
                    result.pointer + index * channels * dtype.size, resultType, count: channels)
            }
        }
        return result
    }
}

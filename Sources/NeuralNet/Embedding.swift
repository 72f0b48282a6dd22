import Tensors

/// A table of vectors by index, such as those of a tokenizer's ids.
public final class Embedding {
    let weight: Parameter
    private let table = OnceCache<DType, Tensor>()

    /// A parameter `weight` `[count, channels]`.
    public init(_ scope: ParameterScope, count: Int, channels: Int) {
        weight = scope.parameter("weight", [count, channels])
    }

    /// `[…, channels]` in the context's dtype for ids i64 `[…]`, counted from 0.
    /// - Throws: `TensorError.index` for an id outside the table, `.dtype` for other ids.
    public func forward(_ ids: Tensor, _ context: Context) throws -> Tensor {
        let (count, channels) = (weight.shape[0], weight.shape[1])
        let values = try table.value(context.dtype) {
            let floats = try Tensor(weight.floats(), shape: weight.shape)
            return context.dtype == .f32 ? floats : try context.converted(floats, context.dtype).clone()
        }
        let result = try context.tensor(ids.shape + [channels], context.dtype)
        let bytes = channels * context.dtype.size
        try ids.contiguous().withElements(Int64.self) { ids in
            for (index, id) in ids.enumerated() {
                guard id >= 0, id < count else {
                    throw TensorError.index(operation: weight.name, message: "id \(id) is not in 0 ..< \(count)")
                }
                (result.pointer + index * bytes).copyMemory(from: values.pointer + Int(id) * bytes, byteCount: bytes)
            }
        }
        return result
    }
}

import Engine
import Tensors

/// Keys and values of one layer's tokens so far, `[N, capacity, C]`. What lies behind the last token is zero.
public final class CPUCache: AttentionCache {
    /// Tokens whose room is taken at a time.
    static let block = 256

    /// How many tokens it holds.
    public private(set) var length = 0
    private(set) var keys: Tensor?
    private(set) var values: Tensor?

    init() {}

    /// Tokens that there is room for.
    var capacity: Int { keys?.shape[1] ?? 0 }

    /// Adds tokens `[N, S, C]`.
    /// - Throws: `TensorError.shape` or `.dtype` where they are of another number of texts, size or dtype than the first.
    func append(_ newKeys: Tensor, _ newValues: Tensor) throws {
        let added = newKeys.shape[1]
        if let keys,
            keys.shape[0] != newKeys.shape[0] || keys.shape[2] != newKeys.shape[2] || keys.dtype != newKeys.dtype
        {
            throw TensorError.shape(
                operation: "attention",
                message: "the cache holds \(keys.dtype) [\(keys.shape[0]), \(length), \(keys.shape[2])], got "
                    + "\(newKeys.dtype) \(Tensor.text(newKeys.shape))")
        }
        if length + added > capacity {
            // Half as much again: growing costs no more than what is kept.
            let wanted = max(length + added, capacity + capacity / 2)
            let room = (wanted + Self.block - 1) / Self.block * Self.block
            keys = try Self.grown(keys, length, [newKeys.shape[0], room, newKeys.shape[2]], newKeys.dtype)
            values = try Self.grown(values, length, [newKeys.shape[0], room, newKeys.shape[2]], newKeys.dtype)
        }
        guard let keys, let values else { return }
        try keys.narrow(1, length, added).assign(from: newKeys)
        try values.narrow(1, length, added).assign(from: newValues)
        length += added
    }

    private static func grown(_ old: Tensor?, _ length: Int, _ shape: [Int], _ dtype: DType) throws -> Tensor {
        let made = try Tensor.zeros(shape, dtype)
        if let old, length > 0 { try made.narrow(1, 0, length).assign(from: old.narrow(1, 0, length)) }
        return made
    }
}

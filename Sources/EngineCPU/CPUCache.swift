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
            let shape = [newKeys.shape[0], room, newKeys.shape[2]]
            keys = try Self.grown(keys, length, shape, newKeys.dtype, taken: length + added)
            values = try Self.grown(values, length, shape, newKeys.dtype, taken: length + added)
        }
        guard let keys, let values else { return }
        try keys.narrow(1, length, added).assign(from: newKeys)
        try values.narrow(1, length, added).assign(from: newValues)
        length += added
    }

    /// Larger memory, cleared from token `taken` on.
    private static func grown(
        _ old: Tensor?, _ length: Int, _ shape: [Int], _ dtype: DType, taken: Int
    ) throws -> Tensor {
        let made = try Tensor(uninitialized: shape, dtype)
        if let old, length > 0 { try made.narrow(1, 0, length).assign(from: old.narrow(1, 0, length)) }
        // What is about to be written need not be cleared.
        let bytes = shape[2] * dtype.size
        for text in 0..<shape[0] {
            let first = made.pointer + (text * shape[1] + taken) * bytes
            first.initializeMemory(as: UInt8.self, repeating: 0, count: (shape[1] - taken) * bytes)
        }
        return made
    }
}

import Tensors

/// What a LoRA adds to one parameter: some rows of the product of two matrices.
public struct LowRankUpdate {
    private let checkpoint: Checkpoint
    private let down, up: String
    /// Rows of B for the rows of the parameter, in their order.
    private let rows: [Range<Int>]
    private let factor: Double

    init(_ lora: LoRA, _ layer: LoRA.Layer, rows: [Range<Int>]) {
        checkpoint = lora.checkpoint
        (down, up, factor) = (layer.down, layer.up, layer.factor)
        self.rows = rows
    }

    /// Floats of the product that are made at a time.
    private static let band = 4 << 20

    /// Adds scale · α / r · B A to weights f32 `[outputs, …]`, contiguous and in memory of their own.
    /// - Throws: `FileError` where the file changed; `TensorError.outOfMemory`.
    public func add(to weights: Tensor, scale: Double) throws {
        let (down, up) = (try checkpoint[down], try checkpoint[up])
        defer {
            down.dropPages()
            up.dropPages()
        }
        let rank = down.shape[0]
        let right = try down.to(.f32).contiguous().reshaped([rank, down.count / rank])
        let left = try up.to(.f32).contiguous().reshaped([up.shape[0], rank])
        let (columns, factor) = (right.shape[1], Float(scale * factor))
        var target = weights.pointer.assumingMemoryBound(to: Float.self)
        let step = max(1, Self.band / columns)
        for range in rows {
            for first in stride(from: range.lowerBound, to: range.upperBound, by: step) {
                try Cancellation.check()
                let count = min(step, range.upperBound - first)
                let product = try left.narrow(0, first, count).matmul(right)
                try product.withElements(Float.self) { values in
                    for index in values.indices { target[index] += factor * values[index] }
                }
                target += count * columns
            }
        }
        withExtendedLifetime(weights) {}
        try checkpoint.checkUnchanged()
    }
}

import Tensors

/// What a LoRA adds to one parameter: some rows of the product of two matrices.
public struct LowRankUpdate {
    /// The file that the matrices are in; nil where they are in memory.
    private let checkpoint: Checkpoint?
    private let matrices: () throws -> (down: Tensor, up: Tensor)
    /// Rows of B for the rows of the parameter, in their order.
    private let rows: [Range<Int>]
    private let factor: Double

    init(_ lora: LoRA, _ layer: LoRA.Layer, rows: [Range<Int>]) {
        let checkpoint = lora.checkpoint
        self.checkpoint = checkpoint
        matrices = { (try checkpoint[layer.down], try checkpoint[layer.up]) }
        factor = layer.factor
        self.rows = rows
    }

    /// The product of matrices in memory, A `[r, inputs]` and B `[outputs, r]`.
    /// - Parameter factor: α / r.
    public init(down: Tensor, up: Tensor, factor: Double) {
        checkpoint = nil
        matrices = { (down, up) }
        self.factor = factor
        rows = [0..<up.shape[0]]
    }

    /// Floats of the product that are made at a time.
    private static let band = 4 << 20

    /// Adds scale · α / r · B A to weights f32 `[outputs, …]`, contiguous and in memory of their own.
    /// - Throws: `FileError` where the file changed; `TensorError.outOfMemory`.
    public func add(to weights: Tensor, scale: Double) throws {
        let (down, up) = try matrices()
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
        try checkpoint?.checkUnchanged()
    }
}

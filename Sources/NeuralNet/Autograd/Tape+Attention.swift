import NetKernels
import Tensors

extension Tape {
    /// Scaled dot-product attention of queries `[N, T, C]` over keys and values `[N, S, C]`, as inference runs it. On the way
    /// back the probabilities are worked out again, some queries at a time, so that no `[heads, T, S]` is ever whole.
    /// - Throws: as the layer's `forward`.
    public func attention(
        _ layer: ScaledDotProductAttention, query: Variable, key: Variable, value: Variable
    ) throws -> Variable {
        let (q, k, v) = (try plain(query), try plain(key), try plain(value))
        let target = try context.run {
            try layer.forward(query: q.stored, key: k.stored, value: v.stored, context)
        }
        let output = result(target, q.shape, of: [q, k, v])
        guard output.requiresGradient else { return output }
        record { [context, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let flowing = try [q, k, v].map { input in
                let made = try context.tensor(input.shape, .f32)
                made.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: made.count * 4)
                return made
            }
            for image in 0..<q.shape[0] {
                for head in 0..<layer.heads {
                    try AttentionGradient(layer, image: image, head: head).add(
                        to: flowing, query: q.stored, key: k.stored, value: v.stored, gradient: gradient)
                }
            }
            for (input, tensor) in zip([q, k, v], flowing) where input.requiresGradient { try input.slot.add(tensor) }
        }
        return output
    }
}

/// The gradients of one head of one image: with P = softmax(Q Kᵀ / √d) and the result's gradient G they are Pᵀ G for the
/// values, and S K / √d and Sᵀ Q / √d for queries and keys, where S = P ∘ (G Vᵀ - rows' sums of P ∘ G Vᵀ).
private struct AttentionGradient {
    let layer: ScaledDotProductAttention
    let image: Int
    let head: Int
    /// Queries whose probabilities are in memory together.
    private static let tile = 256

    init(_ layer: ScaledDotProductAttention, image: Int, head: Int) {
        self.layer = layer
        self.image = image
        self.head = head
    }

    func add(to flowing: [Tensor], query: Tensor, key: Tensor, value: Tensor, gradient: Tensor) throws {
        let size = layer.headSize
        let scale = Float(1 / Double(size).squareRoot())
        let keys = try part(key)
        let values = try part(value)
        let (valueColumns, keyColumns) = (try values.transposed(0, 1), try keys.transposed(0, 1))
        for first in stride(from: 0, to: query.shape[1], by: Self.tile) {
            try Cancellation.check()
            let rows = min(Self.tile, query.shape[1] - first)
            let queries = try part(query).narrow(0, first, rows)
            let result = try part(gradient).narrow(0, first, rows)
            let scores = try queries.matmul(keyColumns).contiguous()
            NetElementwise.scale(Elementwise.floats(scores), scale, count: scores.count)
            if layer.isCausal { hideLaterKeys(scores, first) }
            let shares = try scores.softmax(1).contiguous()
            let slopes = try result.matmul(valueColumns).contiguous()
            softmaxGradient(shares, slopes, scale)
            try gather(slopes.matmul(keys), flowing[0], first)
            try gather(slopes.transposed(0, 1).matmul(queries), flowing[1], 0)
            try gather(shares.transposed(0, 1).matmul(result), flowing[2], 0)
        }
    }

    /// The rows of this image and the channels of this head.
    private func part(_ tensor: Tensor) throws -> Tensor {
        let size = layer.headSize
        return try tensor.narrow(0, image, 1).reshaped([tensor.shape[1], tensor.shape[2]])
            .narrow(1, head * size, size)
    }

    private func hideLaterKeys(_ scores: Tensor, _ first: Int) {
        let keys = scores.shape[1]
        let values = Elementwise.floats(scores)
        for row in 0..<scores.shape[0] where first + row + 1 < keys {
            for key in first + row + 1..<keys { values[row * keys + key] = -1e30 }
        }
    }

    /// slopes = shares ∘ (slopes - Σ shares ∘ slopes) · scale, row by row.
    private func softmaxGradient(_ shares: Tensor, _ slopes: Tensor, _ scale: Float) {
        let columns = shares.shape[1]
        let (p, s) = (Elementwise.floats(shares), Elementwise.floats(slopes))
        for row in 0..<shares.shape[0] {
            let start = row * columns
            var sum = 0.0
            for index in start..<start + columns { sum += Double(p[index]) * Double(s[index]) }
            let mean = Float(sum)
            for index in start..<start + columns { s[index] = p[index] * (s[index] - mean) * scale }
        }
    }

    /// Adds `[rows, d]` to the rows from `first` on of this image and head.
    private func gather(_ part: Tensor, _ target: Tensor, _ first: Int) throws {
        let source = try part.contiguous()
        let (size, channels) = (layer.headSize, target.shape[2])
        let from = Elementwise.floats(source)
        let to = Elementwise.floats(target) + (image * target.shape[1] + first) * channels + head * size
        for row in 0..<source.shape[0] {
            NetElementwise.add(to + row * channels, from + row * size, count: size)
        }
        withExtendedLifetime(source) {}
    }
}

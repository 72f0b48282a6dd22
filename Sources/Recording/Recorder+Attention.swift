import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// Attention as inference runs it. On the way back the probabilities are worked out again, some queries at a time, so that
    /// no `[heads, T, S]` is ever whole.
    public func attention(
        _ layer: Attention, query: Variable, key: Variable, value: Variable, mask: Mask<Variable>, cache: NoCache?
    ) throws -> Variable {
        let (q, k, v) = (try plain(query), try plain(key), try plain(value))
        var bias: Variable?
        let stored: Mask<Tensor>
        switch mask {
        case .none: stored = .none
        case .causal: stored = .causal
        case .lengths(let lengths): stored = .lengths(lengths)
        case .bias(let given):
            let own = try plain(given)
            (bias, stored) = (own, .bias(own.stored))
        }
        let target = try execution.run {
            try execution.attention(layer, query: q.stored, key: k.stored, value: v.stored, mask: stored)
        }
        let output = result(target, q.shape, of: [q, k, v] + (bias.map { [$0] } ?? []))
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let inputs = [q, k, v] + (bias.map { $0.requiresGradient ? [$0] : [] } ?? [])
            let flowing = try inputs.map { input in
                let made = try execution.allocate(input.shape, .f32)
                made.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: made.count * 4)
                return made
            }
            for image in 0..<q.shape[0] {
                for head in 0..<layer.heads {
                    try AttentionGradient(layer, stored, image: image, head: head).add(
                        to: flowing, query: q.stored, key: k.stored, value: v.stored, gradient: gradient)
                }
            }
            for (input, tensor) in zip(inputs, flowing) where input.requiresGradient { try input.slot.add(tensor) }
        }
        return output
    }
}

/// The gradients of one head of one image.
///
/// With P = softmax(Z), Z = bend(scale · Q Kᵀ) + mask, and the result's gradient G they are Pᵀ G for the values and S for
/// the bias, where S = P ∘ (G Vᵀ - rows' sums of P ∘ G Vᵀ); with B = scale · S ∘ bend' they are B K and Bᵀ Q for queries and
/// keys.
private struct AttentionGradient {
    let layer: Attention
    let mask: Mask<Tensor>
    let image: Int
    let head: Int
    /// Queries whose probabilities are in memory together.
    private static let tile = 256

    init(_ layer: Attention, _ mask: Mask<Tensor>, image: Int, head: Int) {
        (self.layer, self.mask) = (layer, mask)
        (self.image, self.head) = (image, head)
    }

    /// The head of keys and values.
    private var keyHead: Int { head / (layer.heads / layer.keyHeads) }

    func add(to flowing: [Tensor], query: Tensor, key: Tensor, value: Tensor, gradient: Tensor) throws {
        let keys = try part(key, keyHead)
        let values = try part(value, keyHead)
        let (valueColumns, keyColumns) = (try values.transposed(0, 1), try keys.transposed(0, 1))
        let queryCount = query.shape[1]
        for first in stride(from: 0, to: queryCount, by: Self.tile) {
            try Cancellation.check()
            let rows = min(Self.tile, queryCount - first)
            let queries = try part(query, head).narrow(0, first, rows)
            let result = try part(gradient, head).narrow(0, first, rows)
            let scores = try queries.matmul(keyColumns).contiguous()
            let numbers = Elementwise.floats(scores)
            var bent: Tensor?
            if let cap = layer.softCap {
                NetScores.bend(numbers, scale: layer.scale, cap: cap, count: scores.count)
                bent = try scores.clone()
            } else {
                NetElementwise.scale(numbers, layer.scale, count: scores.count)
            }
            hide(scores, first, queryCount)
            let shares = try scores.softmax(1).contiguous()
            let slopes = try result.matmul(valueColumns).contiguous()
            let isPlain = flowing.count == 3 && bent == nil
            softmaxGradient(shares, slopes, isPlain ? layer.scale : 1)
            if !isPlain {
                if flowing.count > 3 { gatherBias(slopes, flowing[3], first) }
                if let cap = layer.softCap, let bent {
                    NetScores.multiplyBend(
                        Elementwise.floats(bent), Elementwise.floats(slopes), cap: cap, count: slopes.count)
                }
                NetElementwise.scale(Elementwise.floats(slopes), layer.scale, count: slopes.count)
            }
            try gather(slopes.matmul(keys), flowing[0], head, first)
            try gather(slopes.transposed(0, 1).matmul(queries), flowing[1], keyHead, 0)
            try gather(shares.transposed(0, 1).matmul(result), flowing[2], keyHead, 0)
        }
    }

    /// The rows of this image and the channels of a head.
    private func part(_ tensor: Tensor, _ head: Int) throws -> Tensor {
        let size = layer.headSize
        return try tensor.narrow(0, image, 1).reshaped([tensor.shape[1], tensor.shape[2]])
            .narrow(1, head * size, size)
    }

    private func hide(_ scores: Tensor, _ first: Int, _ queries: Int) {
        let (rows, keys) = (scores.shape[0], scores.shape[1])
        let numbers = Elementwise.floats(scores)
        switch mask {
        case .none: break
        case .causal:
            NetScores.hideOutside(
                numbers, rows: rows, columns: keys, firstPlace: first + keys - queries, firstColumn: 0,
                window: layer.window)
        case .lengths(let lengths): NetScores.hide(numbers, rows: rows, columns: keys, from: lengths[image])
        case .bias(let bias):
            NetScores.add(
                numbers, rows: rows, columns: keys, scale: 1, Elementwise.floats(bias) + biasStart(bias, first),
                stride: keys, biasColumns: keys)
        }
    }

    /// Where the bias of this image and head begins, from query `first` on.
    private func biasStart(_ bias: Tensor, _ first: Int) -> Int {
        let shape = bias.shape
        let plane = (shape[0] == 1 ? 0 : image) * shape[1] + (shape[1] == 1 ? 0 : head)
        return (plane * shape[2] + first) * shape[3]
    }

    private func gatherBias(_ slopes: Tensor, _ target: Tensor, _ first: Int) {
        NetElementwise.add(
            Elementwise.floats(target) + biasStart(target, first), Elementwise.floats(slopes), count: slopes.count)
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

    /// Adds `[rows, d]` to the rows from `first` on of this image and a head.
    private func gather(_ part: Tensor, _ target: Tensor, _ head: Int, _ first: Int) throws {
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

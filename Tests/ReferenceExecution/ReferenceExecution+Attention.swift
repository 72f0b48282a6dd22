import Engine
import Tensors

/// Keys and values as lists.
public final class ReferenceCache: AttentionCache {
    /// How many tokens it holds.
    public var length: Int { keys?.shape[1] ?? 0 }
    var keys, values: ReferenceValue?
}

extension ReferenceExecution {
    /// An empty cache.
    public func cache() throws -> ReferenceCache { ReferenceCache() }

    /// softmax(scale · Q Kᵀ) V, head by head.
    public func attention(
        _ layer: Attention, query: ReferenceValue, key: ReferenceValue, value: ReferenceValue,
        mask: Mask<ReferenceValue>, cache: ReferenceCache?
    ) throws -> ReferenceValue {
        var (key, value) = (key, value)
        if let cache {
            if let before = cache.keys, let values = cache.values {
                key = try concatenate([before, key], axis: 1)
                value = try concatenate([values, value], axis: 1)
            }
            (cache.keys, cache.values) = (key, value)
        }
        let (images, queries, keys) = (query.shape[0], query.shape[1], key.shape[1])
        try layer.check(query: query, key: key, value: value, mask: mask, keys: keys)
        let (size, wide, narrow) = (layer.headSize, layer.channels, layer.keyChannels)
        let scale = Double(layer.scale)
        var result = [Dual](repeating: .zero, count: query.numbers.count)
        for image in 0..<images {
            for head in 0..<layer.heads {
                let keyHead = head * layer.keyHeads / layer.heads
                for row in 0..<queries {
                    let from = (image * queries + row) * wide + head * size
                    var scores: [(key: Int, score: Dual)] = []
                    for place in 0..<keys {
                        let to = (image * keys + place) * narrow + keyHead * size
                        var sum = Dual.zero
                        for index in 0..<size { sum += query.numbers[from + index] * key.numbers[to + index] }
                        var score = sum * scale
                        if let cap = layer.softCap {
                            score = (score * (1 / Double(cap))).hyperbolicTangent * Double(cap)
                        }
                        let own = row + keys - queries
                        switch mask {
                        case .none: break
                        case .causal:
                            if place > own || layer.window.map({ place <= own - $0 }) ?? false { continue }
                        case .lengths(let lengths): if place >= lengths[image] { continue }
                        case .bias(let bias):
                            let plane =
                                (bias.shape[0] == 1 ? 0 : image) * bias.shape[1] + (bias.shape[1] == 1 ? 0 : head)
                            let number = bias.numbers[(plane * queries + row) * keys + place]
                            if number.value == -.infinity { continue }
                            score += number
                        }
                        scores.append((place, score))
                    }
                    if scores.isEmpty { scores = (0..<keys).map { ($0, .zero) } }
                    let top = scores.reduce(-.infinity) { max($0, $1.score.value) }
                    let weights = scores.map { ($0.score - Dual(top)).exponential }
                    let sum = weights.reduce(.zero, +)
                    for ((place, _), weight) in zip(scores, weights) {
                        let at = (image * keys + place) * narrow + keyHead * size
                        let share = weight / sum
                        for index in 0..<size { result[from + index] += share * value.numbers[at + index] }
                    }
                }
            }
        }
        return ReferenceValue(result, query.shape)
    }

    /// relu(Q) (relu(K)ᵀ V) / (relu(Q) Σ relu(K) + ε), as the quadratic form adds it up: each query weighs each key.
    public func linearAttention(
        _ layer: LinearAttention, query: ReferenceValue, key: ReferenceValue, value: ReferenceValue
    ) throws -> ReferenceValue {
        try layer.check(query: query, key: key, value: value)
        let (queries, keys, size, channels) = (query.shape[1], key.shape[1], layer.headSize, layer.channels)
        var result = [Dual](repeating: .zero, count: query.numbers.count)
        for row in 0..<query.shape[0] * queries {
            for head in 0..<layer.heads {
                let from = row * channels + head * size
                var divisor = Dual(layer.epsilon)
                for place in 0..<keys {
                    let to = (row / queries * keys + place) * channels + head * size
                    var weight = Dual.zero
                    for index in 0..<size {
                        weight += query.numbers[from + index].rectified * key.numbers[to + index].rectified
                    }
                    divisor += weight
                    for index in 0..<size { result[from + index] += weight * value.numbers[to + index] }
                }
                for index in 0..<size { result[from + index] = result[from + index] / divisor }
            }
        }
        return ReferenceValue(result, query.shape)
    }

    /// Each pair turned by its angle.
    public func rotary(_ layer: Rotary, _ x: ReferenceValue, table: ReferenceValue) throws -> ReferenceValue {
        let (places, heads, pairs) = (x.shape[1], x.shape[2] / layer.headSize, layer.rotated / 2)
        try check(table.shape == [places, layer.rotated], "rotary", x, table)
        var result = x.numbers
        for row in 0..<x.shape[0] * places {
            for head in 0..<heads {
                for pair in 0..<pairs {
                    let cosine = table.numbers[row % places * layer.rotated + pair]
                    let sine = table.numbers[row % places * layer.rotated + pairs + pair]
                    let start = (row * heads + head) * layer.headSize
                    let (first, second) =
                        layer.pairing == .halves
                        ? (start + pair, start + pair + pairs) : (start + 2 * pair, start + 2 * pair + 1)
                    let (a, b) = (x.numbers[first], x.numbers[second])
                    result[first] = a * cosine - b * sine
                    result[second] = b * cosine + a * sine
                }
            }
        }
        return ReferenceValue(result, x.shape)
    }
}

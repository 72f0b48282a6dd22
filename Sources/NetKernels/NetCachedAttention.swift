import Threading

/// Attention of one query to the keys of a cache, read where they lie. Sums are f32.
public enum NetCachedAttention {
    /// The sizes of an attention; heads are neighbouring channels of a token.
    public struct Shape: Sendable {
        /// Keys that the query sees.
        public var keys: Int
        public var heads, keyHeads, headSize: Int
        /// Is multiplied to the products.
        public var scale: Float
        /// Bends scores to cap · tanh(score / cap).
        public var softCap: Float?

        /// Every property, in order.
        public init(keys: Int, heads: Int, keyHeads: Int, headSize: Int, scale: Float, softCap: Float?) {
            self.keys = keys
            self.heads = heads
            self.keyHeads = keyHeads
            self.headSize = headSize
            self.scale = scale
            self.softCap = softCap
        }
    }

    /// softmax(scale · q Kᵀ) V of each head, `[heads · headSize]`.
    /// - Parameters:
    ///   - key, value: `[keys, keyHeads · headSize]`.
    ///   - threads: whether heads are shared among threads.
    public static func run(
        query: UnsafeRawPointer, key: UnsafeRawPointer, value: UnsafeRawPointer, _ target: UnsafeMutableRawPointer,
        _ type: NetType, _ shape: Shape, threads: Bool
    ) {
        func heads(_ range: Range<Int>) {
            type.dispatch(Heads(query: query, key: key, value: value, target: target, shape: shape, range: range))
        }
        if threads { Parallel.forRanges(shape.keyHeads, grain: 1, heads) } else { heads(0..<shape.keyHeads) }
    }

    private struct Heads: NetKernel {
        let query, key, value: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let shape: Shape
        let range: Range<Int>

        func run<T: NetElement>(_: T.Type) {
            let (vectors, shared) = (shape.headSize / 16, shape.heads / shape.keyHeads)
            let stride = shape.keyHeads * shape.headSize
            withUnsafeTemporaryAllocation(of: SIMD16<Float>.self, capacity: shape.keys / 16 + 2 + 2 * vectors) {
                memory in
                guard let sums = memory.baseAddress else { return }
                let own = sums + vectors
                let scores = UnsafeMutableRawPointer(own + vectors).assumingMemoryBound(to: Float.self)
                for head in range.lowerBound * shared..<range.upperBound * shared {
                    let channel = head / shared * shape.headSize
                    for vector in 0..<vectors {
                        own[vector] = T.load(query, head * shape.headSize + vector * 16)
                        sums[vector] = .zero
                    }
                    for place in 0..<shape.keys {
                        var product = SIMD16<Float>.zero
                        for vector in 0..<vectors {
                            product = product.addingProduct(
                                own[vector], T.load(key, place * stride + channel + vector * 16))
                        }
                        scores[place] = netSum(product)
                    }
                    var scale = shape.scale
                    if let cap = shape.softCap {
                        NetScores.bend(scores, scale: scale, cap: cap, count: shape.keys)
                        scale = 1
                    }
                    var reciprocal: Float = 0
                    NetSoftmax.exponentials(
                        scores, scores, .f32, rows: 1, columns: shape.keys, stride: shape.keys, scale: scale,
                        reciprocals: &reciprocal)
                    for place in 0..<shape.keys {
                        let weight = SIMD16<Float>(repeating: scores[place])
                        for vector in 0..<vectors {
                            sums[vector] = sums[vector].addingProduct(
                                weight, T.load(value, place * stride + channel + vector * 16))
                        }
                    }
                    for vector in 0..<vectors {
                        T.store(target, head * shape.headSize + vector * 16, sums[vector] * reciprocal)
                    }
                }
            }
        }
    }
}

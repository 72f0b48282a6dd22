import Threading

/// Linear attention with ReLU, head by head; sums in f32.
public enum NetLinearAttention {
    /// The sizes of an attention; heads are neighbouring channels of a token.
    public struct Shape: Sendable {
        public var images, queries, keys, heads, headSize: Int
        /// Is added to the divisor.
        public var epsilon: Float

        /// Every property, in order.
        public init(images: Int, queries: Int, keys: Int, heads: Int, headSize: Int, epsilon: Float) {
            self.images = images
            self.queries = queries
            self.keys = keys
            self.heads = heads
            self.headSize = headSize
            self.epsilon = epsilon
        }
    }

    /// relu(Q) (relu(K)ᵀ V) / (relu(Q) Σ relu(K) + ε): `[images, queries, heads · headSize]`, as the queries; keys and values
    /// are `[images, keys, heads · headSize]`.
    public static func run(
        query: UnsafeRawPointer, key: UnsafeRawPointer, value: UnsafeRawPointer, _ type: NetType,
        _ target: UnsafeMutableRawPointer, _ targetType: NetType, _ shape: Shape
    ) {
        Parallel.forRanges(shape.images * shape.heads, grain: 1) { range in
            type.dispatch(
                to: targetType,
                Heads(query: query, key: key, value: value, target: target, shape: shape, range: range))
        }
    }

    /// Tokens that are converted together.
    private static let tile = 64

    private struct Heads: NetPairKernel {
        let query, key, value: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let shape: Shape
        let range: Range<Int>

        func run<S: NetElement, T: NetElement>(_: S.Type, _: T.Type) {
            // Heads are filled up with zeros to whole vectors.
            let width = (shape.headSize + 15) / 16 * 16
            withUnsafeTemporaryAllocation(of: Float.self, capacity: width * (width + 1 + 2 * tile)) { memory in
                guard let sums = memory.baseAddress else { return }
                let total = sums + width * width
                let (first, second) = (total + width, total + width * (1 + tile))
                for unit in range {
                    sums.update(repeating: 0, count: width * (width + 1))
                    let (image, head) = (unit / shape.heads, unit % shape.heads)
                    for start in stride(from: 0, to: shape.keys, by: tile) {
                        let count = min(tile, shape.keys - start)
                        let place = image * shape.keys + start
                        load(S.self, key, place, head, count, first, width, isPositive: true)
                        load(S.self, value, place, head, count, second, width, isPositive: false)
                        gather(first, second, count, width, sums, total)
                    }
                    for start in stride(from: 0, to: shape.queries, by: tile) {
                        let count = min(tile, shape.queries - start)
                        let place = image * shape.queries + start
                        load(S.self, query, place, head, count, first, width, isPositive: true)
                        multiply(first, count, width, sums, total, second)
                        for token in 0..<count {
                            let to = ((place + token) * shape.heads + head) * shape.headSize
                            var index = 0
                            while index + 16 <= shape.headSize {
                                T.store(target, to + index, NetF32.load(second, token * width + index))
                                index += 16
                            }
                            while index < shape.headSize {
                                T.storeOne(target, to + index, second[token * width + index])
                                index += 1
                            }
                        }
                    }
                }
            }
        }

        /// The head of some tokens as f32 `[count, width]`.
        private func load<S: NetElement>(
            _: S.Type, _ source: UnsafeRawPointer, _ place: Int, _ head: Int, _ count: Int,
            _ lines: UnsafeMutablePointer<Float>, _ width: Int, isPositive: Bool
        ) {
            let floor = SIMD16<Float>(repeating: isPositive ? 0 : -.infinity)
            for token in 0..<count {
                let from = ((place + token) * shape.heads + head) * shape.headSize
                let line = lines + token * width
                var index = 0
                while index + 16 <= shape.headSize {
                    NetF32.store(line, index, netMaximum(S.load(source, from + index), floor))
                    index += 16
                }
                while index < width {
                    let number = index < shape.headSize ? S.loadOne(source, from + index) : 0
                    line[index] = isPositive && number < 0 ? 0 : number
                    index += 1
                }
            }
        }

        /// sums += keysᵀ values, total += Σ keys, four rows of the sums at a time in registers.
        private func gather(
            _ keys: UnsafePointer<Float>, _ values: UnsafePointer<Float>, _ count: Int, _ width: Int,
            _ sums: UnsafeMutablePointer<Float>, _ total: UnsafeMutablePointer<Float>
        ) {
            for row in stride(from: 0, to: width, by: 4) {
                let line = sums + row * width
                for column in stride(from: 0, to: width, by: 16) {
                    var (a, b) = (NetF32.load(line, column), NetF32.load(line, width + column))
                    var (c, d) = (NetF32.load(line, 2 * width + column), NetF32.load(line, 3 * width + column))
                    for token in 0..<count {
                        let number = NetF32.load(values, token * width + column)
                        let key = keys + token * width + row
                        a = a.addingProduct(number, SIMD16(repeating: key[0]))
                        b = b.addingProduct(number, SIMD16(repeating: key[1]))
                        c = c.addingProduct(number, SIMD16(repeating: key[2]))
                        d = d.addingProduct(number, SIMD16(repeating: key[3]))
                    }
                    NetF32.store(line, column, a)
                    NetF32.store(line, width + column, b)
                    NetF32.store(line, 2 * width + column, c)
                    NetF32.store(line, 3 * width + column, d)
                }
            }
            for column in stride(from: 0, to: width, by: 16) {
                var sum = NetF32.load(total, column)
                for token in 0..<count { sum += NetF32.load(keys, token * width + column) }
                NetF32.store(total, column, sum)
            }
        }

        /// queries · sums / (queries · total + ε).
        private func multiply(
            _ queries: UnsafePointer<Float>, _ count: Int, _ width: Int, _ sums: UnsafePointer<Float>,
            _ total: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>
        ) {
            for token in 0..<count {
                let query = queries + token * width
                var divisors = SIMD16<Float>.zero
                for column in stride(from: 0, to: width, by: 16) {
                    divisors = divisors.addingProduct(NetF32.load(query, column), NetF32.load(total, column))
                }
                let divisor = netSum(divisors) + shape.epsilon
                for column in stride(from: 0, to: width, by: 16) {
                    // Four sums that do not wait for each other.
                    var (a, b) = (SIMD16<Float>.zero, SIMD16<Float>.zero)
                    var (c, d) = (SIMD16<Float>.zero, SIMD16<Float>.zero)
                    for row in stride(from: 0, to: width, by: 4) {
                        let line = sums + row * width
                        a = a.addingProduct(NetF32.load(line, column), SIMD16(repeating: query[row]))
                        b = b.addingProduct(NetF32.load(line, width + column), SIMD16(repeating: query[row + 1]))
                        c = c.addingProduct(NetF32.load(line, 2 * width + column), SIMD16(repeating: query[row + 2]))
                        d = d.addingProduct(NetF32.load(line, 3 * width + column), SIMD16(repeating: query[row + 3]))
                    }
                    NetF32.store(result, token * width + column, (a + b + (c + d)) / divisor)
                }
            }
        }
    }
}

import Threading

/// Products of few rows with the weights of a linear layer: bound by memory, so that each weight is read once, from first to last.
/// A row's sums go over its inputs in one order, and so have the same bits whatever rows stand beside it.
public enum NetFewRows {
    /// Outputs that lie together in the weights.
    public static let block = 64

    /// The sizes of a product.
    public struct Shape: Sendable {
        public var rows, inputs, outputs: Int

        /// Every property, in order.
        public init(rows: Int, inputs: Int, outputs: Int) {
            self.rows = rows
            self.inputs = inputs
            self.outputs = outputs
        }

        /// Inputs of the weights, filled up with zeros.
        public var paddedInputs: Int { (inputs + 15) / 16 * 16 }
    }

    /// W x + b of each row, f32.
    /// - Parameters:
    ///   - weights: for each 64 outputs, one after the other, and in them for each input (f32) or each two (bf16), 64 weights or
    ///     pairs of them; filled up with zeros to whole 64 outputs and 16 inputs.
    ///   - rows: f32 `[rows, paddedInputs]`, filled up with zeros.
    ///   - bias: f32 `[outputs]`.
    ///   - target: f32 `[rows, outputs]`.
    public static func products(
        _ weights: UnsafeRawPointer, _ type: NetType, _ rows: UnsafePointer<Float>, bias: UnsafePointer<Float>,
        _ target: UnsafeMutablePointer<Float>, _ shape: Shape, threads: Bool
    ) {
        func run(_ range: Range<Int>) {
            for place in range {
                let base = weights + place * shape.paddedInputs * block * type.size
                var row = 0
                while row < shape.rows {
                    let count = shape.rows - row >= 4 ? 4 : 1
                    let source = rows + row * shape.paddedInputs
                    let sums = Sums(source: source, stride: shape.paddedInputs, rows: count, inputs: shape.paddedInputs)
                    withUnsafeTemporaryAllocation(of: SIMD16<Float>.self, capacity: 16) { memory in
                        guard let found = memory.baseAddress else { return }
                        if type == .bf16 { sums.pairs(base, found) } else { sums.singles(base, found) }
                        for index in 0..<count {
                            write(
                                found + 4 * index, bias, target + (row + index) * shape.outputs, place * block,
                                min(block, shape.outputs - place * block))
                        }
                    }
                    row += count
                }
            }
        }
        let blocks = (shape.outputs + block - 1) / block
        if threads { Parallel.forRanges(blocks, grain: 1, run) } else { run(0..<blocks) }
    }

    /// The sums of one block with its biases.
    private static func write(
        _ sums: UnsafePointer<SIMD16<Float>>, _ bias: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>,
        _ first: Int, _ count: Int
    ) {
        for index in 0..<count {
            target[first + index] = sums[index / 16][index % 16] + bias[first + index]
        }
    }

    /// The sums of one or four rows with the 64 outputs of a block: four vectors a row.
    private struct Sums {
        let source: UnsafePointer<Float>
        let stride, rows, inputs: Int

        /// Two neighbouring bf16 weights of sixteen outputs, as floats.
        @_transparent
        private func both(_ base: UnsafeRawPointer, _ offset: Int) -> (SIMD16<Float>, SIMD16<Float>) {
            let bits = base.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt32>.self)
            return (
                unsafeBitCast(bits &<< 16, to: SIMD16<Float>.self),
                unsafeBitCast(bits & 0xFFFF_0000, to: SIMD16<Float>.self)
            )
        }

        func pairs(_ base: UnsafeRawPointer, _ result: UnsafeMutablePointer<SIMD16<Float>>) {
            if rows == 1 {
                var (s0, s1, s2, s3) = (SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero)
                var offset = 0
                var input = 0
                while input < inputs {
                    let (x, y) = (SIMD16<Float>(repeating: source[input]), SIMD16<Float>(repeating: source[input + 1]))
                    let (a0, b0) = both(base, offset)
                    let (a1, b1) = both(base, offset + 64)
                    let (a2, b2) = both(base, offset + 128)
                    let (a3, b3) = both(base, offset + 192)
                    s0 = s0.addingProduct(a0, x).addingProduct(b0, y)
                    s1 = s1.addingProduct(a1, x).addingProduct(b1, y)
                    s2 = s2.addingProduct(a2, x).addingProduct(b2, y)
                    s3 = s3.addingProduct(a3, x).addingProduct(b3, y)
                    offset += 256
                    input += 2
                }
                (result[0], result[1], result[2], result[3]) = (s0, s1, s2, s3)
                return
            }
            // Two vectors of outputs at a time: eight sums and the weights fit into the registers.
            for half in 0..<2 {
                var (p0, p1, q0, q1) = (SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero)
                var (r0, r1, t0, t1) = (SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero)
                var offset = 128 * half
                var input = 0
                while input < inputs {
                    let (a0, b0) = both(base, offset)
                    let (a1, b1) = both(base, offset + 64)
                    var (x, y) = pair(0, input)
                    p0 = p0.addingProduct(a0, x).addingProduct(b0, y)
                    p1 = p1.addingProduct(a1, x).addingProduct(b1, y)
                    (x, y) = pair(1, input)
                    q0 = q0.addingProduct(a0, x).addingProduct(b0, y)
                    q1 = q1.addingProduct(a1, x).addingProduct(b1, y)
                    (x, y) = pair(2, input)
                    r0 = r0.addingProduct(a0, x).addingProduct(b0, y)
                    r1 = r1.addingProduct(a1, x).addingProduct(b1, y)
                    (x, y) = pair(3, input)
                    t0 = t0.addingProduct(a0, x).addingProduct(b0, y)
                    t1 = t1.addingProduct(a1, x).addingProduct(b1, y)
                    offset += 256
                    input += 2
                }
                let place = result + 2 * half
                (place[0], place[1], place[4], place[5]) = (p0, p1, q0, q1)
                (place[8], place[9], place[12], place[13]) = (r0, r1, t0, t1)
            }
        }

        @_transparent
        private func pair(_ row: Int, _ input: Int) -> (SIMD16<Float>, SIMD16<Float>) {
            let place = row * stride + input
            return (SIMD16<Float>(repeating: source[place]), SIMD16<Float>(repeating: source[place + 1]))
        }

        func singles(_ base: UnsafeRawPointer, _ result: UnsafeMutablePointer<SIMD16<Float>>) {
            for row in 0..<rows {
                var (s0, s1, s2, s3) = (SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero)
                let own = source + row * stride
                var offset = 0
                for input in 0..<inputs {
                    let x = SIMD16<Float>(repeating: own[input])
                    s0 = s0.addingProduct(base.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self), x)
                    s1 = s1.addingProduct(base.loadUnaligned(fromByteOffset: offset + 64, as: SIMD16<Float>.self), x)
                    s2 = s2.addingProduct(base.loadUnaligned(fromByteOffset: offset + 128, as: SIMD16<Float>.self), x)
                    s3 = s3.addingProduct(base.loadUnaligned(fromByteOffset: offset + 192, as: SIMD16<Float>.self), x)
                    offset += 256
                }
                let place = result + 4 * row
                (place[0], place[1], place[2], place[3]) = (s0, s1, s2, s3)
            }
        }
    }
}

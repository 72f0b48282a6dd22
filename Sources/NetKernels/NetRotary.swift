import Threading

/// Rotary position embedding: pairs of channels turned by angles.
public enum NetRotary {
    /// Sizes of a rotation.
    public struct Shape: Sendable {
        /// Tokens in all, and places until the table begins anew.
        public var rows, places: Int
        public var heads, headSize, rotated: Int
        /// Whether pairs are neighbours, rather than half of the rotated channels apart.
        public var neighbours: Bool

        /// Every property, in order.
        public init(rows: Int, places: Int, heads: Int, headSize: Int, rotated: Int, neighbours: Bool) {
            self.rows = rows
            self.places = places
            self.heads = heads
            self.headSize = headSize
            self.rotated = rotated
            self.neighbours = neighbours
        }
    }

    /// Writes a cos - b sin and b cos + a sin for each pair (a, b).
    /// - Parameters:
    ///   - source: `[rows, heads, headSize]`, as the target.
    ///   - table: `[places, rotated]`: the cosines of the pairs of a place, then their sines.
    ///   - inverse: turns the other way, as gradients do.
    public static func turn(
        _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ type: NetType, table: UnsafePointer<Float>,
        _ shape: Shape, inverse: Bool = false
    ) {
        Parallel.forRanges(shape.rows, grain: 16) { range in
            type.dispatch(
                Turn(source: source, target: target, table: table, shape: shape, sign: inverse ? -1 : 1, range: range))
        }
    }

    private struct Turn: NetKernel {
        let source: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let table: UnsafePointer<Float>
        let shape: Shape
        let sign: Float
        let range: Range<Int>

        func run<T: NetElement>(_: T.Type) {
            let pairs = shape.rotated / 2
            let (step, apart) = shape.neighbours ? (2, 1) : (1, pairs)
            for row in range {
                let cosines = table + row % shape.places * shape.rotated
                let sines = cosines + pairs
                for head in 0..<shape.heads {
                    let start = (row * shape.heads + head) * shape.headSize
                    for pair in 0..<pairs {
                        let first = start + pair * step
                        let (a, b) = (T.loadOne(source, first), T.loadOne(source, first + apart))
                        let sine = sines[pair] * sign
                        T.storeOne(target, first, a * cosines[pair] - b * sine)
                        T.storeOne(target, first + apart, b * cosines[pair] + a * sine)
                    }
                    for index in start + shape.rotated..<start + shape.headSize {
                        T.storeOne(target, index, T.loadOne(source, index))
                    }
                }
            }
        }
    }
}

import Threading

import Glibc
import Synchronization

/// The second half of a two-stage bidiagonalisation: an upper band matrix becomes bidiagonal, one row and column at a time,
/// with small reflections that chase the fill along the band (Großer and Lang, 1999).
///
/// Every window that a reflection touches lies in the first-level cache, unlike the whole matrix that the one-stage
/// algorithm reads for every row.
public enum MetricBidiagonal {
    /// The number of superdiagonals. The vectors of a reflection are four registers long.
    public static let width = 32
    /// The distance between columns of a window; element (i, j) of the band lies at `i + j * stride + origin`.
    public static let stride = 3 * width
    /// The offset of element (0, 0).
    public static let origin = 2 * width

    /// The number of doubles that hold the band of an n x n matrix with the empty windows beyond its end.
    public static func storage(_ size: Int) -> Int { (size + 3 * width + 1) * (stride + 1) + 2 * origin }

    /// Reduces the band and writes its diagonal and superdiagonal (`size` and `size - 1` values).
    ///
    /// All elements outside the band must be zero, those beyond the matrix too; windows at the end then need no care.
    /// Threads take sweeps in order, and each stays behind the sweep before it, so that results do not depend on them.
    public static func reduce(
        _ band: UnsafeMutablePointer<Double>, size: Int, diagonal: UnsafeMutablePointer<Double>,
        superdiagonal: UnsafeMutablePointer<Double>
    ) {
        let sweeps = max(0, size - 1)
        // How many windows each sweep has finished.
        let progress = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: sweeps + 1)
        for sweep in 0...sweeps { (progress + sweep).initialize(to: Atomic(0)) }
        let next = Atomic(0)
        Parallel.forEach(max(1, min(Parallel.threads, 1 + sweeps / (8 * width)))) { _ in
            while true {
                let sweep = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if sweep >= sweeps { return }
                chase(band, size: size, sweep: sweep, progress)
            }
        }
        for sweep in 0...sweeps { (progress + sweep).deinitialize(count: 1) }
        progress.deallocate()
        for index in 0..<size {
            diagonal[index] = band[at(index, index)]
            if index + 1 < size { superdiagonal[index] = band[at(index, index + 1)] }
        }
    }

    /// Clears one row right of the superdiagonal and chases the fill to the end of the band.
    private static func chase(
        _ band: UnsafeMutablePointer<Double>, size: Int, sweep: Int, _ progress: UnsafeMutablePointer<Atomic<Int>>
    ) {
        var row = sweep
        var column = sweep + 1
        var window = 0
        wait(sweep, window, progress)
        var right = Reflection(row: band + at(row, column))
        right.apply(toColumnsOf: band + at(column, column))
        while true {
            let block = band + at(column, column)
            let left = Reflection(column: block)
            left.apply(toRowsOf: block, from: 1)
            row = column
            column += width
            if column >= size { break }
            let neighbour = band + at(row, column)
            left.apply(toRowsOf: neighbour, from: 0)
            right = Reflection(row: neighbour)
            right.apply(toColumnsOf: neighbour, skipsFirstRow: true)
            right.apply(toColumnsOf: band + at(column, column))
            window += 1
            (progress + sweep).pointee.store(window, ordering: .releasing)
            wait(sweep, window, progress)
        }
        (progress + sweep).pointee.store(Int.max, ordering: .releasing)
    }

    /// Waits until the sweep before is far enough ahead: a window's neighbours reach into the two that follow it.
    @inline(__always) private static func wait(
        _ sweep: Int, _ window: Int, _ progress: UnsafeMutablePointer<Atomic<Int>>
    ) {
        if sweep == 0 { return }
        var spins = 0
        while (progress + sweep - 1).pointee.load(ordering: .acquiring) < window + 3 {
            spins += 1
            if spins > 256 { sched_yield() }
        }
    }

    /// Where element (row, column) lies.
    @inline(__always) public static func at(_ row: Int, _ column: Int) -> Int { row + column * stride + origin }

    /// A reflection `1 - scale v vᵀ` of 32 coordinates, v in four registers.
    private struct Reflection {
        var v0, v1, v2, v3: SIMD8<Double>
        var scale: Double

        /// The reflection that leaves only the first element of a window's first column; it is applied to that column.
        @inline(__always) init(column: UnsafeMutablePointer<Double>) {
            (v0, v1, v2, v3) = MetricBidiagonal.load(column)
            scale = 0
            if let result = normalise() {
                MetricBidiagonal.store(column, .zero, .zero, .zero, .zero)
                column[0] = result
            }
        }

        /// The same for a window's first row.
        @inline(__always) init(row: UnsafeMutablePointer<Double>) {
            (v0, v1, v2, v3) = (.zero, .zero, .zero, .zero)
            scale = 0
            for lane in 0..<8 {
                v0[lane] = row[lane * stride]
                v1[lane] = row[(lane + 8) * stride]
                v2[lane] = row[(lane + 16) * stride]
                v3[lane] = row[(lane + 24) * stride]
            }
            if let result = normalise() {
                for index in 1..<width { row[index * stride] = 0 }
                row[0] = result
            }
        }

        /// Turns the values to be reflected, held in v, into the reflection; returns what their first becomes, or nil where
        /// the others are zero already.
        @inline(__always) private mutating func normalise() -> Double? {
            let first = v0[0]
            v0[0] = 0
            let tail = ((v0 * v0 + v1 * v1) + (v2 * v2 + v3 * v3)).sum()
            if tail == 0 {
                v0[0] = 1
                return nil
            }
            let length = (first * first + tail).squareRoot()
            let result = first > 0 ? -length : length
            scale = (result - first) / result
            let factor = 1 / (first - result)
            v0 *= factor
            v1 *= factor
            v2 *= factor
            v3 *= factor
            v0[0] = 1
            return result
        }

        /// Reflects every column of a window from the given one on: `A -= scale v (vᵀ A)`.
        @inline(__always) func apply(toRowsOf block: UnsafeMutablePointer<Double>, from first: Int) {
            if scale == 0 { return }
            for index in first..<width {
                let column = block + index * stride
                let (a, b, c, d) = MetricBidiagonal.load(column)
                let product = -scale * ((a * v0 + b * v1) + (c * v2 + d * v3)).sum()
                MetricBidiagonal.store(
                    column, a.addingProduct(v0, product), b.addingProduct(v1, product), c.addingProduct(v2, product),
                    d.addingProduct(v3, product))
            }
        }

        /// Reflects every row of a window, or all but the first: `A -= scale (A v) vᵀ`.
        @inline(__always) func apply(toColumnsOf block: UnsafeMutablePointer<Double>, skipsFirstRow: Bool = false) {
            if scale == 0 { return }
            withUnsafeBytes(of: (v0, v1, v2, v3)) { raw in
                guard let v = raw.baseAddress?.assumingMemoryBound(to: Double.self) else { return }
                var (w0, w1, w2, w3) = (SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero)
                for index in 0..<width {
                    let (a, b, c, d) = MetricBidiagonal.load(block + index * stride)
                    w0.addProduct(a, v[index])
                    w1.addProduct(b, v[index])
                    w2.addProduct(c, v[index])
                    w3.addProduct(d, v[index])
                }
                if skipsFirstRow { w0[0] = 0 }
                for index in 0..<width {
                    let factor = -scale * v[index]
                    let column = block + index * stride
                    let (a, b, c, d) = MetricBidiagonal.load(column)
                    MetricBidiagonal.store(
                        column, a.addingProduct(w0, factor), b.addingProduct(w1, factor), c.addingProduct(w2, factor),
                        d.addingProduct(w3, factor))
                }
            }
        }
    }

    @inline(__always) private static func load(
        _ column: UnsafeMutablePointer<Double>
    ) -> (SIMD8<Double>, SIMD8<Double>, SIMD8<Double>, SIMD8<Double>) {
        let raw = UnsafeRawPointer(column)
        return (
            raw.loadUnaligned(as: SIMD8<Double>.self), raw.loadUnaligned(fromByteOffset: 64, as: SIMD8<Double>.self),
            raw.loadUnaligned(fromByteOffset: 128, as: SIMD8<Double>.self),
            raw.loadUnaligned(fromByteOffset: 192, as: SIMD8<Double>.self)
        )
    }

    @inline(__always) private static func store(
        _ column: UnsafeMutablePointer<Double>, _ a: SIMD8<Double>, _ b: SIMD8<Double>, _ c: SIMD8<Double>,
        _ d: SIMD8<Double>
    ) {
        let raw = UnsafeMutableRawPointer(column)
        raw.storeBytes(of: a, as: SIMD8<Double>.self)
        raw.storeBytes(of: b, toByteOffset: 64, as: SIMD8<Double>.self)
        raw.storeBytes(of: c, toByteOffset: 128, as: SIMD8<Double>.self)
        raw.storeBytes(of: d, toByteOffset: 192, as: SIMD8<Double>.self)
    }
}

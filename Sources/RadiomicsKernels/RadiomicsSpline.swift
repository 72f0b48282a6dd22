import Foundation

/// Cubic B-spline interpolation in ITK's order of operations, so that results equal its own to the last bit: what is a
/// constant region there, with its rounding noise, is the same here, and falls into the same bins.
public enum RadiomicsSpline {
    /// Turns samples into cubic B-spline coefficients, in place: the recursive filter of Unser (1999) with whole-sample
    /// mirror boundaries, first along rows, then along columns.
    public static func prefilter(_ image: UnsafeMutablePointer<Double>, width: Int, height: Int) {
        if width > 1 {
            let blocks = (height + lanes - 1) / lanes
            let block = UnsafeMutablePointer<SIMD8<Double>>.allocate(capacity: width)
            defer { block.deallocate() }
            for index in 0..<blocks {
                let first = index * lanes
                let rows = min(lanes, height - first)
                gather(image + first * width, rows: rows, width: width, to: block)
                filter(block, count: width, stride: 1)
                scatter(block, rows: rows, width: width, to: image + first * width)
            }
        }
        if height > 1 {
            var column = 0
            while column + lanes <= width {
                filterColumns(image + column, count: height, stride: width)
                column += lanes
            }
            while column < width {
                filterColumn(image + column, count: height, stride: width)
                column += 1
            }
        }
    }

    /// The four weights of the samples around `position`, and the index of the first of them.
    public static func weights(at position: Double) -> (first: Int, weights: SIMD4<Double>) {
        let first = Int(position.rounded(.down)) - 1
        let w = position - Double(first + 1)
        let last = (1.0 / 6.0) * w * w * w
        let zeroth = (1.0 / 6.0) + 0.5 * w * (w - 1.0) - last
        let second = w + zeroth - 2.0 * last
        let middle = 1.0 - zeroth - second - last
        return (first, SIMD4(zeroth, middle, second, last))
    }

    /// One row of samples: `target[i]` is interpolated from the four coefficient rows `rows` at the columns
    /// `columns[4 i ..< 4 i + 4]` with the weights `across[i]` and `down`.
    ///
    /// A slice is a volume of one layer to ITK, whose weights in depth at an index are 1/6, 2/3, 1/6 and 0; its sum runs
    /// over depth, rows and columns, columns fastest.
    public static func interpolate(
        _ rows: (UnsafePointer<Double>, UnsafePointer<Double>, UnsafePointer<Double>, UnsafePointer<Double>),
        columns: UnsafePointer<Int32>, across: UnsafePointer<SIMD4<Double>>, down: SIMD4<Double>,
        count: Int, to target: UnsafeMutablePointer<Double>
    ) {
        let depth = weights(at: 0).weights
        for index in 0..<count {
            let place = columns + 4 * index
            let taken = across[index]
            let c0 = Int(place[0])
            let c1 = Int(place[1])
            let c2 = Int(place[2])
            let c3 = Int(place[3])
            let row0 = SIMD4(rows.0[c0], rows.0[c1], rows.0[c2], rows.0[c3])
            let row1 = SIMD4(rows.1[c0], rows.1[c1], rows.1[c2], rows.1[c3])
            let row2 = SIMD4(rows.2[c0], rows.2[c1], rows.2[c2], rows.2[c3])
            let row3 = SIMD4(rows.3[c0], rows.3[c1], rows.3[c2], rows.3[c3])
            var sum = 0.0
            for layer in 0..<3 {
                let weight = depth[layer]
                let p0 = taken * down[0] * weight * row0
                let p1 = taken * down[1] * weight * row1
                let p2 = taken * down[2] * weight * row2
                let p3 = taken * down[3] * weight * row3
                sum = sum + p0[0] + p0[1] + p0[2] + p0[3]
                sum = sum + p1[0] + p1[1] + p1[2] + p1[3]
                sum = sum + p2[0] + p2[1] + p2[2] + p2[3]
                sum = sum + p3[0] + p3[1] + p3[2] + p3[3]
            }
            target[index] = sum
        }
    }

    private static let lanes = 8
    private static let pole = 3.0.squareRoot() - 2.0
    /// Terms of the truncated sum that starts the causal filter: `pole` to this power is below 1e-10.
    private static let horizon = 18

    private static func gather(
        _ source: UnsafePointer<Double>, rows: Int, width: Int, to block: UnsafeMutablePointer<SIMD8<Double>>
    ) {
        let target = UnsafeMutableRawPointer(block).assumingMemoryBound(to: Double.self)
        for row in 0..<lanes {
            let line = source + min(row, rows - 1) * width
            for column in 0..<width { target[column * lanes + row] = line[column] }
        }
    }

    private static func scatter(
        _ block: UnsafePointer<SIMD8<Double>>, rows: Int, width: Int, to target: UnsafeMutablePointer<Double>
    ) {
        let source = UnsafeRawPointer(block).assumingMemoryBound(to: Double.self)
        for row in 0..<rows {
            let line = target + row * width
            for column in 0..<width { line[column] = source[column * lanes + row] }
        }
    }

    private static func filterColumns(_ column: UnsafeMutablePointer<Double>, count: Int, stride: Int) {
        let raw = UnsafeMutableRawPointer(column)
        let step = stride * MemoryLayout<Double>.stride
        func load(_ index: Int) -> SIMD8<Double> { raw.loadUnaligned(fromByteOffset: index * step, as: SIMD8.self) }
        func store(_ value: SIMD8<Double>, _ index: Int) {
            raw.storeBytes(of: value, toByteOffset: index * step, as: SIMD8<Double>.self)
        }
        run(count: count, load: load, store: store)
    }

    private static func filter(_ line: UnsafeMutablePointer<SIMD8<Double>>, count: Int, stride: Int) {
        run(count: count, load: { line[$0] }, store: { line[$1] = $0 })
    }

    private static func filterColumn(_ column: UnsafeMutablePointer<Double>, count: Int, stride: Int) {
        run(
            count: count, load: { SIMD8(repeating: column[$0 * stride]) },
            store: { column[$1 * stride] = $0[0] })
    }

    @inline(__always)
    private static func run(
        count: Int, load: (Int) -> SIMD8<Double>, store: (SIMD8<Double>, Int) -> Void
    ) {
        let gain = (1.0 - pole) * (1.0 - 1.0 / pole)
        var current: SIMD8<Double>
        if horizon < count {
            current = load(0) * gain
            var power = pole
            for index in 1..<horizon {
                current += power * (load(index) * gain)
                power *= pole
            }
        } else {
            let inverse = 1 / pole
            var power = pole
            var mirrored = pow(pole, Double(count - 1))
            current = load(0) * gain + mirrored * (load(count - 1) * gain)
            mirrored *= mirrored * inverse
            for index in stride(from: 1, to: count - 1, by: 1) {
                current += (power + mirrored) * (load(index) * gain)
                power *= pole
                mirrored *= inverse
            }
            current /= 1 - power * power
        }
        store(current, 0)
        for index in 1..<count {
            current = load(index) * gain + pole * current
            store(current, index)
        }
        current = (pole / (pole * pole - 1.0)) * (pole * load(count - 2) + load(count - 1))
        store(current, count - 1)
        for index in Swift.stride(from: count - 2, through: 0, by: -1) {
            current = pole * (current - load(index))
            store(current, index)
        }
    }
}

import Threading

/// Loops of exact sums: features as whole multiples of 2⁻³⁰, cut into digits of 20 bits, so that every product and sum of a
/// block is a whole number below 2⁵³ and f64 arithmetic rounds nothing.
public enum MetricExactSums {
    /// Bits of one digit.
    public static let digitBits = 20

    /// Writes features as multiples of 2⁻³⁰, rounded to nearest, and widens what is known of every column: its lowest and
    /// highest value and the largest error of rounding, all in units of 2⁻³⁰.
    public static func quantise(
        _ source: UnsafePointer<Float>, rows: Int, columns: Int, to target: UnsafeMutablePointer<Double>,
        lowest: UnsafeMutablePointer<Double>, highest: UnsafeMutablePointer<Double>, lost: UnsafeMutablePointer<Double>
    ) {
        for row in 0..<rows {
            let values = source + row * columns
            let rounded = target + row * columns
            for column in 0..<columns {
                // The sum turns -0 into 0, so that the bits do not depend on the order of rows.
                let exact = Double(values[column]) * 0x1p30 + 0
                note(exact, column, rounded, lowest, highest, lost)
            }
        }
    }

    /// The same for features of f64.
    public static func quantise(
        _ source: UnsafePointer<Double>, rows: Int, columns: Int, to target: UnsafeMutablePointer<Double>,
        lowest: UnsafeMutablePointer<Double>, highest: UnsafeMutablePointer<Double>, lost: UnsafeMutablePointer<Double>
    ) {
        for row in 0..<rows {
            let values = source + row * columns
            let rounded = target + row * columns
            for column in 0..<columns {
                note(values[column] * 0x1p30 + 0, column, rounded, lowest, highest, lost)
            }
        }
    }

    @inline(__always) private static func note(
        _ exact: Double, _ column: Int, _ rounded: UnsafeMutablePointer<Double>,
        _ lowest: UnsafeMutablePointer<Double>, _ highest: UnsafeMutablePointer<Double>,
        _ lost: UnsafeMutablePointer<Double>
    ) {
        let value = exact.rounded(.toNearestOrEven)
        let error = abs(exact - value)
        rounded[column] = value
        lowest[column] = exact < lowest[column] ? exact : lowest[column]
        highest[column] = exact > highest[column] ? exact : highest[column]
        lost[column] = error > lost[column] ? error : lost[column]
    }

    /// Moves the lowest digit of `values` (within ±2¹⁹) to `digits` and leaves the rest, in units of the next digit.
    public static func splitLowestDigit(
        _ values: UnsafeMutablePointer<Double>, count: Int, to digits: UnsafeMutablePointer<Double>
    ) {
        Parallel.forRanges(count, grain: 65_536) { range in
            for index in range {
                let rest = (values[index] * 0x1p-20).rounded(.toNearestOrEven)
                digits[index] = values[index] - rest * 0x1p20
                values[index] = rest
            }
        }
    }

    /// `values += other`, element by element.
    public static func add(_ other: UnsafePointer<Double>, count: Int, to values: UnsafeMutablePointer<Double>) {
        Parallel.forRanges(count, grain: 65_536) { range in
            for index in range { values[index] += other[index] }
        }
    }

    /// Adds the column sums of a block of digits to whole-number sums.
    public static func addColumnSums(
        _ digits: UnsafePointer<Double>, rows: Int, columns: Int, to sums: UnsafeMutablePointer<Int64>
    ) {
        Parallel.forRanges(columns, grain: 256) { range in
            for row in 0..<rows {
                let values = digits + row * columns
                for column in range { sums[column] &+= Int64(values[column]) }
            }
        }
    }

    /// Adds the upper triangle of a square of whole numbers (row-major) to packed sums, times `sign` (1 or -1).
    public static func addTriangle(
        _ square: UnsafePointer<Double>, size: Int, sign: Int64, to sums: UnsafeMutablePointer<Int64>
    ) {
        Parallel.forEach((size + 63) / 64) { slab in
            for row in slab * 64..<min(size, slab * 64 + 64) {
                let from = square + row * size + row
                let to = sums + packedStart(row, size)
                for column in 0..<size - row { to[column] &+= sign &* Int64(from[column]) }
            }
        }
    }

    /// Carries what does not fit a balanced digit of 20 bits from `lower` to `upper`.
    public static func carry(
        _ lower: UnsafeMutablePointer<Int64>, to upper: UnsafeMutablePointer<Int64>, count: Int
    ) {
        Parallel.forRanges(count, grain: 65_536) { range in
            for index in range {
                let rest = (lower[index] &+ 524_288) >> 20
                lower[index] &-= rest << 20
                upper[index] &+= rest
            }
        }
    }

    /// Where row `row` of a packed upper triangle begins.
    public static func packedStart(_ row: Int, _ size: Int) -> Int { row * size - row * (row - 1) / 2 }

    /// Writes the covariance (row-major, both triangles) from exact sums: `(n Σxy - Σx Σy) / (n (n - 1))` in twice f64's
    /// digits, rounded once at the end.
    public static func covariance(
        products: [UnsafePointer<Int64>], sums: [UnsafePointer<Int64>], size: Int, count: Int,
        to target: UnsafeMutablePointer<Double>
    ) {
        let number = Double(count)
        let divisor = DoubleDouble(product: number, number - 1)
        let totals = UnsafeMutablePointer<DoubleDouble>.allocate(capacity: size)
        for column in 0..<size { totals[column] = DoubleDouble(digits: sums, at: column) }
        Parallel.forEach((size + 15) / 16) { slab in
            for row in slab * 16..<min(size, slab * 16 + 16) {
                let start = packedStart(row, size)
                for column in row..<size {
                    let product = DoubleDouble(digits: products, at: start + column - row)
                    let centred = product * number - totals[row] * totals[column]
                    let value = (centred / divisor) * 0x1p-60
                    target[row * size + column] = value
                    target[column * size + row] = value
                }
            }
        }
        totals.deallocate()
    }

    /// Writes the means of columns from exact sums.
    public static func means(
        sums: [UnsafePointer<Int64>], size: Int, count: Int, to target: UnsafeMutablePointer<Double>
    ) {
        let divisor = DoubleDouble(high: Double(count), low: 0)
        for column in 0..<size { target[column] = (DoubleDouble(digits: sums, at: column) / divisor) * 0x1p-30 }
    }
}

/// A number held as the unevaluated sum of two doubles, about 106 bits (Dekker, 1971).
struct DoubleDouble {
    var high: Double
    var low: Double

    @inline(__always) init(high: Double, low: Double) {
        self.high = high
        self.low = low
    }

    /// The exact product of two doubles.
    @inline(__always) init(product left: Double, _ right: Double) {
        high = left * right
        low = (-high).addingProduct(left, right)
    }

    /// The exact sum of two doubles (Knuth's two-sum).
    @inline(__always) init(sum left: Double, _ right: Double) {
        high = left + right
        let part = high - left
        low = (left - (high - part)) + (right - part)
    }

    /// A whole number from its digits of 20 bits, lowest first.
    @inline(__always) init(digits: [UnsafePointer<Int64>], at index: Int) {
        var result = DoubleDouble(high: 0, low: 0)
        for plane in stride(from: digits.count - 1, through: 0, by: -1) {
            let digit = digits[plane][index]
            let upper = (digit >> 32) << 32
            result = DoubleDouble(high: result.high * 0x1p20, low: result.low * 0x1p20)
            result = result + DoubleDouble(sum: Double(upper), Double(digit &- upper))
        }
        self = result
    }

    @inline(__always) static func + (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
        let high = DoubleDouble(sum: left.high, right.high)
        let low = DoubleDouble(sum: left.low, right.low)
        let middle = DoubleDouble(sum: high.high, high.low + low.high)
        return DoubleDouble(sum: middle.high, middle.low + low.low)
    }

    @inline(__always) static func - (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
        left + DoubleDouble(high: -right.high, low: -right.low)
    }

    @inline(__always) static func * (left: DoubleDouble, right: Double) -> DoubleDouble {
        let product = DoubleDouble(product: left.high, right)
        return DoubleDouble(sum: product.high, product.low + left.low * right)
    }

    @inline(__always) static func * (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
        let product = DoubleDouble(product: left.high, right.high)
        return DoubleDouble(sum: product.high, product.low + (left.high * right.low + left.low * right.high))
    }

    /// The quotient rounded to one double.
    @inline(__always) static func / (left: DoubleDouble, right: DoubleDouble) -> Double {
        let first = left.high / right.high
        let rest = left - right * first
        return first + rest.high / right.high
    }
}

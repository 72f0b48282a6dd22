import Threading

/// Loops over rows of features: widening, sums, finite checks. Callers have checked counts and dtypes.
public enum MetricConversion {
    /// The index of the first value that is NaN or infinite, or nil.
    public static func firstNotFinite(_ values: UnsafePointer<Float>, count: Int) -> Int? {
        let raw = UnsafeRawPointer(values)
        var index = 0
        while index + 16 <= count {
            let bits = raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD16<UInt32>.self)
            if any((bits & 0x7F80_0000) .== 0x7F80_0000) { break }
            index += 16
        }
        while index < count {
            if !values[index].isFinite { return index }
            index += 1
        }
        return nil
    }

    /// The index of the first value that is NaN or infinite, or nil.
    public static func firstNotFinite(_ values: UnsafePointer<Double>, count: Int) -> Int? {
        for index in 0..<count where !values[index].isFinite { return index }
        return nil
    }

    /// The largest magnitude; infinity where a value is NaN.
    public static func largestMagnitude(_ values: UnsafePointer<Double>, count: Int) -> Double {
        let raw = UnsafeRawPointer(values)
        var lanes = SIMD8<UInt64>.zero
        var index = 0
        while index + 8 <= count {
            let bits = raw.loadUnaligned(fromByteOffset: index * 8, as: SIMD8<UInt64>.self)
            lanes = pointwiseMax(lanes, bits & 0x7FFF_FFFF_FFFF_FFFF)
            index += 8
        }
        var largest = lanes.max()
        while index < count {
            largest = max(largest, values[index].magnitude.bitPattern)
            index += 1
        }
        // Bits of magnitudes are ordered as the magnitudes are, with NaN above infinity.
        return min(largest, Double.infinity.bitPattern) == largest ? Double(bitPattern: largest) : .infinity
    }

    /// Adds the sums of columns to `sums`, in f64, row after row.
    public static func addColumns(
        _ source: UnsafePointer<Float>, rows: Int, columns: Int, to sums: UnsafeMutablePointer<Double>
    ) {
        Parallel.forRanges(columns, grain: 256) { range in
            for row in 0..<rows {
                let from = source + row * columns
                for column in range { sums[column] += Double(from[column]) }
            }
        }
    }

    /// Writes `source` (`rows` x `columns`), less one shift a column, as f64.
    public static func widen(
        _ source: UnsafePointer<Float>, rows: Int, columns: Int, less shift: UnsafePointer<Double>?,
        to target: UnsafeMutablePointer<Double>
    ) {
        Parallel.forRanges(rows, grain: max(1, 65_536 / columns)) { range in
            for row in range {
                let from = source + row * columns
                let to = target + row * columns
                if let shift {
                    for column in 0..<columns { to[column] = Double(from[column]) - shift[column] }
                } else {
                    for column in 0..<columns { to[column] = Double(from[column]) }
                }
            }
        }
    }

    /// Writes `source` (`rows` x `columns`), less one shift a column.
    public static func widen(
        _ source: UnsafePointer<Double>, rows: Int, columns: Int, less shift: UnsafePointer<Double>?,
        to target: UnsafeMutablePointer<Double>
    ) {
        for row in 0..<rows {
            let from = source + row * columns
            let to = target + row * columns
            if let shift {
                for column in 0..<columns { to[column] = from[column] - shift[column] }
            } else {
                for column in 0..<columns { to[column] = from[column] }
            }
        }
    }

    /// `target += factor * source`.
    public static func add(
        _ source: UnsafePointer<Double>, times factor: Double, to target: UnsafeMutablePointer<Double>, count: Int
    ) {
        for index in 0..<count { target[index] += factor * source[index] }
    }

    /// The sum of squares of `rows` x `columns` values: of each row first, then of the rows in order.
    public static func sumOfSquares(_ values: UnsafePointer<Double>, rows: Int, columns: Int) -> Double {
        let sums = UnsafeMutablePointer<Double>.allocate(capacity: max(1, rows))
        Parallel.forRanges(rows, grain: max(1, 65_536 / max(1, columns))) { range in
            for row in range { sums[row] = sumOfSquares(values + row * columns, count: columns) }
        }
        var total = 0.0
        for row in 0..<rows { total += sums[row] }
        sums.deallocate()
        return total
    }

    /// The sum of squares, in eight lanes that are added at the end.
    public static func sumOfSquares(_ values: UnsafePointer<Double>, count: Int) -> Double {
        let raw = UnsafeRawPointer(values)
        var lanes = SIMD8<Double>.zero
        var index = 0
        while index + 8 <= count {
            let chunk = raw.loadUnaligned(fromByteOffset: index * 8, as: SIMD8<Double>.self)
            lanes.addProduct(chunk, chunk)
            index += 8
        }
        var total = lanes.sum()
        while index < count {
            total += values[index] * values[index]
            index += 1
        }
        return total
    }

    /// Raises `gamma * x + coefficient` to a whole power, in place: the polynomial kernel on a tile of inner products.
    public static func polynomial(
        _ values: UnsafeMutablePointer<Double>, count: Int, gamma: Double, coefficient: Double, degree: Int
    ) {
        Parallel.forRanges(count, grain: 32_768) { range in
            if degree == 3 {
                for index in range {
                    let base = values[index] * gamma + coefficient
                    values[index] = base * base * base
                }
                return
            }
            for index in range {
                let base = values[index] * gamma + coefficient
                var power = 1.0
                for _ in 0..<degree { power *= base }
                values[index] = power
            }
        }
    }
}

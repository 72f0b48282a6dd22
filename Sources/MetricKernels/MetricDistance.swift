import Threading

/// Squared Euclidean distances of feature rows: exact ones, and bounds from f32 products that decide most comparisons.
public enum MetricDistance {
    /// What products that underflow may add to a distance's error: far more than they can, far less than matters.
    @usableFromInline static let underflow: Float = 1e-30

    /// The squared distance of two f32 rows, summed in f64 in eight lanes and rounded to f32.
    public static func squared(_ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, count: Int) -> Float {
        let (a, b) = (UnsafeRawPointer(left), UnsafeRawPointer(right))
        var first = SIMD8<Double>.zero
        var second = SIMD8<Double>.zero
        var index = 0
        while index + 16 <= count {
            let offset = index * 4
            let low =
                SIMD8<Double>(a.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self))
                - SIMD8<Double>(b.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self))
            let high =
                SIMD8<Double>(a.loadUnaligned(fromByteOffset: offset + 32, as: SIMD8<Float>.self))
                - SIMD8<Double>(b.loadUnaligned(fromByteOffset: offset + 32, as: SIMD8<Float>.self))
            first.addProduct(low, low)
            second.addProduct(high, high)
            index += 16
        }
        var total = (first + second).sum()
        while index < count {
            let difference = Double(left[index]) - Double(right[index])
            total += difference * difference
            index += 1
        }
        return Float(total)
    }

    /// Writes rows less one shift a column, and the rows' squared norms.
    public static func centre(
        _ source: UnsafePointer<Float>, rows: Int, columns: Int, less shift: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>, norms: UnsafeMutablePointer<Float>
    ) {
        Parallel.forRanges(rows, grain: max(1, 65_536 / columns)) { range in
            for row in range {
                let (from, to) = (source + row * columns, target + row * columns)
                var lanes = SIMD8<Double>.zero
                var column = 0
                while column + 8 <= columns {
                    let value =
                        UnsafeRawPointer(from + column).loadUnaligned(as: SIMD8<Float>.self)
                        - UnsafeRawPointer(shift + column).loadUnaligned(as: SIMD8<Float>.self)
                    UnsafeMutableRawPointer(to + column).storeBytes(of: value, as: SIMD8<Float>.self)
                    let wide = SIMD8<Double>(value)
                    lanes.addProduct(wide, wide)
                    column += 8
                }
                var norm = lanes.sum()
                while column < columns {
                    to[column] = from[column] - shift[column]
                    norm += Double(to[column]) * Double(to[column])
                    column += 1
                }
                norms[row] = Float(norm)
            }
        }
    }

    /// Calls `found(column, low, high)` for the columns of one row of inner products whose squared distance may be at most
    /// `threshold()`, with bounds of that distance. The distance is `norm + norms[j] - 2 products[j]`, off by at most
    /// `slack (norm + norms[j])`.
    @inline(__always)
    public static func scanRow(
        _ products: UnsafePointer<Float>, stride: Int, count: Int, norm: Float, norms: UnsafePointer<Float>,
        slack: Float, threshold: () -> Float, found: (Int, Float, Float) -> Void
    ) {
        var limit = threshold()
        var column = 0
        if stride == 1 {
            while column + 16 <= count {
                let sum = UnsafeRawPointer(norms + column).loadUnaligned(as: SIMD16<Float>.self) + norm
                let product = UnsafeRawPointer(products + column).loadUnaligned(as: SIMD16<Float>.self)
                let low = sum - 2 * product - (slack * sum + underflow)
                if any(low .<= limit) {
                    for lane in 0..<16 where low[lane] <= limit {
                        found(column + lane, max(0, low[lane]), low[lane] + 2 * (slack * sum[lane] + underflow))
                    }
                    limit = threshold()
                }
                column += 16
            }
        }
        while column < count {
            let sum = norm + norms[column]
            let low = sum - 2 * products[column * stride] - (slack * sum + underflow)
            if low <= limit {
                found(column, max(0, low), low + 2 * (slack * sum + underflow))
                limit = threshold()
            }
            column += 1
        }
    }

    /// Marks which squared distances of one row lie below the row's and the columns' thresholds, where the bounds decide it,
    /// and calls `doubtful(column)` where they do not.
    ///
    /// `columnCounts[j]` grows where the distance is below the row's threshold.
    /// - Returns: whether any distance is surely below the row's threshold, and whether any is surely below its column's.
    @inline(__always)
    public static func compareRow(
        _ products: UnsafePointer<Float>, count: Int, norm: Float, norms: UnsafePointer<Float>, slack: Float,
        rowThreshold: Float, columnThresholds: UnsafePointer<Float>, columnCounts: UnsafeMutablePointer<Int32>,
        doubtful: (Int) -> Void
    ) -> (belowRow: Bool, belowColumn: Bool) {
        var belowRow = false
        var belowColumn = false
        var column = 0
        while column + 16 <= count {
            let sum = UnsafeRawPointer(norms + column).loadUnaligned(as: SIMD16<Float>.self) + norm
            let product = UnsafeRawPointer(products + column).loadUnaligned(as: SIMD16<Float>.self)
            let limits = UnsafeRawPointer(columnThresholds + column).loadUnaligned(as: SIMD16<Float>.self)
            let low = sum - 2 * product - (slack * sum + underflow)
            let high = low + 2 * (slack * sum + underflow)
            let surelyRow = high .< rowThreshold
            let surelyColumn = high .< limits
            let doubts = ((low .< rowThreshold) .& .!surelyRow) .| ((low .< limits) .& .!surelyColumn)
            if any(surelyColumn) { belowColumn = true }
            if any(surelyRow) || any(doubts) {
                for lane in 0..<16 {
                    if doubts[lane] {
                        doubtful(column + lane)
                    } else if surelyRow[lane] {
                        belowRow = true
                        columnCounts[column + lane] &+= 1
                    }
                }
            }
            column += 16
        }
        while column < count {
            let sum = norm + norms[column]
            let low = sum - 2 * products[column] - (slack * sum + underflow)
            let high = low + 2 * (slack * sum + underflow)
            let surelyRow = high < rowThreshold
            let surelyColumn = high < columnThresholds[column]
            if surelyColumn { belowColumn = true }
            if (low < rowThreshold && !surelyRow) || (low < columnThresholds[column] && !surelyColumn) {
                doubtful(column)
            } else if surelyRow {
                belowRow = true
                columnCounts[column] &+= 1
            }
            column += 1
        }
        return (belowRow, belowColumn)
    }
}

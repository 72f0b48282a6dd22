import ArrayKernels

/// The parts of attention between its two products.
public enum NetSoftmax {
    private static let log2e: Float = 1.44269504

    /// e^(x - max) of each row of f32 scores, into f32 (may be in place) or bf16, and the reciprocal of each row's sum.
    ///
    /// Both buffers reach 16 elements behind the last row; what lies there may change.
    /// - Parameters:
    ///   - stride: elements from one row of scores to the next; the same in the target.
    ///   - scale: is multiplied to the scores first.
    public static func exponentials(
        _ scores: UnsafeMutablePointer<Float>, _ target: UnsafeMutableRawPointer, _ targetType: NetType, rows: Int,
        columns: Int, stride: Int, scale: Float, reciprocals: UnsafeMutablePointer<Float>
    ) {
        switch targetType {
        case .f32: rowsOf(NetF32.self, scores, target, rows, columns, stride, scale, reciprocals)
        case .bf16: rowsOf(NetBF16.self, scores, target, rows, columns, stride, scale, reciprocals)
        }
    }

    private static func rowsOf<T: NetElement>(
        _: T.Type, _ scores: UnsafeMutablePointer<Float>, _ target: UnsafeMutableRawPointer, _ rows: Int,
        _ columns: Int, _ stride: Int, _ scale: Float, _ reciprocals: UnsafeMutablePointer<Float>
    ) {
        let vectors = columns / 16 * 16
        for row in 0..<rows {
            let start = row * stride
            let line = scores + start
            var maxima = SIMD16<Float>(repeating: -.infinity)
            var others = maxima
            var index = 0
            while index + 32 <= vectors {
                maxima = netMaximum(maxima, NetF32.load(line, index))
                others = netMaximum(others, NetF32.load(line, index + 16))
                index += 32
            }
            if index < vectors {
                maxima = netMaximum(maxima, NetF32.load(line, index))
                index += 16
            }
            let lanes = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
            let isOutside = lanes .>= Int32(columns - vectors)
            if index < columns {
                let last = NetF32.load(line, vectors).replacing(with: -.infinity, where: isOutside)
                maxima = netMaximum(maxima, last)
            }
            let maximum = netTop(netMaximum(maxima, others))
            // Powers of two: e^x = 2^(x · log2 e), and the scale takes the factor in.
            let shift = SIMD16<Float>(repeating: -maximum * scale * log2e)
            let factor = SIMD16<Float>(repeating: scale * log2e)
            var sums = SIMD16<Float>.zero
            index = 0
            while index < vectors {
                let value = T.power(shift.addingProduct(NetF32.load(line, index), factor))
                sums += value
                T.storePositive(target, start + index, value)
                index += 16
            }
            if index < columns {
                let old = NetF32.load(line, index)
                let value = T.power(shift.addingProduct(old, factor)).replacing(with: 0, where: isOutside)
                sums += value
                // In place, what lies behind the row is the next row's; elsewhere the next row is still to be written.
                let isInPlace = UnsafeRawPointer(target) == UnsafeRawPointer(scores)
                T.store(target, start + index, isInPlace ? value.replacing(with: old, where: isOutside) : value)
            }
            reciprocals[row] = 1 / netSum(sums)
        }
    }

    /// Copies `rows` rows of `columns` f32 values, `stride` apart and each multiplied with its factor, to rows `targetStride` apart.
    public static func scaleRows(
        _ source: UnsafePointer<Float>, stride: Int, _ target: UnsafeMutableRawPointer, _ targetType: NetType,
        rows: Int, columns: Int, targetStride: Int, factors: UnsafePointer<Float>
    ) {
        switch targetType {
        case .f32: scaleRowsOf(NetF32.self, source, stride, target, rows, columns, targetStride, factors)
        case .bf16: scaleRowsOf(NetBF16.self, source, stride, target, rows, columns, targetStride, factors)
        }
    }

    private static func scaleRowsOf<T: NetElement>(
        _: T.Type, _ source: UnsafePointer<Float>, _ stride: Int, _ target: UnsafeMutableRawPointer, _ rows: Int,
        _ columns: Int, _ targetStride: Int, _ factors: UnsafePointer<Float>
    ) {
        for row in 0..<rows {
            let factor = factors[row]
            var index = 0
            while index + 16 <= columns {
                T.store(target, row * targetStride + index, NetF32.load(source, row * stride + index) * factor)
                index += 16
            }
            while index < columns {
                T.storeOne(target, row * targetStride + index, source[row * stride + index] * factor)
                index += 1
            }
        }
    }

    /// One block of keys of a softmax over many blocks: e^(x - maximum), where each row's maximum, its sum so far, and the
    /// factor that earlier results must be multiplied with are kept up to date.
    ///
    /// Both buffers reach 16 elements behind the last row; what lies there may change.
    /// - Parameters:
    ///   - scores: f32 `[rows, columns]`.
    ///   - target: the exponentials, f32 (may be in place) or bf16.
    ///   - maxima: of each row, in units of log2; -infinity before the first block.
    ///   - sums: of each row; 0 before the first block.
    ///   - factors: of each row, for what earlier blocks gave.
    public static func blockExponentials(
        _ scores: UnsafeMutablePointer<Float>, _ target: UnsafeMutableRawPointer, _ type: NetType, rows: Int,
        columns: Int, scale: Float, maxima: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>,
        factors: UnsafeMutablePointer<Float>
    ) {
        switch type {
        case .f32: blockRows(NetF32.self, scores, target, rows, columns, scale, maxima, sums, factors)
        case .bf16: blockRows(NetBF16.self, scores, target, rows, columns, scale, maxima, sums, factors)
        }
    }

    private static func blockRows<T: NetElement>(
        _: T.Type, _ scores: UnsafeMutablePointer<Float>, _ target: UnsafeMutableRawPointer, _ rows: Int,
        _ columns: Int, _ scale: Float, _ maxima: UnsafeMutablePointer<Float>, _ sums: UnsafeMutablePointer<Float>,
        _ factors: UnsafeMutablePointer<Float>
    ) {
        let lanes = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        let vectors = columns / 16 * 16
        let isOutside = lanes .>= Int32(columns - vectors)
        let isInPlace = UnsafeRawPointer(target) == UnsafeRawPointer(scores)
        let factor = SIMD16<Float>(repeating: scale * log2e)
        for row in 0..<rows {
            let start = row * columns
            let line = scores + start
            var top = SIMD16<Float>(repeating: -.infinity)
            var index = 0
            while index < vectors {
                top = netMaximum(top, NetF32.load(line, index))
                index += 16
            }
            if index < columns {
                top = netMaximum(top, NetF32.load(line, index).replacing(with: -.infinity, where: isOutside))
            }
            let maximum = max(maxima[row], netTop(top) * scale * log2e)
            let before = fastExp((maxima[row] - maximum) / log2e)
            factors[row] = before
            maxima[row] = maximum
            let shift = SIMD16<Float>(repeating: -maximum)
            var sum = SIMD16<Float>.zero
            index = 0
            while index < vectors {
                let value = T.power(shift.addingProduct(NetF32.load(line, index), factor))
                sum += value
                T.storePositive(target, start + index, value)
                index += 16
            }
            if index < columns {
                let old = NetF32.load(line, index)
                let value = T.power(shift.addingProduct(old, factor)).replacing(with: 0, where: isOutside)
                sum += value
                T.store(target, start + index, isInPlace ? value.replacing(with: old, where: isOutside) : value)
            }
            sums[row] = sums[row] * before + netSum(sum)
        }
    }

    /// total = total · factor of the row + part, over `[rows, columns]`.
    public static func accumulate(
        _ part: UnsafePointer<Float>, _ total: UnsafeMutablePointer<Float>, rows: Int, columns: Int,
        factors: UnsafePointer<Float>
    ) {
        for row in 0..<rows {
            let factor = factors[row]
            for index in row * columns..<(row + 1) * columns { total[index] = part[index] + total[index] * factor }
        }
    }
}

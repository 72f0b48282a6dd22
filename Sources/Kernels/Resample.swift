/// The two passes of image resampling on 8-bit samples, in Pillow's fixed point: weights with 22 bits behind the point,
/// 32-bit sums that start at one half, results clamped to 0 ... 255.
public enum ResampleKernels {
    private static let half = Int32(1) << 21
    private static let shift = Int32(22)

    /// One axis' weights: output pixel i sums `counts[i]` source pixels from `starts[i]` on, with the weights from
    /// `i * taps` on. `taps` is a multiple of 16 and the weights behind a pixel's last are zero.
    public struct Axis {
        let starts: UnsafePointer<Int32>
        let counts: UnsafePointer<Int32>
        let weights: UnsafePointer<Int32>
        let taps: Int

        public init(
            starts: UnsafePointer<Int32>, counts: UnsafePointer<Int32>, weights: UnsafePointer<Int32>, taps: Int
        ) {
            self.starts = starts
            self.counts = counts
            self.weights = weights
            self.taps = taps
        }
    }

    /// Resamples `rows` rows along their length, for the output columns in `columns`.
    ///
    /// Up to 15 bytes behind the last source pixel are read, with zero weight.
    /// - Parameters:
    ///   - source: the first row, of interleaved samples.
    ///   - target: where the first column of `columns` goes in the first row.
    ///   - channels: samples a pixel, 1 to 4.
    public static func horizontal(
        source: UnsafePointer<UInt8>, sourceStride: Int, target: UnsafeMutablePointer<UInt8>, targetStride: Int,
        rows: Int, columns: Range<Int>, channels: Int, axis: Axis
    ) {
        for row in 0..<rows {
            let from = source + row * sourceStride
            let to = target + row * targetStride
            switch channels {
            case 1: horizontalRow1(from, to, columns, axis)
            case 2: horizontalRow2(from, to, columns, axis)
            case 3: horizontalRow3(from, to, columns, axis)
            default: horizontalRow4(from, to, columns, axis)
            }
        }
    }

    private static func horizontalRow1(
        _ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, _ columns: Range<Int>, _ axis: Axis
    ) {
        for column in columns {
            let pixels = UnsafeRawPointer(source + Int(axis.starts[column]))
            let weights = UnsafeRawPointer(axis.weights + column * axis.taps)
            var sums = SIMD16<Int32>.zero
            var tap = 0
            while tap < Int(axis.counts[column]) {
                let values = pixels.loadUnaligned(fromByteOffset: tap, as: SIMD16<UInt8>.self)
                let factors = weights.loadUnaligned(fromByteOffset: 4 * tap, as: SIMD16<Int32>.self)
                sums &+= SIMD16<Int32>(truncatingIfNeeded: values) &* factors
                tap += 16
            }
            target[column - columns.lowerBound] = clamp(half &+ sums.wrappedSum())
        }
    }

    private static func horizontalRow2(
        _ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, _ columns: Range<Int>, _ axis: Axis
    ) {
        for column in columns {
            let pixels = source + 2 * Int(axis.starts[column])
            let weights = axis.weights + column * axis.taps
            var first = half
            var second = half
            for tap in 0..<Int(axis.counts[column]) {
                first &+= Int32(pixels[2 * tap]) &* weights[tap]
                second &+= Int32(pixels[2 * tap + 1]) &* weights[tap]
            }
            let to = target + 2 * (column - columns.lowerBound)
            to[0] = clamp(first)
            to[1] = clamp(second)
        }
    }

    private static func horizontalRow3(
        _ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, _ columns: Range<Int>, _ axis: Axis
    ) {
        for column in columns {
            let sums = pixelSums(source, step: 3, column, axis)
            let to = target + 3 * (column - columns.lowerBound)
            to[0] = clamp(sums[0])
            to[1] = clamp(sums[1])
            to[2] = clamp(sums[2])
        }
    }

    private static func horizontalRow4(
        _ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, _ columns: Range<Int>, _ axis: Axis
    ) {
        for column in columns {
            let sums = pixelSums(source, step: 4, column, axis)
            let to = target + 4 * (column - columns.lowerBound)
            for band in 0..<4 { to[band] = clamp(sums[band]) }
        }
    }

    /// Sums over four bytes from each pixel on: of three-byte pixels the fourth lane is meaningless.
    @inline(__always)
    private static func pixelSums(
        _ source: UnsafePointer<UInt8>, step: Int, _ column: Int, _ axis: Axis
    ) -> SIMD4<Int32> {
        let pixels = UnsafeRawPointer(source + step * Int(axis.starts[column]))
        let weights = axis.weights + column * axis.taps
        let count = Int(axis.counts[column])
        var even = SIMD4<Int32>(repeating: half)
        var odd = SIMD4<Int32>.zero
        var tap = 0
        while tap + 1 < count {
            even &+= load4(pixels, step * tap) &* weights[tap]
            odd &+= load4(pixels, step * (tap + 1)) &* weights[tap + 1]
            tap += 2
        }
        if tap < count { even &+= load4(pixels, step * tap) &* weights[tap] }
        return even &+ odd
    }

    @inline(__always)
    private static func load4(_ pixels: UnsafeRawPointer, _ offset: Int) -> SIMD4<Int32> {
        SIMD4<Int32>(truncatingIfNeeded: pixels.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt8>.self))
    }

    /// Resamples along the columns, for the output rows in `rows`.
    /// - Parameters:
    ///   - source: source row 0; rows are `rowBytes` long.
    ///   - target: where the first row of `rows` goes.
    public static func vertical(
        source: UnsafePointer<UInt8>, sourceStride: Int, target: UnsafeMutablePointer<UInt8>, targetStride: Int,
        rows: Range<Int>, rowBytes: Int, axis: Axis
    ) {
        for row in rows {
            let from = source + Int(axis.starts[row]) * sourceStride
            let to = target + (row - rows.lowerBound) * targetStride
            let weights = axis.weights + row * axis.taps
            let count = Int(axis.counts[row])
            var column = 0
            while column + 32 <= rowBytes {
                let sums = columnSums(from + column, sourceStride, weights, count)
                let bytes = SIMD32<UInt8>(
                    truncatingIfNeeded: (sums &>> shift).clamped(
                        lowerBound: SIMD32(repeating: 0), upperBound: SIMD32(repeating: 255)))
                UnsafeMutableRawPointer(to + column).storeBytes(of: bytes, as: SIMD32<UInt8>.self)
                column += 32
            }
            while column < rowBytes {
                var sum = half
                for tap in 0..<count { sum &+= Int32(from[column + tap * sourceStride]) &* weights[tap] }
                to[column] = clamp(sum)
                column += 1
            }
        }
    }

    @inline(__always)
    private static func columnSums(
        _ source: UnsafePointer<UInt8>, _ stride: Int, _ weights: UnsafePointer<Int32>, _ count: Int
    ) -> SIMD32<Int32> {
        var sums = SIMD32<Int32>(repeating: half)
        for tap in 0..<count {
            let values = UnsafeRawPointer(source + tap * stride).loadUnaligned(as: SIMD32<UInt8>.self)
            sums &+= SIMD32<Int32>(truncatingIfNeeded: values) &* weights[tap]
        }
        return sums
    }

    @inline(__always)
    private static func clamp(_ sum: Int32) -> UInt8 { UInt8(truncatingIfNeeded: max(0, min(255, sum >> shift))) }
}

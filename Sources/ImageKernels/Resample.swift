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

        /// One axis over tables that the caller keeps alive.
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
    /// Each row is widened to 32 bits first: vectors of 32-bit lanes multiply well, vectors of bytes do not widen well.
    /// - Parameters:
    ///   - source: the first row, of interleaved samples.
    ///   - rowSamples: samples of a source row.
    ///   - target: where the first column of `columns` goes in the first row.
    ///   - channels: samples a pixel, 1 to 4.
    public static func horizontal(
        source: UnsafePointer<UInt8>, rowSamples: Int, target: UnsafeMutablePointer<UInt8>, targetStride: Int,
        rows: Int, columns: Range<Int>, channels: Int, axis: Axis
    ) {
        // Vector loads run over the end of a row, with weights of zero there.
        let wide = UnsafeMutablePointer<Int32>.allocate(capacity: rowSamples + 16)
        wide.initialize(repeating: 0, count: rowSamples + 16)
        defer { wide.deallocate() }
        for row in 0..<rows {
            let from = source + row * rowSamples
            for index in 0..<rowSamples { wide[index] = Int32(from[index]) }
            let pixels = UnsafeRawPointer(wide)
            let to = target + row * targetStride
            switch channels {
            case 1: row1(pixels, to, columns, axis)
            case 2: row2(pixels, to, columns, axis)
            case 3: row3(pixels, to, columns, axis)
            default: row4(pixels, to, columns, axis)
            }
        }
    }

    private static func row1(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<UInt8>, _ columns: Range<Int>, _ axis: Axis
    ) {
        for column in columns {
            let pixels = source + 4 * Int(axis.starts[column])
            let weights = UnsafeRawPointer(axis.weights + column * axis.taps)
            let end = 4 * Int(axis.counts[column])
            let sum: Int32
            if end <= 16 {
                sum = (load4(pixels) &* load4(weights)).total
            } else if end <= 32 {
                sum = (load8(pixels) &* load8(weights)).total
            } else {
                var sums = SIMD16<Int32>.zero
                for offset in stride(from: 0, to: end, by: 64) {
                    sums &+= load16(pixels + offset) &* load16(weights + offset)
                }
                sum = (sums.lowHalf &+ sums.highHalf).total
            }
            target[column - columns.lowerBound] = clamp(half &+ sum)
        }
    }

    private static func row2(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<UInt8>, _ columns: Range<Int>, _ axis: Axis
    ) {
        for column in columns {
            let pixels = source + 8 * Int(axis.starts[column])
            let weights = axis.weights + column * axis.taps
            var sums = SIMD2<Int32>(repeating: half)
            for tap in 0..<Int(axis.counts[column]) {
                sums &+= (pixels + 8 * tap).loadUnaligned(as: SIMD2<Int32>.self) &* SIMD2(repeating: weights[tap])
            }
            let to = target + 2 * (column - columns.lowerBound)
            to[0] = clamp(sums[0])
            to[1] = clamp(sums[1])
        }
    }

    private static func row3(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<UInt8>, _ columns: Range<Int>, _ axis: Axis
    ) {
        for column in columns {
            let sums = pixelSums(source, step: 12, column, axis)
            let to = target + 3 * (column - columns.lowerBound)
            to[0] = clamp(sums[0])
            to[1] = clamp(sums[1])
            to[2] = clamp(sums[2])
        }
    }

    private static func row4(
        _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<UInt8>, _ columns: Range<Int>, _ axis: Axis
    ) {
        for column in columns {
            let sums = pixelSums(source, step: 16, column, axis)
            let to = target + 4 * (column - columns.lowerBound)
            to[0] = clamp(sums[0])
            to[1] = clamp(sums[1])
            to[2] = clamp(sums[2])
            to[3] = clamp(sums[3])
        }
    }

    /// Sums over four samples from each pixel on: of pixels with three samples the fourth lane is meaningless.
    @inline(__always)
    private static func pixelSums(
        _ source: UnsafeRawPointer, step: Int, _ column: Int, _ axis: Axis
    ) -> SIMD4<Int32> {
        let pixels = source + step * Int(axis.starts[column])
        let weights = axis.weights + column * axis.taps
        let count = Int(axis.counts[column])
        var even = SIMD4<Int32>(repeating: half)
        var odd = SIMD4<Int32>.zero
        var tap = 0
        while tap + 1 < count {
            even &+= load4(pixels + step * tap) &* SIMD4(repeating: weights[tap])
            odd &+= load4(pixels + step * (tap + 1)) &* SIMD4(repeating: weights[tap + 1])
            tap += 2
        }
        if tap < count { even &+= load4(pixels + step * tap) &* SIMD4(repeating: weights[tap]) }
        return even &+ odd
    }

    @inline(__always)
    private static func load4(_ pointer: UnsafeRawPointer) -> SIMD4<Int32> {
        pointer.loadUnaligned(as: SIMD4<Int32>.self)
    }

    @inline(__always)
    private static func load8(_ pointer: UnsafeRawPointer) -> SIMD8<Int32> {
        pointer.loadUnaligned(as: SIMD8<Int32>.self)
    }

    @inline(__always)
    private static func load16(_ pointer: UnsafeRawPointer) -> SIMD16<Int32> {
        pointer.loadUnaligned(as: SIMD16<Int32>.self)
    }

    /// Samples that `vertical` sums at a time, few enough for their sums to stay in the first cache.
    private static let block = 2048

    /// Resamples along the columns, for the output rows in `rows`.
    /// - Parameters:
    ///   - source: source row 0; rows are `rowSamples` long.
    ///   - target: where the first row of `rows` goes.
    public static func vertical(
        source: UnsafePointer<UInt8>, sourceStride: Int, target: UnsafeMutablePointer<UInt8>, targetStride: Int,
        rows: Range<Int>, rowSamples: Int, axis: Axis
    ) {
        let sums = UnsafeMutablePointer<Int32>.allocate(capacity: min(block, rowSamples))
        defer { sums.deallocate() }
        for row in rows {
            let from = source + Int(axis.starts[row]) * sourceStride
            let to = target + (row - rows.lowerBound) * targetStride
            let weights = axis.weights + row * axis.taps
            for start in stride(from: 0, to: rowSamples, by: block) {
                let count = min(block, rowSamples - start)
                sums.initialize(repeating: half, count: count)
                addRows(from + start, sourceStride, weights, Int(axis.counts[row]), to: sums, count)
                for index in 0..<count { (to + start)[index] = clamp(sums[index]) }
            }
        }
    }

    /// Adds `taps` weighted rows to the sums, four rows at a time while there are four.
    @inline(__always)
    private static func addRows(
        _ source: UnsafePointer<UInt8>, _ stride: Int, _ weights: UnsafePointer<Int32>, _ taps: Int,
        to sums: UnsafeMutablePointer<Int32>, _ count: Int
    ) {
        var tap = 0
        while tap + 4 <= taps {
            let (a, b) = (source + tap * stride, source + (tap + 1) * stride)
            let (c, d) = (source + (tap + 2) * stride, source + (tap + 3) * stride)
            let (first, second, third, fourth) = (weights[tap], weights[tap + 1], weights[tap + 2], weights[tap + 3])
            for index in 0..<count {
                let left = Int32(a[index]) &* first &+ Int32(b[index]) &* second
                let right = Int32(c[index]) &* third &+ Int32(d[index]) &* fourth
                sums[index] = sums[index] &+ left &+ right
            }
            tap += 4
        }
        while tap < taps {
            let from = source + tap * stride
            let weight = weights[tap]
            for index in 0..<count { sums[index] = sums[index] &+ Int32(from[index]) &* weight }
            tap += 1
        }
    }

    @inline(__always)
    private static func clamp(_ sum: Int32) -> UInt8 { UInt8(truncatingIfNeeded: max(0, min(255, sum >> shift))) }
}

extension SIMD4<Int32> {
    /// The sum of the lanes; `wrappedSum` compiles to a loop.
    @inline(__always)
    fileprivate var total: Int32 {
        let pair = lowHalf &+ highHalf
        return pair[0] &+ pair[1]
    }
}

extension SIMD8<Int32> {
    @inline(__always)
    fileprivate var total: Int32 { (lowHalf &+ highHalf).total }
}

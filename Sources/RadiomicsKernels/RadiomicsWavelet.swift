/// One level of the stationary (undecimated) wavelet transform along one axis of an image, periodic at its ends, in
/// PyWavelets' order of additions, so that a constant region gives the same rounding noise.
public enum RadiomicsWavelet {
    /// Filters every row: `low` and `high` get the two filters' results. `low` and `high` must not be `source`.
    /// - Parameters:
    ///   - lowFilter: the decomposition filter of `length` taps, an even number.
    ///   - highFilter: its partner, as long.
    public static func rows(
        _ source: UnsafePointer<Double>, width: Int, height: Int, lowFilter: UnsafePointer<Double>,
        highFilter: UnsafePointer<Double>, length: Int, low: UnsafeMutablePointer<Double>,
        high: UnsafeMutablePointer<Double>
    ) {
        let half = length / 2
        // Outputs whose taps all lie inside the row.
        let first = min(width, max(0, length - 1 - half))
        let end = max(first, width - half)
        for row in 0..<height {
            let line = source + row * width
            let lowLine = low + row * width
            let highLine = high + row * width
            for index in first..<end {
                lowLine[index] = 0
                highLine[index] = 0
            }
            for tap in 0..<length {
                let a = lowFilter[tap]
                let b = highFilter[tap]
                let shifted = line + (half - tap)
                for index in first..<end {
                    let value = shifted[index]
                    lowLine[index] += a * value
                    highLine[index] += b * value
                }
            }
            for index in 0..<first {
                edge(index, line, width, 1, lowFilter, highFilter, length, &lowLine[index], &highLine[index])
            }
            for index in end..<width {
                edge(index, line, width, 1, lowFilter, highFilter, length, &lowLine[index], &highLine[index])
            }
        }
    }

    /// Filters every column.
    public static func columns(
        _ source: UnsafePointer<Double>, width: Int, height: Int, filter: UnsafePointer<Double>, length: Int,
        to target: UnsafeMutablePointer<Double>
    ) {
        for row in 0..<height {
            let line = target + row * width
            for index in 0..<width { line[index] = 0 }
            forEachTap(of: row, count: height, length: length) { tap, sample in
                let factor = filter[tap]
                let taken = source + sample * width
                for index in 0..<width { line[index] += factor * taken[index] }
            }
        }
    }

    /// Calls `body` with the taps of output `index` and the samples that they meet, in PyWavelets' order: ascending taps,
    /// but those that run over the end of the signal come first and in the order of the samples.
    @inline(__always)
    private static func forEachTap(of index: Int, count: Int, length: Int, _ body: (Int, Int) -> Void) {
        let centre = index + length / 2
        var tap = 0
        if centre >= count {
            for sample in 0...(centre - count) { body(centre - count - sample, sample % count) }
            tap = centre - count + 1
        }
        while tap < length {
            var sample = centre - tap
            while sample < 0 { sample += count }
            body(tap, sample)
            tap += 1
        }
    }

    @inline(__always)
    private static func edge(
        _ index: Int, _ line: UnsafePointer<Double>, _ count: Int, _ stride: Int, _ lowFilter: UnsafePointer<Double>,
        _ highFilter: UnsafePointer<Double>, _ length: Int, _ low: inout Double, _ high: inout Double
    ) {
        var lowSum = 0.0
        var highSum = 0.0
        forEachTap(of: index, count: count, length: length) { tap, sample in
            let value = line[sample * stride]
            lowSum += lowFilter[tap] * value
            highSum += highFilter[tap] * value
        }
        low = lowSum
        high = highSum
    }
}

/// Discretisation: which bin every value of an image falls into.
public enum RadiomicsLevels {
    /// Writes the bin (from 1) of every value: the number of edges `start + i * width` that are not above it, as NumPy's
    /// `digitize` counts them.
    public static func bins(
        _ values: UnsafePointer<Double>, count: Int, start: Double, width: Double,
        to bins: UnsafeMutablePointer<Int32>
    ) {
        let inverse = 1 / width
        for index in 0..<count {
            let value = values[index]
            var bin = ((value - start) * inverse).rounded(.down)
            // The quotient is rounded, the edges are what decides.
            bin -= value < start + bin * width ? 1 : 0
            bin += value >= start + (bin + 1) * width ? 1 : 0
            bins[index] = Int32(truncatingIfNeeded: Int(bin) + 1)
        }
    }

    /// Adds how often every bin occurs to `counts`.
    public static func count(
        _ bins: UnsafePointer<Int32>, mask: UnsafePointer<UInt8>?, count: Int, to counts: UnsafeMutablePointer<Int32>
    ) {
        for index in 0..<count where mask == nil || mask?[index] != 0 { counts[Int(bins[index])] += 1 }
    }

    /// Replaces bins by the ranks of the levels that occur (from 1; 0 is outside the region), in an image whose rows are
    /// `stride` apart and whose first pixel is `target[0]`.
    public static func rank(
        _ bins: UnsafePointer<Int32>, mask: UnsafePointer<UInt8>?, ranks: UnsafePointer<UInt16>, width: Int,
        height: Int, stride: Int, to target: UnsafeMutablePointer<UInt16>
    ) {
        for row in 0..<height {
            let source = bins + row * width
            let line = target + row * stride
            if let mask {
                let inside = mask + row * width
                for column in 0..<width { line[column] = inside[column] == 0 ? 0 : ranks[Int(source[column])] }
            } else {
                for column in 0..<width { line[column] = ranks[Int(source[column])] }
            }
        }
    }
}

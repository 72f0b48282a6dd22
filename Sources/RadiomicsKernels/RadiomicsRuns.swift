/// Run lengths along a direction of an image of level ranks (0 is outside the region) with a border of zeros.
public enum RadiomicsRuns {
    /// Adds one to `counts[rank * longest + length - 1]` for every run along rows. Returns the longest length found.
    public static func countAlongRows(
        _ ranks: UnsafePointer<UInt16>, width: Int, height: Int, stride: Int, longest: Int,
        to counts: UnsafeMutablePointer<UInt32>
    ) -> Int {
        var found = 0
        for row in 0..<height {
            let line = ranks + row * stride
            var start = 0
            while start < width {
                let rank = line[start]
                var end = start + 1
                while end < width && line[end] == rank { end += 1 }
                if rank != 0 {
                    counts[Int(rank) * longest + (end - start) - 1] += 1
                    found = max(found, end - start)
                }
                start = end
            }
        }
        return found
    }

    /// The same along columns (`slope` 0) or diagonals: a pixel's predecessor lies in the row above, `slope` columns to the
    /// left. `lengths` is scratch of `2 * (width + 2)` elements.
    public static func countAcrossRows(
        _ ranks: UnsafePointer<UInt16>, width: Int, height: Int, stride: Int, slope: Int, longest: Int,
        lengths: UnsafeMutablePointer<Int32>, to counts: UnsafeMutablePointer<UInt32>
    ) -> Int {
        var before = lengths + 1
        var current = lengths + (width + 2) + 1
        for index in 0..<(2 * (width + 2)) { lengths[index] = 0 }
        var found: Int32 = 0
        for row in 0..<height {
            let line = ranks + row * stride
            let above = line - stride - slope
            let below = line + stride + slope
            for column in 0..<width {
                current[column] = line[column] == above[column] ? before[column - slope] &+ 1 : 1
            }
            for column in 0..<width where line[column] != below[column] {
                let rank = Int(line[column])
                let length = current[column]
                counts[rank &* longest &+ Int(length) &- 1] &+= 1
                if rank != 0 { found = max(found, length) }
            }
            (before, current) = (current, before)
        }
        return Int(found)
    }
}

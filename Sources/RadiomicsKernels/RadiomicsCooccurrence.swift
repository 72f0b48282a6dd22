/// Co-occurrence counts and neighbourhood differences of an image of level ranks (0 is outside the region) that has a
/// border of zeros at least as wide as the offsets reach.
public enum RadiomicsCooccurrence {
    /// Adds one to `counts[a * size + b]` for every pixel of rank a whose neighbour at `offset` has rank b.
    ///
    /// Pairs with rank 0 are counted too, in row or column 0: that is cheaper than asking.
    public static func count(
        _ ranks: UnsafePointer<UInt16>, width: Int, height: Int, stride: Int, offset: Int, size: Int,
        to counts: UnsafeMutablePointer<UInt32>, spare: UnsafeMutablePointer<UInt32>
    ) {
        for row in 0..<height {
            let line = ranks + row * stride
            let neighbours = line + offset
            var column = 0
            // Two tables in turn: neighbouring pixels often are the same pair, and each addition waits for the last one.
            while column + 2 <= width {
                counts[Int(line[column]) * size + Int(neighbours[column])] += 1
                spare[Int(line[column + 1]) * size + Int(neighbours[column + 1])] += 1
                column += 2
            }
            if column < width { counts[Int(line[column]) * size + Int(neighbours[column])] += 1 }
        }
        for index in 0..<(size * size) {
            counts[index] += spare[index]
            spare[index] = 0
        }
    }

    /// For every rank, how many pixels of it have neighbours (`members`), and the sum of how far they are from the mean of
    /// their neighbours at `offsets` (`differences`). `values` are the levels of the ranks, 0 for rank 0.
    public static func differences(
        _ ranks: UnsafePointer<UInt16>, width: Int, height: Int, stride: Int, offsets: UnsafePointer<Int>,
        offsetCount: Int, values: UnsafePointer<Int32>, members: UnsafeMutablePointer<Double>,
        differences: UnsafeMutablePointer<Double>
    ) {
        for row in 0..<height {
            let line = ranks + row * stride
            for column in 0..<width where line[column] != 0 {
                var sum = 0
                var count = 0
                for index in 0..<offsetCount {
                    let rank = Int(line[column + offsets[index]])
                    sum += Int(values[rank])
                    count += rank == 0 ? 0 : 1
                }
                let rank = Int(line[column])
                members[rank] += 1
                if count > 0 { differences[rank] += abs(Double(values[rank]) - Double(sum) / Double(count)) }
            }
        }
    }

    /// `differences` for the eight nearest neighbours. `levels` has the layout of `ranks` and holds the levels themselves;
    /// `sums` and `counts` are scratch of `width + 2` elements each.
    public static func nearestDifferences(
        _ ranks: UnsafePointer<UInt16>, width: Int, height: Int, stride: Int, values: UnsafePointer<Int32>,
        scratch: UnsafeMutablePointer<Int32>, members: UnsafeMutablePointer<Double>,
        differences: UnsafeMutablePointer<Double>
    ) {
        let padded = width + 2
        let sums = scratch
        let counts = scratch + padded
        var above = scratch + 2 * padded
        var here = scratch + 3 * padded
        var below = scratch + 4 * padded
        func load(_ row: Int, _ target: UnsafeMutablePointer<Int32>) {
            let line = ranks + row * stride - 1
            for column in 0..<padded { target[column] = values[Int(line[column])] }
        }
        load(-1, above)
        load(0, here)
        for row in 0..<height {
            load(row + 1, below)
            for column in 0..<padded {
                sums[column] = above[column] &+ here[column] &+ below[column]
                counts[column] =
                    (above[column] != 0 ? 1 : 0) &+ (here[column] != 0 ? 1 : 0) &+ (below[column] != 0 ? 1 : 0)
            }
            let line = ranks + row * stride
            for column in 0..<width {
                let rank = Int(line[column])
                let own = here[column + 1]
                let sum = sums[column] &+ sums[column + 1] &+ sums[column + 2] &- own
                let count = counts[column] &+ counts[column + 1] &+ counts[column + 2] &- 1
                members[rank] += 1
                let mean = Double(sum) / Double(max(count, 1))
                differences[rank] += count > 0 ? abs(Double(own) - mean) : 0
            }
            (above, here, below) = (here, below, above)
        }
    }
}

/// Order statistics: the values that a sorted array would have at a few places, without sorting it.
public enum RadiomicsRanks {
    private static let buckets = 4096

    /// The values at `places` of the sorted array, each place from 0 to `count - 1`.
    ///
    /// Values are counted into buckets between the extremes, and only the buckets that hold a place are sorted.
    /// - Parameters:
    ///   - minimum, maximum: the extremes of the values, which are finite.
    public static func values(
        _ values: UnsafePointer<Double>, count: Int, minimum: Double, maximum: Double, at places: [Int]
    ) -> [Double] {
        let scale = Double(buckets - 1) / (maximum - minimum)
        guard count > 0, scale.isFinite else { return places.map { _ in minimum } }
        // Rounding keeps the order: of two values the larger one never falls into the lower bucket.
        var starts = [Int](repeating: 0, count: buckets + 1)
        for index in 0..<count { starts[Int((values[index] - minimum) * scale) + 1] += 1 }
        for bucket in 0..<buckets { starts[bucket + 1] += starts[bucket] }
        var wanted: [Int: [Double]] = [:]
        let bucketOfPlace = places.map { place -> Int in
            var (low, high) = (0, buckets - 1)
            while low < high {
                let middle = (low + high + 1) / 2
                if starts[middle] <= place { low = middle } else { high = middle - 1 }
            }
            wanted[low] = []
            return low
        }
        var isWanted = [Bool](repeating: false, count: buckets)
        for bucket in wanted.keys { isWanted[bucket] = true }
        for index in 0..<count {
            let bucket = Int((values[index] - minimum) * scale)
            if isWanted[bucket] { wanted[bucket]?.append(values[index]) }
        }
        for bucket in wanted.keys { wanted[bucket]?.sort() }
        return zip(places, bucketOfPlace).map { place, bucket in wanted[bucket]?[place - starts[bucket]] ?? minimum }
    }
}

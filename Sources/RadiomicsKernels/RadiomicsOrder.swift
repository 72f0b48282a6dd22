/// Order statistics of many values without sorting them all.
public enum RadiomicsOrder {
    private static let buckets = 4096

    /// The values that would stand at `ranks` (from 0) if all were sorted.
    ///
    /// Values fall into buckets of equal width, and only the buckets that hold a wanted rank are sorted.
    /// - Parameters:
    ///   - minimum: the smallest of the values, `maximum` the largest; no value is NaN.
    ///   - ranks: each less than `count`.
    public static func statistics(
        _ values: UnsafePointer<Double>, count: Int, minimum: Double, maximum: Double, ranks: [Int]
    ) -> [Double] {
        let scale = Double(buckets) / (maximum - minimum)
        guard scale > 0, scale.isFinite else {
            let sorted = UnsafeBufferPointer(start: values, count: count).sorted()
            return ranks.map { sorted[$0] }
        }
        // Rounding keeps the order of values, so that each bucket's values are below the next one's.
        func bucket(_ value: Double) -> Int { min(Int((value - minimum) * scale), buckets - 1) }
        var places = [UInt16](repeating: 0, count: count)
        var starts = [Int](repeating: 0, count: buckets + 1)
        for index in 0..<count {
            let place = bucket(values[index])
            places[index] = UInt16(truncatingIfNeeded: place)
            starts[place + 1] += 1
        }
        for place in 0..<buckets { starts[place + 1] += starts[place] }

        // The bucket of each rank is the last that starts at or before it, of those that hold anything.
        let wanted = ranks.map { rank -> Int in
            var (low, high) = (0, buckets - 1)
            while low < high {
                let middle = (low + high + 1) / 2
                if starts[middle] <= rank { low = middle } else { high = middle - 1 }
            }
            return low
        }
        var slots = [Int](repeating: -1, count: buckets)
        var members: [[Double]] = []
        for place in wanted where slots[place] < 0 {
            slots[place] = members.count
            members.append([])
            members[slots[place]].reserveCapacity(starts[place + 1] - starts[place])
        }
        for index in 0..<count {
            let slot = slots[Int(places[index])]
            if slot >= 0 { members[slot].append(values[index]) }
        }
        for slot in members.indices { members[slot].sort() }
        return zip(ranks, wanted).map { rank, place in members[slots[place]][rank - starts[place]] }
    }
}

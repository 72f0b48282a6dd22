/// Zones: sets of pixels of one level that touch at sides or corners, found by union-find in one pass.
public enum RadiomicsZones {
    /// Labels the zones of an image of level ranks (0 is outside the region) with a border of zeros.
    /// - Parameters:
    ///   - labels: scratch of `2 * (width + 2)` elements: the labels of two rows.
    ///   - parents: room for `width * height` elements.
    ///   - sizes: as `parents`.
    ///   - levels: as `parents`; the rank of every label.
    /// - Returns: the number of labels. A label whose parent is itself is a zone of `sizes` pixels; the others have size 0.
    public static func find(
        _ ranks: UnsafePointer<UInt16>, width: Int, height: Int, stride: Int, labels: UnsafeMutablePointer<Int32>,
        parents: UnsafeMutablePointer<Int32>, sizes: UnsafeMutablePointer<Int32>,
        levels: UnsafeMutablePointer<UInt16>
    ) -> Int {
        var above = labels + 1
        var current = labels + (width + 2) + 1
        for index in 0..<(2 * (width + 2)) { labels[index] = 0 }
        var count: Int32 = 0
        func root(_ label: Int32) -> Int32 {
            var label = label
            while parents[Int(label)] != label {
                let parent = parents[Int(parents[Int(label)])]
                parents[Int(label)] = parent
                label = parent
            }
            return label
        }
        func join(_ first: Int32, _ second: Int32) {
            let one = root(first)
            let two = root(second)
            if one < two { parents[Int(two)] = one } else { parents[Int(one)] = two }
        }
        for row in 0..<height {
            let line = ranks + row * stride
            let upper = line - stride
            for column in 0..<width {
                let rank = line[column]
                if rank == 0 { continue }
                let label: Int32
                // Neighbours that touch each other were joined already, so two of the four are the most to join.
                if upper[column] == rank {
                    label = above[column]
                } else if upper[column + 1] == rank {
                    label = above[column + 1]
                    if upper[column - 1] == rank {
                        join(label, above[column - 1])
                    } else if line[column - 1] == rank {
                        join(label, current[column - 1])
                    }
                } else if line[column - 1] == rank {
                    label = current[column - 1]
                } else if upper[column - 1] == rank {
                    label = above[column - 1]
                } else {
                    label = count
                    parents[Int(count)] = count
                    sizes[Int(count)] = 0
                    levels[Int(count)] = rank
                    count += 1
                }
                current[column] = label
                sizes[Int(label)] += 1
            }
            (above, current) = (current, above)
        }
        for label in stride_(from: count) {
            let parent = parents[Int(label)]
            if parent == label { continue }
            sizes[Int(parent)] += sizes[Int(label)]
            sizes[Int(label)] = 0
        }
        return Int(count)
    }

    /// The labels from the last to the first: a parent always is older than its children.
    private static func stride_(from count: Int32) -> ReversedCollection<Range<Int32>> { (0..<count).reversed() }
}

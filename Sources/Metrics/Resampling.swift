import Tensors

/// Rows that are drawn together: all images of a patient, or single rows.
public struct RowGroups: Sendable {
    /// The rows of each group, in the order in which groups first appear.
    public let members: [[Int]]
    /// The number of rows.
    public let rows: Int

    /// Every row on its own.
    public init(rows: Int) {
        self.rows = max(0, rows)
        members = (0..<max(0, rows)).map { [$0] }
    }

    /// Rows with equal keys (patients) together.
    public init<Key: Hashable>(_ keys: [Key]) {
        rows = keys.count
        var places: [Key: Int] = [:]
        var members: [[Int]] = []
        for (row, key) in keys.enumerated() {
            if let place = places[key] {
                members[place].append(row)
            } else {
                places[key] = members.count
                members.append([row])
            }
        }
        self.members = members
    }

    /// How often each row is drawn when as many groups as there are get drawn with replacement.
    func drawnCounts(_ random: inout NumPyRandom) -> [Int] {
        var counts = [Int](repeating: 0, count: rows)
        for _ in members.indices {
            for row in members[random.index(below: members.count)] { counts[row] += 1 }
        }
        return counts
    }

    /// Two disjoint lists of `size` rows, no group on both sides; shorter ones, equally long, where rows do not suffice.
    func disjointHalves(size: Int, _ random: inout NumPyRandom) -> (first: [Int], second: [Int]) {
        let order = random.permutation(members.count)
        let wanted = max(0, min(size, rows / 2))
        var first: [Int] = []
        var second: [Int] = []
        for group in order {
            if first.count < wanted {
                first.append(contentsOf: members[group])
            } else {
                second.append(contentsOf: members[group])
            }
        }
        let reached = min(wanted, second.count)
        return (Array(first.prefix(reached)), Array(second.prefix(reached)))
    }
}

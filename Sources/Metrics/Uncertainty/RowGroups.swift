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

    /// Rows with equal keys (patients) together; a row without a key stands for itself.
    public init<Key: Hashable>(_ keys: [Key?]) {
        rows = keys.count
        var places: [Key: Int] = [:]
        var members: [[Int]] = []
        for (row, key) in keys.enumerated() {
            if let key, let place = places[key] {
                members[place].append(row)
            } else {
                if let key { places[key] = members.count }
                members.append([row])
            }
        }
        self.members = members
    }

    private init(members: [[Int]], rows: Int) {
        self.members = members
        self.rows = rows
    }

    /// The groups of some of the rows, which are counted anew in the order given.
    /// - Throws: `MetricError.value` for a row outside.
    public func selecting(_ chosen: [Int]) throws -> RowGroups {
        var group = [Int](repeating: 0, count: rows)
        for (number, members) in members.enumerated() {
            for row in members { group[row] = number }
        }
        guard chosen.allSatisfy({ (0..<rows).contains($0) }) else {
            throw MetricError.value(metric: "groups", message: "a row outside of the \(rows) rows was asked for")
        }
        return RowGroups(chosen.map { group[$0] })
    }

    /// How often each row is drawn when as many groups as there are get drawn with replacement.
    func drawnCounts(_ random: inout NumPyRandom) -> [Int] {
        var counts = [Int](repeating: 0, count: rows)
        for _ in members.indices {
            for row in members[random.index(below: members.count)] { counts[row] += 1 }
        }
        return counts
    }

    /// Two halves of the groups, drawn at random: groups of like size are paired, and of each pair one goes to either side,
    /// so that both sides have about as many rows. Rows are rising.
    public func halves(_ random: inout NumPyRandom) -> (first: [Int], second: [Int]) {
        let shuffled = random.permutation(members.count).map { members[$0] }
        let order = shuffled.indices.sorted {
            (shuffled[$0].count, $0) < (shuffled[$1].count, $1)
        }
        var sides: (first: [Int], second: [Int]) = ([], [])
        for start in stride(from: 0, to: order.count, by: 2) {
            let isSwapped = random.index(below: 2) == 1
            for (place, group) in order[start..<min(start + 2, order.count)].enumerated() {
                if (place == 0) != isSwapped {
                    sides.first += shuffled[group]
                } else {
                    sides.second += shuffled[group]
                }
            }
        }
        return (sides.first.sorted(), sides.second.sorted())
    }

    /// Two disjoint lists of at most `first` and `second` rows in random order, no group on both sides. They are shorter,
    /// in proportion, where rows do not suffice.
    public func parts(_ first: Int, _ second: Int, _ random: inout NumPyRandom) -> (first: [Int], second: [Int]) {
        let order = random.permutation(members.count)
        var sides: (first: [Int], second: [Int]) = ([], [])
        for group in order {
            if sides.first.count < first {
                sides.first += members[group]
            } else if sides.second.count < second {
                sides.second += members[group]
            } else {
                break
            }
        }
        // Whole groups make the first side a little too long and leave the second one too short.
        return (Array(sides.first.prefix(max(0, first))), Array(sides.second.prefix(max(0, second))))
    }
}

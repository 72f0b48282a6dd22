/// How many slips of the keyboard lie between two words.
public enum EditDistance {
    /// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, one each.
    /// Words over 256 bytes are compared by their first 256.
    public static func between(_ first: String, _ second: String) -> Int {
        let first = Array(first.utf8.prefix(256))
        let second = Array(second.utf8.prefix(256))
        if first.isEmpty || second.isEmpty { return max(first.count, second.count) }
        var before = [Int](repeating: 0, count: second.count + 1)
        var previous = Array(0...second.count)
        var current = previous
        for row in 1...first.count {
            current[0] = row
            for column in 1...second.count {
                let substitution = previous[column - 1] + (first[row - 1] == second[column - 1] ? 0 : 1)
                var best = min(substitution, previous[column] + 1, current[column - 1] + 1)
                if row > 1, column > 1, first[row - 1] == second[column - 2], first[row - 2] == second[column - 1] {
                    best = min(best, before[column - 2] + 1)
                }
                current[column] = best
            }
            (before, previous, current) = (previous, current, before)
        }
        return previous[second.count]
    }
}

/// The known word that `word` was probably meant to be, for "did you mean" in messages, or nil where none is near:
/// at most a third of its letters differ, or two of four and more, letter case aside. Of equally near words the first wins.
public func nearest(_ word: String, among known: [String]) -> String? {
    let lower = word.lowercased()
    let most = max(lower.utf8.count >= 4 ? 2 : 1, min(4, lower.utf8.count / 3))
    var best: (word: String, distance: Int)?
    for candidate in known {
        if abs(candidate.utf8.count - lower.utf8.count) > most { continue }
        let distance = EditDistance.between(lower, candidate.lowercased())
        if distance <= most && distance < best?.distance ?? Int.max { best = (candidate, distance) }
    }
    return best?.word
}

/// Finds the name that somebody meant.
enum NearestName {
    /// The known name with the fewest edits, if it is near enough to be a slip: at most a third of the letters, or two.
    static func nearest(to name: String, among names: [String]) -> String? {
        let wanted = Array(name.lowercased().unicodeScalars.prefix(longest))
        let limit = max(2, wanted.count / 3)
        var best: (name: String, distance: Int)?
        for candidate in names.sorted() {
            let letters = Array(candidate.lowercased().unicodeScalars.prefix(longest))
            guard abs(letters.count - wanted.count) <= limit, letters.count > limit / 2 else { continue }
            let distance = edits(wanted, letters)
            if distance <= limit, distance < max(wanted.count, letters.count), distance < best?.distance ?? Int.max {
                best = (candidate, distance)
            }
        }
        return best?.name
    }

    /// Names are cut here, so that a script's long key costs nothing.
    private static let longest = 64

    /// The Levenshtein distance, with a swap of two neighbours counted as one edit.
    private static func edits(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var distance = min(previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    distance = min(distance, beforePrevious[j - 1] + 1)
                }
                row.append(distance)
            }
            beforePrevious = previous
            previous = row
        }
        return previous[b.count]
    }
}

/// Which of many words a text has at a place: the words sorted, and one more letter of the text narrows the range of those
/// that may be meant. It takes no more memory than the words do.
struct PrefixTable<Unit: FixedWidthInteger & UnsignedInteger> {
    private var letters: [Unit] = []
    private var starts: [Int] = [0]
    private var numbers: [Int] = []

    /// The words with a number each. Of equal words the last counts; empty ones are left out.
    init(_ words: [(word: [Unit], number: Int)]) {
        let order = words.indices.filter { !words[$0].word.isEmpty }.sorted {
            let (left, right) = (words[$0].word, words[$1].word)
            return left == right ? $0 < $1 : left.lexicographicallyPrecedes(right)
        }
        numbers.reserveCapacity(order.count)
        for (place, index) in order.enumerated() {
            if place + 1 < order.count, words[order[place + 1]].word == words[index].word { continue }
            letters += words[index].word
            starts.append(letters.count)
            numbers.append(words[index].number)
        }
    }

    var isEmpty: Bool { numbers.isEmpty }

    /// A prefix that has been read: the words that begin with it, and its length.
    struct Cursor {
        fileprivate var low: Int
        fileprivate var high: Int
        fileprivate var depth = 0
    }

    /// The empty prefix.
    var start: Cursor { Cursor(low: 0, high: numbers.count) }

    /// Reads one more letter; false where no word goes on like that.
    func advance(_ cursor: inout Cursor, _ letter: Unit) -> Bool {
        // The word that ends here is the first of its range.
        var low = cursor.low
        if low < cursor.high, starts[low + 1] - starts[low] == cursor.depth { low += 1 }
        var high = cursor.high
        // The first word that has the letter or a greater one, then the first that has a greater one.
        var last = high
        while low < last {
            let middle = (low + last) / 2
            if letters[starts[middle] + cursor.depth] < letter { low = middle + 1 } else { last = middle }
        }
        guard low < high, letters[starts[low] + cursor.depth] == letter else { return false }
        var first = low + 1
        while first < high {
            let middle = (first + high) / 2
            if letters[starts[middle] + cursor.depth] <= letter { first = middle + 1 } else { high = middle }
        }
        cursor = Cursor(low: low, high: high, depth: cursor.depth + 1)
        return true
    }

    /// The number of the word that ends here.
    func number(_ cursor: Cursor) -> Int? {
        starts[cursor.low + 1] - starts[cursor.low] == cursor.depth ? numbers[cursor.low] : nil
    }

    /// The number of a word.
    func number(_ word: some Sequence<Unit>) -> Int? {
        guard !isEmpty else { return nil }
        var cursor = start
        for letter in word where !advance(&cursor, letter) { return nil }
        return number(cursor)
    }

    /// The longest word at a place of a text, whose letters `letter` gives.
    func longest(_ range: Range<Int>, _ letter: (Int) -> Unit) -> (length: Int, number: Int)? {
        guard !isEmpty else { return nil }
        var found: (Int, Int)?
        var cursor = start
        for index in range {
            guard advance(&cursor, letter(index)) else { break }
            if let number = number(cursor) { found = (cursor.depth, number) }
        }
        return found
    }
}

import Files

/// Cuts words into the longest pieces that the vocabulary has, from left to right (BERT's WordPiece).
struct WordPiece {
    /// The tokens.
    let vocabulary: Vocabulary
    /// The id of words that cannot be cut.
    let unknownID: Int
    /// What pieces inside a word begin with.
    var continuingPrefix = Array("##".utf8)
    /// Longer words are unknown.
    var longestWord = 100

    /// Appends the ids of a word.
    func append(_ word: [Unicode.Scalar], to ids: inout [Int]) {
        guard !word.isEmpty else { return }
        guard word.count <= longestWord else {
            ids.append(unknownID)
            return
        }
        let letters = word.map { Vocabulary.bytes([$0]) }
        var found: [Int] = []
        var start = 0
        while start < letters.count {
            var end = letters.count
            var piece: Int?
            while end > start {
                let bytes = letters[start..<end].joined()
                piece = vocabulary.id(start == 0 ? Array(bytes) : continuingPrefix + bytes)
                if piece != nil { break }
                end -= 1
            }
            guard let piece else {
                ids.append(unknownID)
                return
            }
            found.append(piece)
            start = end
        }
        ids += found
    }
}

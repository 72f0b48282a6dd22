import Files

/// Cuts words into the longest pieces that the vocabulary has, from left to right (BERT's WordPiece).
struct WordPiece {
    /// The tokens that words are cut into.
    let vocabulary: Vocabulary
    /// The tokens with their ids, added tokens included: those may give a token of the vocabulary another id.
    let ids: Vocabulary
    /// The id of words that cannot be cut.
    let unknownID: Int
    /// What pieces inside a word begin with.
    var continuingPrefix = Array("##".utf8)
    /// Longer words are unknown.
    var longestWord = 100

    /// Appends the ids of a word.
    func append(_ word: [Unicode.Scalar], to result: inout [Int]) {
        guard !word.isEmpty else { return }
        guard word.count <= longestWord else {
            result.append(unknownID)
            return
        }
        let letters = word.map { Vocabulary.bytes([$0]) }
        var found: [Int] = []
        var start = 0
        while start < letters.count {
            var end = letters.count
            var piece: Int?
            while end > start {
                let bytes = (start == 0 ? [] : continuingPrefix) + letters[start..<end].joined()
                piece = vocabulary.id(bytes) == nil ? nil : ids.id(bytes)
                if piece != nil { break }
                end -= 1
            }
            guard let piece else {
                result.append(unknownID)
                return
            }
            found.append(piece)
            start = end
        }
        result += found
    }
}

/// BERT's WordPiece tokenizer from `tokenizer.json`, as `BertTokenizerFast` of transformers reads it.
final class BERTFastTokenizer: ResolvedTokenizer {
    let settings: ResolvedTokens
    private let pieces: WordPiece
    private let cleaner: BasicTokenizer
    private let added: AddedTokens

    init(_ settings: ResolvedTokens, pieces: WordPiece, cleaner: BasicTokenizer) {
        self.settings = settings
        self.pieces = pieces
        self.cleaner = cleaner
        added = AddedTokens(settings.added)
    }

    func tokens(_ text: String) -> [Int] {
        added.ids(Array(text.unicodeScalars)) { text, ids in
            for word in cleaner.words(text) { pieces.append(word, to: &ids) }
        }
    }
}

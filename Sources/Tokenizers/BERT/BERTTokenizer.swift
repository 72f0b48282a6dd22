/// BERT's WordPiece tokenizer from `vocab.txt`, as `BertTokenizer` of transformers reads it.
final class BERTTokenizer: ResolvedTokenizer {
    let settings: ResolvedTokens
    private let pieces: WordPiece
    private let cleaner: BasicTokenizer
    private let added: AddedTokens
    private let keptCase: AddedTokens
    private let specials: Set<[Unicode.Scalar]>

    init(_ settings: ResolvedTokens, pieces: WordPiece, cleaner: BasicTokenizer) {
        self.settings = settings
        self.pieces = pieces
        self.cleaner = cleaner
        added = AddedTokens(settings.added, followsPython: true)
        keptCase = AddedTokens(settings.added.filter { $0.isSpecial || $0.isNormalized })
        specials = Set(settings.added.filter(\.isSpecial).map(\.content))
    }

    func tokens(_ text: String) -> [Int] {
        var text = Array(text.unicodeScalars)
        // All but the special tokens are lowered first, each character for itself.
        if cleaner.lowercases {
            text = keptCase.split(text, strips: false).flatMap { piece -> [Unicode.Scalar] in
                switch piece {
                case .token(let token): return token.content
                case .text(let text): return TextForms.lowercasedAlone(text, .python)
                }
            }
        }
        return added.ids(text) { text, ids in
            for word in cleaner.words(text, unsplit: specials) { pieces.append(word, to: &ids) }
        }
    }
}

/// BERT's WordPiece tokenizer: `BertTokenizer` of transformers from `vocab.txt`, `BertTokenizerFast` from
/// `tokenizer.json`.
final class BERTTokenizer: Tokenizer {
    private let pieces: WordPiece
    private let settings: ResolvedTokens
    private let cleaner: BasicTokenizer
    private let rawTokens: AddedTokens
    private let keptCase: AddedTokens
    private let specials: Set<[Unicode.Scalar]>

    let maximumLength: Int?
    var vocabularySize: Int { settings.vocabulary.count }
    var padID: Int? { settings.padID }
    var beginID: Int { settings.beginID }
    var endID: Int { settings.endID }

    init(_ settings: ResolvedTokens, pieces: WordPiece, cleaner: BasicTokenizer) {
        self.settings = settings
        self.pieces = pieces
        self.cleaner = cleaner
        maximumLength = settings.maximumLength
        rawTokens = AddedTokens(settings.added)
        keptCase = AddedTokens(settings.added.filter { $0.isSpecial || $0.isNormalized })
        specials = Set(settings.added.filter(\.isSpecial).map(\.content))
    }

    func token(_ id: Int) -> String? { settings.vocabulary.token(id) }

    func tokens(_ text: String) -> [Int] {
        var text = Array(text.unicodeScalars)
        // Python's tokenizer lowers all but the special tokens first, each character for itself.
        if cleaner.lowercases, !cleaner.followsRust {
            text = keptCase.split(text, strips: false).flatMap { piece -> [Unicode.Scalar] in
                switch piece {
                case .token(let token): return token.content
                case .text(let text): return TextForms.lowercasedAlone(text)
                }
            }
        }
        var ids: [Int] = []
        for piece in rawTokens.split(text) {
            switch piece {
            case .token(let token): ids.append(token.id)
            case .text(let text):
                for word in cleaner.words(text, unsplit: cleaner.followsRust ? [] : specials) {
                    pieces.append(word, to: &ids)
                }
            }
        }
        return ids
    }
}

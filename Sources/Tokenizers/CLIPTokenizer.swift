/// CLIP's byte-pair tokenizer: `CLIPTokenizer` of transformers from `vocab.json` and `merges.txt`, where ftfy is not
/// installed, and `CLIPTokenizerFast` from `tokenizer.json`. The two clean texts differently.
final class CLIPTokenizer: Tokenizer {
    private let pairs: BytePair
    private let settings: ResolvedTokens
    private let followsRust: Bool
    private let rawTokens: AddedTokens
    private let normalizedTokens: AddedTokens
    private let cleaner = BasicTokenizer()

    let maximumLength: Int?
    var vocabularySize: Int { settings.vocabulary.count }
    var padID: Int? { settings.padID }
    var beginID: Int { settings.beginID }
    var endID: Int { settings.endID }

    init(_ settings: ResolvedTokens, pairs: BytePair, followsRust: Bool) {
        self.settings = settings
        self.pairs = pairs
        self.followsRust = followsRust
        maximumLength = settings.maximumLength
        if followsRust {
            rawTokens = AddedTokens(settings.added.filter { !$0.isNormalized })
            normalizedTokens = AddedTokens(
                settings.added.filter(\.isNormalized).map {
                    var token = $0
                    token.content = Self.normalized(token.content)
                    return token
                })
        } else {
            rawTokens = AddedTokens(settings.added)
            normalizedTokens = AddedTokens([])
        }
    }

    func token(_ id: Int) -> String? { settings.vocabulary.token(id) }

    func tokens(_ text: String) -> [Int] {
        var ids: [Int] = []
        for piece in rawTokens.split(Array(text.unicodeScalars)) {
            switch piece {
            case .token(let token): ids.append(token.id)
            case .text(let text):
                if followsRust { appendAsRust(text, &ids) } else { append(text, &ids) }
            }
        }
        return ids
    }

    private func append(_ text: [Unicode.Scalar], _ ids: inout [Int]) {
        for word in cleaner.words(text) {
            for part in CLIPWords.split(word, foldsCase: true) {
                let bytes = Vocabulary.bytes(Array(part))
                // The reference's cache holds the two marks as they are.
                if let mark = Self.marks.first(where: { $0 == bytes }), let id = settings.vocabulary.id(mark) {
                    ids.append(id)
                } else {
                    pairs.append(bytes, to: &ids)
                }
            }
        }
    }

    private func appendAsRust(_ text: [Unicode.Scalar], _ ids: inout [Int]) {
        for piece in normalizedTokens.split(Self.normalized(text)) {
            switch piece {
            case .token(let token): ids.append(token.id)
            case .text(let text):
                for part in CLIPWords.split(text, foldsCase: false) {
                    pairs.append(Vocabulary.bytes(Array(part)), to: &ids)
                }
            }
        }
    }

    /// Normal form C, runs of white space as one space, lower case.
    private static func normalized(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        for scalar in TextForms.composed(text) {
            if !scalar.properties.isWhitespace {
                result.append(scalar)
            } else if result.last != " " {
                result.append(" ")
            }
        }
        return TextForms.lowercasedAlone(result)
    }

    private static let marks = [Array("<|startoftext|>".utf8), Array("<|endoftext|>".utf8)]
}

/// CLIP's byte-pair tokenizer from `tokenizer.json`, as `CLIPTokenizerFast` of transformers reads it: it cleans texts in
/// another way than `CLIPTokenizer`.
final class CLIPFastTokenizer: ResolvedTokenizer {
    let settings: ResolvedTokens
    private let pairs: BytePair
    private let rawTokens: AddedTokens
    private let normalizedTokens: AddedTokens

    init(_ settings: ResolvedTokens, pairs: BytePair) {
        self.settings = settings
        self.pairs = pairs
        rawTokens = AddedTokens(settings.added.filter { !$0.isNormalized })
        normalizedTokens = AddedTokens(
            settings.added.filter(\.isNormalized).map {
                var token = $0
                token.content = Self.normalized(token.content)
                return token
            })
    }

    func tokens(_ text: String) -> [Int] {
        rawTokens.ids(Array(text.unicodeScalars), append: append)
    }

    private func append(_ text: [Unicode.Scalar], _ ids: inout [Int]) {
        ids += normalizedTokens.ids(Self.normalized(text)) { text, ids in
            for part in CLIPWords.split(text, foldsCase: false) {
                pairs.append(Vocabulary.bytes(Array(part)), to: &ids)
            }
        }
    }

    /// Normal form C, runs of white space as one space, lower case.
    private static func normalized(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        for scalar in TextForms.composed(text, .rustForms) {
            if !scalar.properties.isWhitespace {
                result.append(scalar)
            } else if result.last != " " {
                result.append(" ")
            }
        }
        return TextForms.lowercasedAlone(result, .rustPatterns)
    }
}

/// CLIP's byte-pair tokenizer from `vocab.json` and `merges.txt`, as `CLIPTokenizer` of transformers reads them where the
/// package ftfy is not installed.
final class CLIPTokenizer: ResolvedTokenizer {
    let settings: ResolvedTokens
    private let pairs: BytePair
    private let added: AddedTokens
    private let cleaner = BasicTokenizer()

    init(_ settings: ResolvedTokens, pairs: BytePair) {
        self.settings = settings
        self.pairs = pairs
        added = AddedTokens(settings.added, followsPython: true)
    }

    func tokens(_ text: String) -> [Int] {
        added.ids(Array(text.unicodeScalars), append: append)
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

    private static let marks = [Array("<|startoftext|>".utf8), Array("<|endoftext|>".utf8)]
}

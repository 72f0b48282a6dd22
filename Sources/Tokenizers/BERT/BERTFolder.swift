import Files

/// How a folder with BERT's tokenizer is opened.
enum BERTFolder {
    static let entry = TokenizerEntry(
        "bert", classes: ["BertTokenizer", "BertTokenizerFast", "CXRBertTokenizer"],
        recognises: {
            $0.has("vocab.txt") || !$0.has("vocab.json") && $0.file?["model"]?["type"]?.string == "WordPiece"
        },
        open: open)

    private static let defaults = [
        "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
    ]

    private static func open(_ source: TokenizerSource) throws -> any Tokenizer {
        guard source.has("vocab.txt"), source.file == nil || !source.namesFast else {
            return try source.tokenizerFile(instead: "vocab.txt").bert(source.settings, defaults)
        }
        let settings = source.settings
        let vocabulary = try Vocabulary(lines: source.folder + "/vocab.txt")
        let tokens = try ResolvedTokens(
            settings, vocabulary, defaults: defaults, begin: "cls_token", end: "sep_token")
        let lowercases = try settings.boolean("do_lower_case") ?? true
        let cleaner = BasicTokenizer(
            lowercases: lowercases, stripsAccents: try settings.boolean("strip_accents") ?? lowercases,
            splitsPunctuation: true, splitsIdeographs: try settings.boolean("tokenize_chinese_chars") ?? true,
            followsRust: source.namesFast)
        if source.namesFast {
            let pieces = WordPiece(vocabulary: vocabulary, ids: vocabulary, unknownID: tokens.unknownID)
            return BERTFastTokenizer(tokens, pieces: pieces, cleaner: cleaner)
        }
        return BERTTokenizer(
            tokens,
            pieces: WordPiece(vocabulary: vocabulary, ids: tokens.vocabulary, unknownID: tokens.unknownID),
            cleaner: cleaner)
    }
}

import Files

/// How a folder with CLIP's tokenizer is opened.
enum CLIPFolder {
    static let entry = TokenizerEntry(
        "clip", classes: ["CLIPTokenizer", "CLIPTokenizerFast"],
        recognises: { $0.has("vocab.json") || $0.file?["model"]?["type"]?.string == "BPE" },
        open: open)

    private static let defaults = [
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    ]

    private static func open(_ source: TokenizerSource) throws -> any Tokenizer {
        let hasModel = source.has("vocab.json") && source.has("merges.txt")
        guard hasModel, source.file == nil || !source.namesFast else {
            return try source.tokenizerFile(instead: "vocab.json and merges.txt").clip(source.settings, defaults)
        }
        let path = source.folder + "/vocab.json"
        let vocabulary = try Vocabulary(JSON.read(path, limit: Vocabulary.fileLimit), path: path)
        let pairs = try MergeList.read(source.folder + "/merges.txt")
        let tokens = try ResolvedTokens(
            source.settings, vocabulary, defaults: defaults, begin: "bos_token", end: "eos_token")
        let model = BytePair(tokens.vocabulary, pairs: pairs, unknownID: tokens.unknownID)
        guard source.namesFast else { return CLIPTokenizer(tokens, pairs: model) }
        return CLIPFastTokenizer(tokens, pairs: BytePair(vocabulary, pairs: pairs, unknownID: tokens.unknownID))
    }
}

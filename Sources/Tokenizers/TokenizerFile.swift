import Files

/// A `tokenizer.json` of the package tokenizers: only the shapes that CLIP's, BERT's and SentencePiece's tokenizers have are
/// read, and anything else in the parts that make the ids is an error.
struct TokenizerFile {
    let json: JSON
    let path: String

    init(_ json: JSON, path: String) {
        self.json = json
        self.path = path
    }

    func fault(_ key: String, _ reason: String) -> FileError {
        FileError.malformed(path: path, location: "\"\(key)\"", reason: reason)
    }

    /// CLIP's tokenizer.
    func clip(_ settings: TokenizerSettings, _ defaults: [String: String]) throws -> any Tokenizer {
        let model = try self.model("BPE")
        for key in ["dropout", "continuing_subword_prefix"] {
            if let found = model[key], found != .null, found != .string("") {
                throw fault(key, "the option is not supported")
            }
        }
        for key in ["fuse_unk", "byte_fallback", "ignore_merges"] where model[key] == .boolean(true) {
            throw fault(key, "the option is not supported")
        }
        guard model["end_of_word_suffix"]?.string == "</w>" else {
            throw fault("end_of_word_suffix", "wanted \"</w>\", as CLIP has it")
        }
        try checkParts("normalizer", "normalizers", ["NFC", "Replace", "Lowercase"])
        try checkParts("pre_tokenizer", "pretokenizers", ["Split", "ByteLevel"])
        let vocabulary = try Vocabulary(model["vocab"] ?? .null, path: path)
        let pairs = try MergeList.read(model["merges"], path: path)
        var tokens = try ResolvedTokens(
            settings, vocabulary, defaults: defaults, begin: "bos_token", end: "eos_token")
        try readTemplate(&tokens)
        let merges = BytePair(vocabulary, pairs: pairs, unknownID: tokens.unknownID)
        return CLIPFastTokenizer(tokens, pairs: merges)
    }

    /// BERT's tokenizer.
    func bert(_ settings: TokenizerSettings, _ defaults: [String: String]) throws -> any Tokenizer {
        let model = try self.model("WordPiece")
        guard json["normalizer"]?["type"]?.string == "BertNormalizer" else {
            throw fault("normalizer", "wanted BertNormalizer")
        }
        guard json["pre_tokenizer"]?["type"]?.string == "BertPreTokenizer" else {
            throw fault("pre_tokenizer", "wanted BertPreTokenizer")
        }
        func flag(_ key: String) throws -> Bool? {
            guard let found = json["normalizer"]?[key], found != .null else { return nil }
            guard let flag = found.boolean else { throw fault(key, "wanted true or false, got \(found.text())") }
            return flag
        }
        guard try flag("clean_text") != false else { throw fault("clean_text", "only true is supported") }
        let vocabulary = try Vocabulary(model["vocab"] ?? .null, path: path)
        var tokens = try ResolvedTokens(
            settings, vocabulary, defaults: defaults, begin: "cls_token", end: "sep_token")
        try readTemplate(&tokens)
        let lowercases = try flag("lowercase") ?? true
        let cleaner = BasicTokenizer(
            lowercases: lowercases, stripsAccents: try flag("strip_accents") ?? lowercases, splitsPunctuation: true,
            splitsIdeographs: try flag("handle_chinese_chars") ?? true, followsRust: true)
        var pieces = WordPiece(vocabulary: vocabulary, ids: vocabulary, unknownID: tokens.unknownID)
        if let prefix = model["continuing_subword_prefix"]?.string { pieces.continuingPrefix = Array(prefix.utf8) }
        if let longest = model["max_input_chars_per_word"]?.integer {
            guard (1...10_000).contains(longest) else {
                throw fault("max_input_chars_per_word", "wanted 1 to 10000, got \(longest)")
            }
            pieces.longestWord = longest
        }
        return BERTFastTokenizer(tokens, pieces: pieces, cleaner: cleaner)
    }

    private func model(_ type: String) throws -> JSON {
        guard let model = json["model"], model.object != nil else { throw fault("model", "the key is missing") }
        guard model["type"]?.string == type else {
            throw fault("model", "wanted a model of the type \(type), got \(model["type"]?.text() ?? "none")")
        }
        return model
    }

    /// Checks that a sequence has parts of exactly these types.
    private func checkParts(_ key: String, _ list: String, _ types: [String]) throws {
        let found = json[key]?[list]?.array?.map { $0["type"]?.string ?? "?" } ?? []
        guard found == types else {
            throw fault(key, "wanted \(types.joined(separator: ", ")), as CLIP has them")
        }
    }

    /// Takes the ids before and after a text from the post-processor.
    private func readTemplate(_ tokens: inout ResolvedTokens) throws {
        guard let processor = json["post_processor"], processor != .null else { return }
        switch processor["type"]?.string {
        case "RobertaProcessing":
            guard let begin = processor["cls"]?[1]?.integer, let end = processor["sep"]?[1]?.integer else {
                throw fault("post_processor", "wanted ids for cls and sep")
            }
            tokens.beginID = begin
            tokens.endID = end
        case "TemplateProcessing":
            let single = processor["single"]?.array ?? []
            func id(_ part: JSON) -> Int? {
                guard let name = part["SpecialToken"]?["id"]?.string,
                    let ids = processor["special_tokens"]?[name]?["ids"]?.array, ids.count == 1
                else { return nil }
                return ids[0].integer
            }
            guard single.count == 3, single[1]["Sequence"] != nil, let begin = id(single[0]), let end = id(single[2])
            else { throw fault("post_processor", "wanted one token before a text and one after it") }
            tokens.beginID = begin
            tokens.endID = end
        default: throw fault("post_processor", "wanted RobertaProcessing or TemplateProcessing")
        }
    }
}

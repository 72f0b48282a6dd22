import Files

/// How a folder with T5's tokenizer is opened.
enum T5Folder {
    static let entry = TokenizerEntry(
        "t5", classes: ["T5Tokenizer", "T5TokenizerFast"],
        recognises: { $0.has("spiece.model") || $0.file?["model"]?["type"]?.string == "Unigram" },
        open: { try PieceFolder.open($0, .t5) })
}

/// How a folder with Gemma's tokenizer is opened.
enum GemmaFolder {
    static let entry = TokenizerEntry(
        "gemma", classes: ["GemmaTokenizer", "GemmaTokenizerFast"],
        recognises: { PieceFolder.isBytePair($0) && PieceFolder.isGemma($0) },
        open: { try PieceFolder.open($0, .gemma) })
}

/// How a folder with Llama's tokenizer is opened.
enum LlamaFolder {
    static let entry = TokenizerEntry(
        "llama", classes: ["LlamaTokenizer", "LlamaTokenizerFast"],
        recognises: PieceFolder.isBytePair,
        open: { try PieceFolder.open($0, .llama) })
}

/// How a folder with a byte-level tokenizer is opened: GPT-NeoX's and GPT-2's, from `tokenizer.json`.
enum ByteLevelFolder {
    static let entry = TokenizerEntry(
        "byte-level", classes: ["GPTNeoXTokenizer", "GPTNeoXTokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast"],
        recognises: { $0.file?["pre_tokenizer"]?["type"]?.string == "ByteLevel" },
        open: { source in
            var family = PieceFamily.byteLevel
            // A file without a class of its own says itself what goes around texts, and which tokens there are.
            if source.className == nil || source.className == "PreTrainedTokenizerFast" {
                (family.hasFrameOptions, family.defaults) = (false, [:])
            }
            return try source.tokenizerFile(instead: "tokenizer.json").pieces(source.settings, family)
        })
}

private enum PieceFolder {
    /// Whether a folder without a class holds a byte-pair model of SentencePiece's kind.
    static func isBytePair(_ source: TokenizerSource) -> Bool {
        if source.has("vocab.json") { return false }
        return source.has("tokenizer.model") || source.file?["model"]?["byte_fallback"]?.boolean == true
    }

    /// Whether that is Gemma's: texts begin with `<bos>`.
    static func isGemma(_ source: TokenizerSource) -> Bool {
        if let vocabulary = source.file?["model"]?["vocab"] { return vocabulary["<bos>"] != nil }
        guard let model = try? SentencePieceModel(path: source.folder + "/tokenizer.model") else { return false }
        return model.pieces.contains { $0.text.elementsEqual("<bos>".utf8) }
    }

    static func open(_ source: TokenizerSource, _ family: PieceFamily) throws -> any Tokenizer {
        let path = source.folder + "/" + family.modelFile
        let wantsFast = source.namesFast || source.file != nil && !source.isClassGiven
        // T5's and Llama's classes in Rust make the tokenizer anew where add_prefix_space is stated.
        let isMadeAnew = try family.readsPrefixSpace && source.settings.boolean("add_prefix_space") != nil
        guard source.has(family.modelFile), source.file == nil || !wantsFast || isMadeAnew else {
            return try source.tokenizerFile(instead: family.modelFile).pieces(source.settings, family)
        }
        let model = try SentencePieceModel(path: path)
        return wantsFast
            ? try PieceConversion(
                model: model, settings: source.settings, family: family, isMadeAnew: source.file != nil
            ).tokenizer()
            : try SentencePieceTokenizer(model, source.settings, family)
    }
}

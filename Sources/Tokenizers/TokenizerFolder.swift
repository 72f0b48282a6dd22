import Files
import Foundation

/// Opens the tokenizer of a folder in the layout of transformers.
public enum TokenizerFolder {
    private enum Family { case clip, bert }

    private static let classes: [String: Family] = [
        "CLIPTokenizer": .clip, "CLIPTokenizerFast": .clip, "BertTokenizer": .bert, "BertTokenizerFast": .bert,
        "CXRBertTokenizer": .bert,
    ]
    private static let clipDefaults = [
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    ]
    private static let bertDefaults = [
        "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
    ]

    /// The tokenizer of a folder: CLIP's of `vocab.json` and `merges.txt`, BERT's of `vocab.txt`, or either of
    /// `tokenizer.json`. The first two clean texts as transformers' tokenizers in Python do, the last as those in
    /// Rust.
    /// - Throws: `FileError` for files that are missing, too large or not what they should be, and for options that
    /// would   change the ids and are not supported.
    public static func open(_ folder: String) throws -> any Tokenizer {
        func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder + "/" + name) }
        let tokenizer = has("tokenizer.json") ? folder + "/tokenizer.json" : nil
        let json = try tokenizer.map { try JSON.read($0, limit: Vocabulary.fileLimit) }
        let settings = try TokenizerSettings(folder: folder, tokenizer: json)
        switch try family(settings, json, has) {
        case .clip where has("vocab.json") && has("merges.txt"): return try clip(folder, settings)
        case .bert where has("vocab.txt"): return try bert(folder, settings)
        case let family:
            guard let tokenizer, let json else {
                let wanted = family == .clip ? "vocab.json and merges.txt" : "vocab.txt"
                throw FileError.missing(path: folder + "/tokenizer.json", hint: "wanted \(wanted), or tokenizer.json")
            }
            let file = TokenizerFile(json, path: tokenizer)
            if family == .clip { return try file.clip(settings, clipDefaults) }
            return try file.bert(settings, bertDefaults)
        }
    }

    private static func family(
        _ settings: TokenizerSettings, _ json: JSON?, _ has: (String) -> Bool
    ) throws -> Family {
        if let name = settings.className, name != "PreTrainedTokenizerFast" {
            guard let family = classes[name] else {
                let known = classes.keys.sorted().joined(separator: ", ")
                throw settings.fault("tokenizer_class", "the tokenizer \"\(name)\" is not known; known are \(known)")
            }
            return family
        }
        if has("vocab.txt") { return .bert }
        if has("vocab.json") { return .clip }
        return json?["model"]?["type"]?.string == "WordPiece" ? .bert : .clip
    }

    private static func clip(_ folder: String, _ settings: TokenizerSettings) throws -> any Tokenizer {
        let path = folder + "/vocab.json"
        let vocabulary = try Vocabulary(JSON.read(path, limit: Vocabulary.fileLimit), path: path)
        let pairs = try MergeList.read(folder + "/merges.txt")
        let tokens = try ResolvedTokens(
            settings, vocabulary, defaults: clipDefaults, begin: "bos_token", end: "eos_token")
        let model = BytePair(tokens.vocabulary, pairs: pairs, unknownID: tokens.unknownID)
        return CLIPTokenizer(tokens, pairs: model, followsRust: false)
    }

    private static func bert(_ folder: String, _ settings: TokenizerSettings) throws -> any Tokenizer {
        let vocabulary = try Vocabulary(lines: folder + "/vocab.txt")
        let tokens = try ResolvedTokens(
            settings, vocabulary, defaults: bertDefaults, begin: "cls_token", end: "sep_token")
        let lowercases = try settings.boolean("do_lower_case") ?? true
        let cleaner = BasicTokenizer(
            lowercases: lowercases, stripsAccents: try settings.boolean("strip_accents") ?? lowercases,
            splitsPunctuation: true, splitsIdeographs: try settings.boolean("tokenize_chinese_chars") ?? true)
        return BERTTokenizer(
            tokens,
            pieces: WordPiece(vocabulary: vocabulary, ids: tokens.vocabulary, unknownID: tokens.unknownID),
            cleaner: cleaner)
    }
}

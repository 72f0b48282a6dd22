import Files
import Foundation

/// A kind of tokenizer as the program knows it.
public struct TokenizerEntry {
    /// Its name, for messages.
    public let name: String
    /// What `tokenizer_class` of `tokenizer_config.json` may call it.
    public let classes: [String]
    /// Whether a folder that names no class holds one.
    let recognises: (TokenizerSource) -> Bool
    /// Opens a folder.
    let open: (TokenizerSource) throws -> any Tokenizer

    /// Describes a kind of tokenizer.
    public init(
        _ name: String, classes: [String], recognises: @escaping (TokenizerSource) -> Bool,
        open: @escaping (TokenizerSource) throws -> any Tokenizer
    ) {
        self.name = name
        self.classes = classes
        self.recognises = recognises
        self.open = open
    }
}

/// What lies in a tokenizer's folder.
public struct TokenizerSource {
    /// The folder.
    public let folder: String
    /// The content of `tokenizer.json`, where there is one.
    public let file: JSON?
    /// The class that is wanted: the caller's, else `tokenizer_class` of `tokenizer_config.json`, where that is stated.
    public let className: String?
    /// Whether the caller named the class.
    let isClassGiven: Bool
    /// Whether the class is one of transformers' in Rust.
    var namesFast: Bool { className?.hasSuffix("Fast") == true }
    /// The small files beside the vocabulary.
    let settings: TokenizerSettings

    /// Reads the small files of a folder.
    /// - Throws: `FileError` for one that is damaged, or that asks for what is not supported.
    init(_ folder: String, class name: String? = nil) throws {
        self.folder = folder
        let path = folder + "/tokenizer.json"
        file =
            FileManager.default.fileExists(atPath: path) ? try JSON.read(path, limit: Vocabulary.fileLimit) : nil
        settings = try TokenizerSettings(folder: folder, tokenizer: file)
        className = name ?? settings.className
        isClassGiven = name != nil
    }

    /// Whether the folder holds a file.
    public func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder + "/" + name) }

    /// `tokenizer.json`, which must be there.
    /// - Parameter wanted: what else the folder might hold.
    /// - Throws: `FileError.missing`.
    func tokenizerFile(instead wanted: String) throws -> TokenizerFile {
        let path = folder + "/tokenizer.json"
        guard let file else { throw FileError.missing(path: path, hint: "wanted \(wanted), or tokenizer.json") }
        return TokenizerFile(file, path: path)
    }
}

/// The tokenizers by the class that `tokenizer_config.json` names. A new one is a file with its entry and a word here, or
/// is added to a copy.
public struct TokenizerRegistry {
    /// The program's own, in the order in which they are asked whether they recognise a folder.
    public static let standard = TokenizerRegistry(own: [
        BERTFolder.entry, T5Folder.entry, GemmaFolder.entry, LlamaFolder.entry, ByteLevelFolder.entry,
        CLIPFolder.entry,
    ])

    /// The entries by name.
    public private(set) var entries: Registry<TokenizerEntry>

    private init(own entries: [TokenizerEntry]) {
        self.entries = Registry("tokenizer", entries.map { ($0.name, $0) })
    }

    /// Adds a tokenizer.
    /// - Throws: `RegistryError.taken` where its name or one of its classes is in use.
    public mutating func add(_ entry: TokenizerEntry) throws {
        let classes = Set(entries.all.flatMap(\.classes))
        if let taken = entry.classes.first(where: classes.contains) {
            throw RegistryError.taken(kind: entries.kind, name: taken)
        }
        try entries.add(entry.name, entry)
    }

    /// The tokenizer of a folder in the layout of transformers, by what lies there: `tokenizer.json`, or the files of the
    /// class (`vocab.json` and `merges.txt`, `vocab.txt`, `spiece.model`, `tokenizer.model`), with `tokenizer_config.json`,
    /// `special_tokens_map.json` and `added_tokens.json`.
    ///
    /// The files of a class are read as transformers' tokenizers in Python do, `tokenizer.json` as those in Rust. Where
    /// both are there, CLIP and BERT take the files of the class, unless its name ends with `Fast`; tokenizers on
    /// SentencePiece take `tokenizer.json`, as `AutoTokenizer` does, unless the caller names the class without `Fast`.
    /// - Parameters:
    ///   - folder: the folder, such as a pipeline's `tokenizer_2`.
    ///   - name: the class that a pipeline's `model_index.json` names for the folder, such as `T5TokenizerFast`; it goes
    ///     before the one of `tokenizer_config.json`.
    /// - Throws: `FileError` for files that are missing, too large or not what they should be, and for options that
    ///   would change the ids and are not supported.
    public func open(_ folder: String, class name: String? = nil) throws -> any Tokenizer {
        let source = try TokenizerSource(folder, class: name)
        return try entry(source).open(source)
    }

    /// The files of a folder that ids may depend on, as far as they are there: what belongs to a tokenizer's identity.
    public static func files(of folder: String) -> [String] {
        [
            "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
            "merges.txt", "vocab.txt", "spiece.model", "tokenizer.model",
        ].map { Paths.joined(folder, $0) }.filter(FileManager.default.fileExists)
    }

    private func entry(_ source: TokenizerSource) throws -> TokenizerEntry {
        // PreTrainedTokenizerFast is whatever tokenizer.json says.
        if let name = source.className, name != "PreTrainedTokenizerFast" {
            guard let found = entries.all.first(where: { $0.classes.contains(name) }) else {
                let unknown = entries.unknown(name, known: entries.all.flatMap(\.classes).sorted())
                throw source.settings.fault("tokenizer_class", unknown.description)
            }
            return found
        }
        return entries.all.first { $0.recognises(source) } ?? CLIPFolder.entry
    }
}

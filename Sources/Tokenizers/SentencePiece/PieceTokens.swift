import Files

/// What a class of transformers' tokenizers on SentencePiece says where the files do not.
struct PieceFamily {
    /// The name of the class without `Fast`.
    var name: String
    /// The model's file.
    var modelFile: String
    /// The special tokens by role.
    var defaults: [String: String]
    /// Whether tokens go around texts as `add_bos_token` and `add_eos_token` say; else an end only.
    var hasFrameOptions = true
    /// Whether a begin goes before texts where `add_bos_token` does not say.
    var framesBegin = true
    /// Whether there must be a token for what is unknown.
    var needsUnknown = true
    /// Whether the class in Rust fills up on the left.
    var padsLeftFast = true
    /// Whether `add_prefix_space` says how the class in Rust is made.
    var readsPrefixSpace = true
    /// How many sentinels `<extra_id_N>` there are where the files do not say.
    var sentinels = 0

    static let t5 = PieceFamily(
        name: "T5Tokenizer", modelFile: "spiece.model",
        defaults: ["eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"], hasFrameOptions: false,
        padsLeftFast: false, sentinels: 100)
    static let gemma = PieceFamily(
        name: "GemmaTokenizer", modelFile: "tokenizer.model",
        defaults: ["bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"],
        readsPrefixSpace: false)
    static let llama = PieceFamily(
        name: "LlamaTokenizer", modelFile: "tokenizer.model",
        defaults: ["bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"])
    /// GPT-NeoX's, and GPT-2's: pieces of bytes, which nothing is unknown to.
    static let byteLevel = PieceFamily(
        name: "GPTNeoXTokenizer", modelFile: "tokenizer.model",
        defaults: ["bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"],
        framesBegin: false, needsUnknown: false, padsLeftFast: false, readsPrefixSpace: false)
}

/// The added and special tokens of a tokenizer on SentencePiece, and what the small files say.
struct PieceTokens {
    /// What the tokens are added to.
    struct Base {
        /// How many tokens it has.
        var count: Int
        /// The id of a token.
        var id: ([UInt8]) -> Int?
    }

    /// The added tokens, by id.
    private(set) var added: [AddedToken] = []
    /// The added tokens by id.
    private(set) var names: [Int: [UInt8]] = [:]
    /// The ids of the added tokens.
    private(set) var ids: [[UInt8]: Int] = [:]
    /// The special tokens by role.
    private(set) var roles: [String: Int] = [:]
    /// The ids that decoded texts leave out.
    private(set) var specials: Set<Int> = []
    var beginID: Int?
    var endID: Int?
    let maximumLength: Int?
    let paddingSide: Side
    let truncationSide: Side
    /// Whether decoded texts are tidied: `clean_up_tokenization_spaces`.
    let tidiesSpaces: Bool
    /// How many ids there are.
    private(set) var count: Int
    private let base: Base

    /// Adds the tokens that the files and the class name.
    /// - Parameters:
    ///   - listed: the added tokens of `tokenizer.json`; nil for a tokenizer that is read from a model's file, which
    ///     follows transformers' classes in Python: an added token of `tokenizer_config.json` has its stated id there,
    ///     and the next free one in Rust.
    init(_ settings: TokenizerSettings, _ family: PieceFamily, _ base: Base, listed: [AddedToken]?) throws {
        self.base = base
        count = base.count
        maximumLength = try settings.maximumLength()
        let isFast = listed != nil
        paddingSide = try settings.side("padding_side") ?? (isFast && family.padsLeftFast ? .left : .right)
        truncationSide = try settings.side("truncation_side") ?? .right
        tidiesSpaces = try settings.boolean("clean_up_tokenization_spaces") ?? false
        var additional = try settings.additionalSpecialTokens()
        let sentinels = try Self.sentinels(settings, family, &additional)
        var byID: [Int: AddedToken] = [:]
        // How many names there are: Python's next free id.
        var nameCount = base.count
        func add(_ token: AddedToken, _ id: Int) {
            var token = token
            token.id = id
            if let old = byID[id].map({ Vocabulary.bytes($0.content) }), ids.removeValue(forKey: old) != nil {
                nameCount -= base.id(old) == nil ? 1 : 0
            }
            byID[id] = token
            let name = Vocabulary.bytes(token.content)
            if ids.updateValue(id, forKey: name) == nil, base.id(name) == nil { nameCount += 1 }
            count = max(count, id + 1)
        }
        for token in listed ?? [] { add(token, token.id) }
        if !isFast {
            // T5's class in Python puts the sentinels behind the pieces, the last first.
            for (number, content) in sentinels.enumerated() {
                add(
                    AddedToken(
                        content: content, stripsLeft: true, stripsRight: true, isNormalized: false, isSpecial: true),
                    base.count + sentinels.count - 1 - number)
            }
        }
        for token in settings.addedTokens.sorted(by: { $0.id < $1.id }) {
            add(token, isFast ? id(Vocabulary.bytes(token.content)) ?? count : token.id)
        }
        func addSpecial(_ token: AddedToken) -> Int {
            let name = Vocabulary.bytes(token.content)
            let known = ids[name].flatMap { byID[$0] }
            var token = known ?? token
            token.isSpecial = true
            if known == nil { token.isNormalized = false }
            let id = id(name) ?? (isFast ? count : nameCount)
            add(token, id)
            specials.insert(id)
            return id
        }
        for role in TokenizerSettings.roles {
            let fallback = family.defaults[role].map {
                AddedToken(content: Array($0.unicodeScalars), isNormalized: false, isSpecial: true)
            }
            if let token = try settings.special(role, default: fallback) { roles[role] = addSpecial(token) }
        }
        for content in additional {
            _ = addSpecial(AddedToken(content: content, isNormalized: false, isSpecial: true))
        }
        // In Rust every added token that says that it is special is one.
        if isFast { specials.formUnion(byID.values.filter(\.isSpecial).map(\.id)) }
        added = byID.values.sorted { $0.id < $1.id }
        self.names = byID.mapValues { Vocabulary.bytes($0.content) }
        endID = roles["eos_token"]
        if family.hasFrameOptions {
            beginID = try frame("bos_token", settings.boolean("add_bos_token") ?? family.framesBegin, settings)
            endID = try frame("eos_token", settings.boolean("add_eos_token") ?? false, settings)
        } else if endID == nil, family.needsUnknown {
            throw settings.noToken("eos_token", why: "it ends texts")
        }
        guard roles["unk_token"] != nil || !family.needsUnknown else {
            throw settings.fault("unk_token", "the tokenizer needs a token for what is unknown")
        }
    }

    /// The id of a token, added ones first.
    func id(_ name: [UInt8]) -> Int? { ids[name] ?? base.id(name) }

    private func frame(_ role: String, _ isAdded: Bool, _ settings: TokenizerSettings) throws -> Int? {
        guard isAdded else { return nil }
        guard let id = roles[role] else {
            throw settings.noToken(role, why: "it is put around texts unless add_\(role) is false")
        }
        return id
    }

    /// The sentinels that T5's class adds by itself; those of `additional_special_tokens` count, where they are there.
    private static func sentinels(
        _ settings: TokenizerSettings, _ family: PieceFamily, _ additional: inout [[Unicode.Scalar]]
    ) throws -> [[Unicode.Scalar]] {
        guard family.sentinels > 0 else { return [] }
        let wanted = try settings.count("extra_ids", limit: 4096) ?? family.sentinels
        let all = (0..<wanted).map { Array("<extra_id_\($0)>".unicodeScalars) }
        guard settings.hasAdditionalSpecialTokens else {
            additional = all
            return all
        }
        let given = additional.filter { TextForms.string($0).contains("<extra_id_") }.count
        if given == 0 {
            additional += all
            return []
        }
        guard wanted == 0 || wanted == given else {
            throw settings.fault(
                "extra_ids", "it is \(wanted), but additional_special_tokens has \(given) of \"<extra_id_N>\"")
        }
        return (0..<given).map { Array("<extra_id_\($0)>".unicodeScalars) }
    }
}

/// What the tokenizers on SentencePiece have in common.
protocol PieceTokenizer: DecodingTokenizer {
    var pieceTokens: PieceTokens { get }
}

extension PieceTokenizer {
    var maximumLength: Int? { pieceTokens.maximumLength }
    var vocabularySize: Int { pieceTokens.count }
    var padID: Int? { pieceTokens.roles["pad_token"] }
    var beginID: Int? { pieceTokens.beginID }
    var endID: Int? { pieceTokens.endID }
    var paddingSide: Side { pieceTokens.paddingSide }
    var truncationSide: Side { pieceTokens.truncationSide }

    /// A decoded text without the spaces before punctuation, where the settings ask for that.
    func tidied(_ text: String) -> String {
        guard pieceTokens.tidiesSpaces else { return text }
        var text = text
        for (old, new) in [
            (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
            (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
        ] {
            text = TextForms.string(
                TextForms.replacing(
                    Array(text.unicodeScalars), Array(old.unicodeScalars), with: Array(new.unicodeScalars)))
        }
        return text
    }
}

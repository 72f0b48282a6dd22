import Files

/// What a tokenizer knows beside its model: the vocabulary with the added tokens in it, and the special ids.
struct ResolvedTokens {
    /// Every token.
    var vocabulary: Vocabulary
    /// The tokens that are cut out of texts.
    var added: [AddedToken]
    /// The id before a text.
    var beginID: Int
    /// The id after a text.
    var endID: Int
    /// The id of padding, where there is any.
    var padID: Int?
    /// The id of what the vocabulary lacks.
    var unknownID: Int
    /// `model_max_length`, where it is stated.
    var maximumLength: Int?
    /// `padding_side`.
    var paddingSide: Side
    /// `truncation_side`.
    var truncationSide: Side

    /// Adds the special tokens of the settings to a vocabulary, as transformers does: a token that the vocabulary lacks
    /// gets the next free id.
    /// - Parameter defaults: the special tokens of the class, for those that the files do not name.
    init(_ settings: TokenizerSettings, _ base: Vocabulary, defaults: [String: String], begin: String, end: String)
        throws
    {
        var vocabulary = base
        var added: [Int: AddedToken] = [:]
        for token in settings.addedTokens {
            added[token.id] = token
            vocabulary.add(token)
        }
        var specials: [String: AddedToken] = [:]
        for role in TokenizerSettings.roles {
            let fallback = defaults[role].map { AddedToken(content: Array($0.unicodeScalars), isSpecial: true) }
            guard var token = try settings.special(role, default: fallback) else { continue }
            if let known = settings.addedTokens.first(where: { $0.content == token.content }) {
                token = known
            } else {
                token.id = vocabulary.id(token.content) ?? vocabulary.count
            }
            token.isSpecial = true
            specials[role] = token
            added[token.id] = token
            vocabulary.add(token)
        }
        var known = Set(added.values.map(\.content))
        for content in try settings.additionalSpecialTokens() where known.insert(content).inserted {
            let token = AddedToken(
                content: content, id: vocabulary.id(content) ?? vocabulary.count, isNormalized: false, isSpecial: true)
            added[token.id] = token
            vocabulary.add(token)
        }
        guard let beginToken = specials[begin], let endToken = specials[end] else {
            throw settings.noToken(specials[begin] == nil ? begin : end, why: "it is put around texts")
        }
        guard let unknown = specials["unk_token"], let unknownID = base.id(unknown.content) else {
            throw settings.fault("unk_token", "the token for what is unknown is not in the vocabulary")
        }
        self.vocabulary = vocabulary
        self.added = added.values.sorted { $0.id < $1.id }
        beginID = beginToken.id
        endID = endToken.id
        padID = specials["pad_token"]?.id
        self.unknownID = unknownID
        maximumLength = try settings.maximumLength()
        paddingSide = try settings.side("padding_side") ?? .right
        truncationSide = try settings.side("truncation_side") ?? .right
    }
}

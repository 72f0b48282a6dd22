/// A tokenizer whose vocabulary and special ids stand in the files of a folder.
protocol ResolvedTokenizer: Tokenizer {
    /// What the files say beside the model.
    var settings: ResolvedTokens { get }
}

extension ResolvedTokenizer {
    var maximumLength: Int? { settings.maximumLength }
    var vocabularySize: Int { settings.vocabulary.count }
    var padID: Int? { settings.padID }
    var beginID: Int? { settings.beginID }
    var endID: Int? { settings.endID }
    var paddingSide: Side { settings.paddingSide }
    var truncationSide: Side { settings.truncationSide }

    func token(_ id: Int) -> String? { settings.vocabulary.token(id) }
}

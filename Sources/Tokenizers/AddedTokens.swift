/// A token that is cut out of texts before all else.
struct AddedToken: Equatable {
    var content: [Unicode.Scalar]
    var id = 0
    /// Whether it swallows the white space before it.
    var stripsLeft = false
    /// Whether it swallows the white space after it.
    var stripsRight = false
    /// Whether it must stand alone between spaces.
    var isSingleWord = false
    /// Whether it is looked for in the normalised text.
    var isNormalized = true
    /// Whether it is one of the special tokens.
    var isSpecial = false
}

/// Cuts added tokens out of texts: the leftmost first, of those that begin together the longest.
struct AddedTokens {
    /// A piece of a text: an added token, or text between them.
    enum Piece: Equatable {
        case token(AddedToken)
        case text([Unicode.Scalar])
    }

    private let tokens: [AddedToken]
    private let table: PrefixTable<UInt32>

    init(_ tokens: [AddedToken]) {
        self.tokens = tokens
        // Of equal tokens the first counts.
        table = PrefixTable(
            tokens.indices.reversed().map { (word: tokens[$0].content.map(\.value), number: $0) })
    }

    /// The added tokens of a text and what lies between them, without empty pieces.
    /// - Parameter strips: whether tokens swallow white space and must stand alone, where they say so.
    func split(_ text: [Unicode.Scalar], strips: Bool = true) -> [Piece] {
        if table.isEmpty { return text.isEmpty ? [] : [.text(text)] }
        var pieces: [Piece] = []
        var start = 0
        var index = 0
        while index < text.count {
            guard let token = match(text, index) else {
                index += 1
                continue
            }
            if index > start { pieces.append(.text(Array(text[start..<index]))) }
            pieces.append(.token(token))
            index += token.content.count
            start = index
        }
        if start < text.count { pieces.append(.text(Array(text[start...]))) }
        return strips ? stripped(pieces) : pieces
    }

    /// The ids of a text: of added tokens their own, of what lies between them what `append` adds.
    func ids(_ text: [Unicode.Scalar], append: ([Unicode.Scalar], inout [Int]) -> Void) -> [Int] {
        var ids: [Int] = []
        for piece in split(text) {
            switch piece {
            case .token(let token): ids.append(token.id)
            case .text(let text): append(text, &ids)
            }
        }
        return ids
    }

    private func match(_ text: [Unicode.Scalar], _ index: Int) -> AddedToken? {
        table.longest(index..<text.count) { text[$0].value }.map { tokens[$0.number] }
    }

    /// Applies what tokens ask of their neighbours: to be stripped, or to begin and end with a space.
    private func stripped(_ pieces: [Piece]) -> [Piece] {
        var pieces = pieces
        for index in pieces.indices {
            guard case .token(let token) = pieces[index] else { continue }
            if token.stripsRight, index + 1 < pieces.count, case .text(let right) = pieces[index + 1] {
                pieces[index + 1] = .text(Array(right.drop(while: CharacterClasses.isWhitespace)))
            }
            if token.stripsLeft, index > 0, case .text(let left) = pieces[index - 1] {
                let kept = left.lastIndex { !CharacterClasses.isWhitespace($0) }.map { $0 + 1 } ?? 0
                pieces[index - 1] = .text(Array(left[..<kept]))
            }
            guard token.isSingleWord else { continue }
            if index > 0, let last = scalars(pieces[index - 1]).last, last != " " {
                pieces[index - 1] = .text(scalars(pieces[index - 1]) + token.content)
                pieces[index] = .text([])
            } else if index + 1 < pieces.count, let first = scalars(pieces[index + 1]).first, first != " " {
                pieces[index + 1] = .text(token.content + scalars(pieces[index + 1]))
                pieces[index] = .text([])
            }
        }
        return pieces.filter { $0 != .text([]) }
    }

    private func scalars(_ piece: Piece) -> [Unicode.Scalar] {
        switch piece {
        case .token(let token): return token.content
        case .text(let text): return text
        }
    }
}

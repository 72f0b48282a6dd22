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

/// Cuts added tokens out of texts: the leftmost first, of those that begin together the longest; or as transformers'
/// classes in Python do, which miss some where tokens overlap.
struct AddedTokens {
    /// A piece of a text: an added token, or text between them.
    enum Piece: Equatable {
        case token(AddedToken)
        case text([Unicode.Scalar])
    }

    private let tokens: [AddedToken]
    private let table: PrefixTable<UInt32>
    private let followsPython: Bool

    init(_ tokens: [AddedToken], followsPython: Bool = false) {
        self.tokens = tokens
        self.followsPython = followsPython
        // Of equal tokens the first counts.
        table = PrefixTable(
            tokens.indices.reversed().map { (word: tokens[$0].content.map(\.value), number: $0) })
    }

    /// The added tokens of a text and what lies between them, without empty pieces.
    /// - Parameter strips: whether tokens swallow white space and must stand alone, where they say so.
    func split(_ text: [Unicode.Scalar], strips: Bool = true) -> [Piece] {
        if table.isEmpty { return text.isEmpty ? [] : [.text(text)] }
        if followsPython { return piecesOfPython(text) }
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

    /// `PreTrainedTokenizer.tokenize` of transformers: a part is a token where it reads like one, however it came about.
    private func piecesOfPython(_ text: [Unicode.Scalar]) -> [Piece] {
        var parts: [[Unicode.Scalar]] = []
        var start = 0
        for end in cutsOfPython(text.map(\.value)) where end > start {
            parts.append(Array(text[start..<end]))
            start = end
        }
        func token(_ part: [Unicode.Scalar]) -> AddedToken? { table.number(part.lazy.map(\.value)).map { tokens[$0] } }
        for index in parts.indices {
            guard let token = token(parts[index]) else { continue }
            let left = index > 0 ? parts[index - 1] : []
            let right = index + 1 < parts.count ? parts[index + 1] : []
            if token.stripsRight, !right.isEmpty {
                parts[index + 1] = Array(right.drop(while: CharacterClasses.isWhitespace))
            }
            if token.stripsLeft, !left.isEmpty {
                let kept = left.lastIndex { !CharacterClasses.isWhitespace($0) }.map { $0 + 1 } ?? 0
                parts[index - 1] = Array(left[..<kept])
            }
            guard token.isSingleWord else { continue }
            if let last = left.last, last != " " {
                parts[index - 1] += token.content
                parts[index] = []
            } else if let first = right.first, first != " " {
                parts[index + 1] = token.content + parts[index + 1]
                parts[index] = []
            }
        }
        return parts.filter { !$0.isEmpty }.map { part in token(part).map { .token($0) } ?? .text(part) }
    }

    /// Where `Trie.split` of transformers cuts. Every place where a token may have begun is tracked. Once one token is whole,
    /// those that may have begun before it are looked at, even those that the last character has ended, as if it had not.
    private func cutsOfPython(_ text: [UInt32]) -> [Int] {
        var states: [(start: Int, cursor: PrefixTable<UInt32>.Cursor)] = []
        var cuts: [Int] = []
        var skip = 0
        for current in text.indices where current >= skip {
            var ended: [Int] = []
            var isWhole = false
            for index in states.indices {
                if table.number(states[index].cursor) != nil {
                    var (start, end) = (states[index].start, current)
                    for state in states {
                        if state.start > start { break }
                        end = state.start < start ? current + 1 : current
                        var (ahead, cursor) = (end, state.cursor)
                        while true {
                            if table.number(cursor) != nil { (start, end, skip) = (state.start, ahead, ahead) }
                            guard ahead < text.count, table.advance(&cursor, text[ahead]) else { break }
                            ahead += 1
                        }
                    }
                    cuts += [start, end]
                    isWhole = true
                    break
                }
                if !table.advance(&states[index].cursor, text[current]) { ended.append(index) }
            }
            if isWhole { states = [] } else { for index in ended.reversed() { states.remove(at: index) } }
            var cursor = table.start
            if current >= skip, table.advance(&cursor, text[current]) { states.append((current, cursor)) }
        }
        if let state = states.first(where: { table.number($0.cursor) != nil }) { cuts += [state.start, text.count] }
        return cuts + [text.count]
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

/// A pattern of file names, as shells have it: `*` and `?` stand for letters of one name, `[a-z]` and `[!a-z]` for one letter, and
/// `**` as a whole name for any folders. A pattern without a slash is one of names, in whatever folder.
///
/// Matching takes at most the product of the lengths, whatever the pattern.
public struct Glob: Sendable {
    private enum Token: Equatable {
        case letter(Unicode.Scalar)
        case any
        case star
        case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)

        func takes(_ letter: Unicode.Scalar) -> Bool {
            switch self {
            case .letter(let own): return own == letter
            case .any: return true
            case .star: return false
            case .set(let ranges, let isNegated): return ranges.contains { $0.contains(letter) } != isNegated
            }
        }
    }

    /// The pattern's text.
    public let text: String
    /// The names of the path, from the folder down; nil stands for `**`.
    private let names: [[Token]?]

    /// The longest pattern.
    static let limit = 1024

    /// Reads a pattern.
    /// - Throws: `FileError.malformed` that names the pattern and what is wrong with it.
    public init(_ text: String) throws {
        func wrong(_ reason: String) -> FileError {
            .malformed(path: "the pattern \(excerpt(text))", location: "", reason: reason)
        }
        guard !text.isEmpty, text.utf8.count <= Glob.limit, !text.utf8.contains(0) else {
            throw wrong("wanted 1 to \(Glob.limit) bytes, such as *.png")
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(""), !parts.contains("."), !parts.contains("..") else {
            throw wrong("wanted a path below the folder, such as p10/**/*.jpg, without empty names, `.` and `..`")
        }
        self.text = text
        let names = try parts.map { part -> [Token]? in
            if part == "**" { return nil }
            guard let tokens = Glob.tokens(part) else { throw wrong("a `[` is not closed, or a range runs backwards") }
            return tokens
        }
        self.names = names.count == 1 && names[0] != nil ? [nil] + names : names
    }

    private static func tokens(_ name: Substring) -> [Token]? {
        var tokens: [Token] = []
        var rest = Array(name.unicodeScalars)[...]
        while let letter = rest.popFirst() {
            switch letter {
            case "*": if tokens.last != .star { tokens.append(.star) }
            case "?": tokens.append(.any)
            case "[":
                guard let set = set(&rest) else { return nil }
                tokens.append(set)
            default: tokens.append(.letter(letter))
            }
        }
        return tokens
    }

    /// The set after its bracket; a `]` right after it is one of its letters.
    private static func set(_ rest: inout ArraySlice<Unicode.Scalar>) -> Token? {
        let isNegated = rest.first == "!" || rest.first == "^"
        if isNegated { rest.removeFirst() }
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        while let first = rest.popFirst() {
            if first == "]", !ranges.isEmpty { return .set(ranges, isNegated: isNegated) }
            if rest.first == "-", let last = rest.dropFirst().first, last != "]" {
                rest = rest.dropFirst(2)
                guard first <= last else { return nil }
                ranges.append(first...last)
            } else {
                ranges.append(first...first)
            }
        }
        return nil
    }

    /// Whether a path below the folder is one of the pattern's.
    public func matches(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map { Array($0.unicodeScalars) }
        // Which beginnings of the path the names up to here take.
        var isReached = [Bool](repeating: false, count: parts.count + 1)
        isReached[0] = true
        for name in names {
            var next = [Bool](repeating: false, count: parts.count + 1)
            if let name {
                for (place, part) in parts.enumerated() where isReached[place] {
                    next[place + 1] = Glob.matches(name[...], part[...])
                }
            } else {
                var isOpen = false
                for place in next.indices {
                    isOpen = isOpen || isReached[place]
                    next[place] = isOpen
                }
            }
            isReached = next
        }
        return isReached[parts.count]
    }

    /// Whether a name fits, going back to the last star alone: what an earlier one took never has to change.
    private static func matches(_ tokens: ArraySlice<Token>, _ name: ArraySlice<Unicode.Scalar>) -> Bool {
        var (token, letter) = (tokens.startIndex, name.startIndex)
        var star: (token: Int, letter: Int)?
        while letter < name.endIndex {
            if token < tokens.endIndex, tokens[token] == .star {
                star = (token, letter)
                token += 1
            } else if token < tokens.endIndex, tokens[token].takes(name[letter]) {
                token += 1
                letter += 1
            } else if let last = star {
                token = last.token + 1
                letter = last.letter + 1
                star = (last.token, letter)
            } else {
                return false
            }
        }
        return tokens[token...].allSatisfy { $0 == .star }
    }
}

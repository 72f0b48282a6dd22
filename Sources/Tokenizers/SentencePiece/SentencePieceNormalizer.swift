/// Makes the text that SentencePiece cuts: rules by the longest prefix, spaces as U+2581, extra spaces dropped.
struct SentencePieceNormalizer {
    /// U+2581 in UTF-8.
    static let space: [UInt8] = [0xE2, 0x96, 0x81]

    private let characters: CharacterMap?
    private let addsDummyPrefix: Bool
    private let removesExtraSpaces: Bool
    private let escapesSpaces: Bool
    private let treatsSpaceAsSuffix: Bool
    /// User-defined pieces stay as they are.
    private let userDefined: PrefixTable<UInt8>

    init(_ model: SentencePieceModel, userDefined: PrefixTable<UInt8>) {
        characters = model.characters
        addsDummyPrefix = model.addsDummyPrefix
        removesExtraSpaces = model.removesExtraSpaces
        escapesSpaces = model.escapesSpaces
        treatsSpaceAsSuffix = model.treatsSpaceAsSuffix
        self.userDefined = userDefined
    }

    func normalized(_ text: [UInt8]) -> [UInt8] {
        var place = 0
        var result: [UInt8] = []
        if removesExtraSpaces {
            while place < text.count {
                let (part, length) = prefix(text, place)
                guard part.count == 1, part.first == 0x20 else { break }
                place += length
            }
        }
        guard place < text.count else { return [] }
        result.reserveCapacity(text.count + text.count / 4)
        let space = escapesSpaces ? Self.space : [0x20]
        if !treatsSpaceAsSuffix, addsDummyPrefix { result += space }
        var followsSpace = removesExtraSpaces
        while place < text.count {
            var (part, length) = prefix(text, place)
            while followsSpace, part.first == 0x20 { part = part.dropFirst() }
            if let last = part.last {
                for byte in part {
                    if byte == 0x20 { result += space } else { result.append(byte) }
                }
                followsSpace = last == 0x20
            }
            place += length
            if !removesExtraSpaces { followsSpace = false }
        }
        if removesExtraSpaces {
            while result.count >= space.count, result.suffix(space.count).elementsEqual(space) {
                result.removeLast(space.count)
            }
        }
        if treatsSpaceAsSuffix, addsDummyPrefix { result += space }
        return result
    }

    /// What the text at a place becomes, and how many bytes it has there.
    private func prefix(_ text: [UInt8], _ place: Int) -> (ArraySlice<UInt8>, Int) {
        if let found = userDefined.longest(place..<text.count, { text[$0] }) {
            return (text[place..<place + found.length], found.length)
        }
        if let rule = characters?.longest(text, place) { return (characters?[rule.text] ?? [], rule.length) }
        let width = Self.validWidth(text, place)
        return width > 0 ? (text[place..<place + width], width) : ([0xEF, 0xBF, 0xBD], 1)
    }

    /// The length of the character at a place; 0 where that is no UTF-8.
    static func validWidth(_ text: [UInt8], _ place: Int) -> Int {
        let first = text[place]
        if first < 0x80 { return 1 }
        let width = UnigramModel.width(first)
        guard width > 1, place + width <= text.count else { return 0 }
        var value = UInt32(first) & (0x7F >> UInt32(width))
        for byte in text[(place + 1)..<(place + width)] {
            guard byte & 0xC0 == 0x80 else { return 0 }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        let least: [UInt32] = [0, 0, 0x80, 0x800, 0x10000]
        return value >= least[width] && Unicode.Scalar(value) != nil ? width : 0
    }
}

import Files

/// SentencePiece's rules of normalisation (`precompiled_charsmap`): a double-array trie (darts-clone) from byte sequences
/// to texts, and the texts, each ended by a null byte.
struct CharacterMap {
    /// The longest text of a rule; that of NFKC's longest has 33 bytes.
    static let longestText = 256

    private let units: [UInt32]
    private let texts: [UInt8]

    /// - Parameters:
    ///   - blob: the size of the trie in four bytes, the trie, the texts.
    ///   - offset: where the blob begins in its file.
    /// - Throws: `FileError.malformed` for sizes that cannot be, texts that are no UTF-8, and rules without a text.
    init(_ blob: ArraySlice<UInt8>, path: String, offset: Int) throws {
        func fault(_ place: Int, _ reason: String) -> FileError {
            FileError.malformed(
                path: path, location: "byte \(offset + place)", reason: "precompiled_charsmap: \(reason)")
        }
        let blob = Array(blob)
        func word(_ place: Int) -> UInt32 {
            UInt32(blob[place]) | UInt32(blob[place + 1]) << 8 | UInt32(blob[place + 2]) << 16
                | UInt32(blob[place + 3]) << 24
        }
        guard blob.count > 4 else { throw fault(0, "\(blob.count) bytes are too few") }
        let size = Int(word(0))
        guard size > 0, size % 4 == 0, size < blob.count - 4 else {
            throw fault(0, "a trie of \(size) bytes cannot be in \(blob.count) bytes")
        }
        units = stride(from: 4, to: 4 + size, by: 4).map(word)
        texts = Array(blob[(4 + size)...])
        if let bad = texts.withUnsafeBytes(FileReader.firstInvalidUTF8) {
            throw fault(4 + size + bad, "a text is not valid UTF-8")
        }
        var start = 0
        for (index, byte) in texts.enumerated() {
            if byte == 0 { start = index + 1 }
            guard index - start < Self.longestText else {
                throw fault(4 + size + start, "a text is longer than \(Self.longestText) bytes")
            }
        }
        // A unit with the highest bit is a leaf: the place of its text.
        for (index, unit) in units.enumerated() where unit >> 31 == 1 && Int(unit & 0x7FFF_FFFF) >= texts.count {
            throw fault(4 + 4 * index, "a rule has no text")
        }
    }

    /// The longest rule that a text has at a place: how many bytes it takes, and where its text lies.
    func longest(_ text: [UInt8], _ start: Int) -> (length: Int, text: Range<Int>)? {
        var found: (Int, Int)?
        search(text, start, text.count, stopsAtNull: false) { length, value in
            found = (length, value)
            return true
        }
        return found.map { ($0.0, range($0.1)) }
    }

    /// The text of the shortest rule that a part of a text begins with, as the package tokenizers takes it.
    func shortest(_ text: [UInt8], _ part: Range<Int>) -> Range<Int>? {
        var found: Int?
        search(text, part.lowerBound, part.upperBound, stopsAtNull: true) { _, value in
            found = value
            return false
        }
        return found.map(range)
    }

    /// A rule's text.
    subscript(range: Range<Int>) -> ArraySlice<UInt8> { texts[range] }

    private func range(_ value: Int) -> Range<Int> {
        value..<(texts[value...].firstIndex(of: 0) ?? texts.count)
    }

    /// Calls `visit` with the length and the value of each rule, from the shortest, until it returns false.
    private func search(
        _ text: [UInt8], _ start: Int, _ end: Int, stopsAtNull: Bool, _ visit: (Int, Int) -> Bool
    ) {
        func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 0x200) >> 6)) }
        var position = offset(units[0])
        for index in start..<end {
            let byte = text[index]
            if stopsAtNull, byte == 0 { return }
            position ^= Int(byte)
            guard position < units.count else { return }
            let unit = units[position]
            guard unit & 0x8000_00FF == UInt32(byte) else { return }
            position ^= offset(unit)
            guard position < units.count else { return }
            if unit >> 8 & 1 == 1 {
                let value = Int(units[position] & 0x7FFF_FFFF)
                guard value < texts.count else { return }
                if !visit(index - start + 1, value) { return }
            }
        }
    }
}

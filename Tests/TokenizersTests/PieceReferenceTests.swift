import Files
import Testing
import Tokenizers

/// Tokenizers on SentencePiece, read as transformers' classes in Python and in Rust do.
@Suite("Tokenizers on SentencePiece against transformers") struct PieceReferenceTests {
    private func open(_ variant: JSON) throws -> any Tokenizer {
        let files = try files(
            variant, base: "pieces/" + (variant["base"]?.string ?? "").replacing("+", with: "+pieces/"))
        return try openTokenizer(files, class: variant["class"]?.string)
    }

    @Test func idsMatch() throws {
        let document = try JSON.read(fixtures + "/pieces/cases.json", limit: 1 << 30)
        let prompts = try #require(document["prompts"]?.array).compactMap(\.string)
        for variant in try #require(document["variants"]?.array) {
            let name = try #require(variant["name"]?.string)
            let tokenizer = try open(variant)
            let expected = try #require(document["expected"]?[name]?.array)
            #expect(expected.count == prompts.count)
            var wrong: [String] = []
            for (prompt, row) in zip(prompts, expected) {
                let found = try tokenizer.encode(prompt)
                let (left, right) = (row[1]?.integer ?? -1, row[3]?.integer ?? -1)
                let real = (row[2]?.array ?? []).compactMap(\.integer)
                let pads = { (count: Int) in [Int](repeating: tokenizer.padID ?? -1, count: count) }
                let mask = pads(left).map { _ in 0 } + real.map { _ in 1 } + pads(right).map { _ in 0 }
                if found.ids != pads(left) + real + pads(right) || found.attentionMask != mask
                    || found.textTokens != row[0]?.integer
                {
                    wrong.append("\(prompt.debugDescription) \(scalars(prompt)): \(found.ids), not \(real)")
                }
            }
            #expect(wrong.isEmpty, "\(name): \(wrong.count): \(wrong.prefix(12).joined(separator: "\n"))")
        }
    }

    /// Characters that are newer than the Unicode of the package tokenizers: it has no normal forms of them from Unicode 10
    /// on, and takes marks from Unicode 17 on for letters. Those beyond the first 65536 are not what their lower bits are.
    @Test func newerCharactersAreWhatThePackageKnows() throws {
        let pieces = try openTokenizer(vocabularyFiles("pieces/t5-fast"), class: "T5TokenizerFast")
        #expect(pieces.tokens("\u{BD}\u{1AD0}\u{301}") == [181, 2, 148, 2])
        let bytes = try openTokenizer(vocabularyFiles("pieces/neox"), class: "GPTNeoXTokenizerFast")
        #expect(bytes.tokens("\u{100DC}\u{301}") == [174, 240, 227, 252, 138, 225])
        #expect(
            bytes.tokens("\u{11935}\u{11930} q\u{897}\u{316} \u{11099}\u{110BA}") == [
                174, 241, 99, 115, 174, 241, 99, 110, 222, 82, 158, 97, 247, 138, 246, 222, 174, 241, 226, 250,
            ])
    }

    @Test func textsMatch() throws {
        let document = try JSON.read(fixtures + "/pieces/cases.json", limit: 1 << 30)
        let prompts = try #require(document["prompts"]?.array).compactMap(\.string)
        for variant in try #require(document["variants"]?.array) {
            let name = try #require(variant["name"]?.string)
            let tokenizer = try #require(try open(variant) as? any DecodingTokenizer)
            var wrong: [String] = []
            for (prompt, row) in zip(prompts, try #require(document["decoded"]?[name]?.array)) {
                let found = try tokenizer.decode(tokenizer.tokens(prompt))
                if !found.utf8.elementsEqual((row.string ?? "?").utf8) {
                    wrong.append("\(prompt.debugDescription): \(found.debugDescription), not \(row.text())")
                }
            }
            #expect(wrong.isEmpty, "\(name): \(wrong.count): \(wrong.prefix(12).joined(separator: "\n"))")
        }
    }
}

import Files
import Foundation
import Testing
import Tokenizers

@Suite("Tokenizers against transformers") struct ReferenceTests {
    /// The committed cases, and those of the file that CHEXGEN_TOKENIZER_CASES names.
    private func documents() throws -> [JSON] {
        var paths = [fixtures + "/cases.json"]
        if let more = ProcessInfo.processInfo.environment["CHEXGEN_TOKENIZER_CASES"] { paths.append(more) }
        return try paths.map { try JSON.read($0, limit: 1 << 30) }
    }

    @Test func idsMatch() throws {
        for document in try documents() {
            let prompts = try #require(document["prompts"]?.array).compactMap(\.string)
            for variant in try #require(document["variants"]?.array) {
                let name = try #require(variant["name"]?.string)
                let tokenizer = try open(variant)
                let expected = try #require(document["expected"]?[name]?.array)
                #expect(expected.count == prompts.count)
                for (prompt, row) in zip(prompts, expected) {
                    let found = try tokenizer.encode(prompt)
                    let tail = [Int](repeating: row[2]?.integer ?? -1, count: row[3]?.integer ?? 0)
                    let ids = (row[1]?.array ?? []).compactMap(\.integer) + tail
                    #expect(found.ids == ids, "\(name): \(prompt.debugDescription) \(scalars(prompt))")
                    #expect(found.textTokens == row[0]?.integer, "\(name): \(prompt.debugDescription)")
                    #expect(found.lost == max(0, found.textTokens - ids.count + 2))
                    #expect(found.attentionMask.reduce(0, +) == min(ids.count, found.textTokens + 2))
                }
            }
        }
    }

    private func open(_ variant: JSON) throws -> any Tokenizer {
        try openTokenizer(files(variant, base: variant["base"]?.string ?? ""))
    }
}

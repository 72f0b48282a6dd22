import Files
import Foundation
import TestSupport
import Testing
import Tokenizers

/// A tokenizer from outside the program: words are their lengths, with an end and no begin, as T5 has it.
private final class LengthTokenizer: Tokenizer {
    let vocabularySize = 100
    let maximumLength: Int? = 6
    let padID: Int? = 0
    let beginID: Int? = nil
    let endID: Int? = 1

    func tokens(_ text: String) -> [Int] { text.split(separator: " ").map { $0.count + 1 } }
    func token(_ id: Int) -> String? { String(id) }
}

@Suite struct TokenizerRegistryTests {
    @Test func aTokenizerFromOutsideIsAnEntry() throws {
        var known = TokenizerRegistry.standard
        try known.add(
            TokenizerEntry(
                "length", classes: ["LengthTokenizer"], recognises: { $0.has("lengths.txt") },
                open: { _ in LengthTokenizer() }))
        for files in [["tokenizer_config.json": #"{"tokenizer_class": "LengthTokenizer"}"#], ["lengths.txt": ""]] {
            let tokenizer = try openTokenizer(files.mapValues { Data($0.utf8) }, known)
            // Without a begin, a text has room for one token more.
            let encoding = try tokenizer.encode("a bb ccc")
            #expect(encoding.ids == [2, 3, 4, 1, 0, 0] && encoding.attentionMask == [1, 1, 1, 1, 0, 0])
            let cut = try tokenizer.encode("a b c d e f g")
            #expect(cut.ids == [2, 2, 2, 2, 2, 1] && cut.lost == 2)
            #expect(message { _ = try tokenizer.encode("a b c d e f", overflow: .error) }.contains("takes 5"))
        }
        #expect(throws: RegistryError.self) {
            try known.add(
                TokenizerEntry(
                    "other", classes: ["CLIPTokenizer"], recognises: { _ in false }, open: { _ in LengthTokenizer() }))
        }
    }

    /// The class that a pipeline names goes before that of `tokenizer_config.json`, also where both kinds of files are.
    @Test func theNamedClassCounts() throws {
        for (name, text) in [("clip", "\u{202E}abc\u{202C}"), ("bert", "\u{1AC1}\u{8D3}a")] {
            let slow = try vocabularyFiles(name)
            let fast = try vocabularyFiles(name + "-fast")
            let both = slow.merging(fast) { _, last in last }
            let kind = name == "clip" ? "CLIPTokenizer" : "BertTokenizer"
            let wanted = [try openTokenizer(slow).tokens(text), try openTokenizer(fast).tokens(text)]
            #expect(wanted[0] != wanted[1])
            for stated in [nil, kind, kind + "Fast"] {
                var files = both
                if let stated { files["tokenizer_config.json"] = Data("{\"tokenizer_class\": \"\(stated)\"}".utf8) }
                #expect(try openTokenizer(files, class: kind).tokens(text) == wanted[0], "\(kind) \(stated ?? "")")
                #expect(
                    try openTokenizer(files, class: kind + "Fast").tokens(text) == wanted[1],
                    "\(kind) \(stated ?? "")")
                let own = try openTokenizer(files).tokens(text)
                #expect(own == wanted[stated == kind + "Fast" ? 1 : 0], "\(kind) \(stated ?? "")")
            }
        }
    }

    @Test func unknownClassesGetTheNearest() {
        let files = ["tokenizer_config.json": Data(#"{"tokenizer_class": "CLIPTokeniser"}"#.utf8)]
        let found = message { _ = try openTokenizer(files) }
        #expect(found.contains("\"CLIPTokeniser\" is not known") && found.contains("did you mean \"CLIPTokenizer\"?"))
    }
}

import Foundation
import TestSupport
import Testing
import Tokenizers

@Suite("Bad tokenizer files and calls") struct BadFileTests {
    private let merges = Data("#version: 0.2\na b</w>\n".utf8)
    private let vocabulary = Data(
        #"{"a": 0, "b</w>": 1, "ab</w>": 2, "<|startoftext|>": 3, "<|endoftext|>": 4}"#.utf8)

    private func clip(_ changes: [String: String]) -> String {
        var files = ["vocab.json": vocabulary, "merges.txt": merges]
        for (name, text) in changes { files[name] = Data(text.utf8) }
        return complaint { _ = try openTokenizer(files) }
    }

    @Test func aSmallVocabularyWorks() throws {
        #expect(clip([:]).isEmpty)
        let tokenizer = try openTokenizer(["vocab.json": vocabulary, "merges.txt": merges])
        #expect(tokenizer.tokens("ab AB b x") == [2, 2, 1, 4])
        #expect(tokenizer.maximumLength == nil && tokenizer.padID == 4 && tokenizer.vocabularySize == 5)
        #expect(tokenizer.token(2) == "ab</w>" && tokenizer.token(9) == nil)
    }

    @Test func badVocabulariesAreRefused() {
        let bad: [(String, String)] = [
            ("", "vocab.json"), ("[]", "wanted an object"), ("{}", "empty"), (#"{"a": "0"}"#, "wanted an id"),
            (#"{"a": 0.5}"#, "wanted an id"), (#"{"a": -1}"#, "wanted an id"), (#"{"a": 9000000000}"#, "wanted an id"),
            (#"{"a": 0, "a": 1}"#, "twice"), (#"{"a": 0, "b": 0}"#, "belongs to \"a\""),
            (#"{"a": 0, "<|startoftext|>": 1}"#, "unk_token"), (#"{"a": 0"#, "vocab.json"),
            (#"{"a": null}"#, "wanted an id"),
        ]
        for (text, part) in bad {
            let found = clip(["vocab.json": text])
            #expect(found.contains(part), "\(text): \(found)")
        }
        let invalid = message {
            _ = try openTokenizer([
                "vocab.json": Data([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x30, 0x7D]), "merges.txt": merges,
            ])
        }
        #expect(invalid.contains("UTF-8"))
    }

    @Test func badMergesAreRefused() {
        for (text, part) in [
            ("v\na\n", "line 2"), ("v\na b c\n", "two symbols"), ("v\na b\n\nc d\n", "line 3"),
            ("v\na b\na b\n", "twice"),
        ] {
            let found = clip(["merges.txt": text])
            #expect(found.contains("merges.txt") && found.contains(part), "\(text): \(found)")
        }
        // Python drops the first line, whatever it says; an empty file has no merges.
        #expect(clip(["merges.txt": ""]).isEmpty)
        #expect(clip(["merges.txt": "\r\n\r\n#version\r\na b</w>\r\n\r\n"]).isEmpty)
        let invalid = message {
            _ = try openTokenizer(["vocab.json": vocabulary, "merges.txt": Data([0x0A, 0xC3, 0x28])])
        }
        #expect(invalid.contains("UTF-8"))
    }

    @Test func badSettingsAreRefused() {
        let bad: [(String, String, String)] = [
            ("tokenizer_config.json", "[]", "JSON object"), ("tokenizer_config.json", "{", "tokenizer_config.json"),
            ("tokenizer_config.json", #"{"tokenizer_class": "XLNetTokenizer"}"#, "CLIPTokenizer"),
            ("tokenizer_config.json", #"{"model_max_length": "77"}"#, "model_max_length"),
            ("tokenizer_config.json", #"{"model_max_length": 1}"#, "at least 2"),
            ("tokenizer_config.json", #"{"model_max_length": 1e12}"#, "up to"),
            ("tokenizer_config.json", #"{"pad_token": 3}"#, "wanted a token"),
            ("tokenizer_config.json", #"{"pad_token": {"content": "a", "lstrip": 1}}"#, "lstrip"),
            ("tokenizer_config.json", #"{"eos_token": null}"#, "eos_token"),
            ("tokenizer_config.json", #"{"padding_side": "top"}"#, "padding_side"),
            ("tokenizer_config.json", #"{"split_special_tokens": true}"#, "not supported"),
            ("tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "a"}}}"#, "no id"),
            ("tokenizer_config.json", #"{"added_tokens_decoder": {"99999999999": {"content": "a"}}}"#, "the id"),
            ("special_tokens_map.json", #"{"pad_token": []}"#, "wanted a token"),
            ("added_tokens.json", #"{"x": "y"}"#, "its id"),
        ]
        for (file, text, part) in bad {
            let found = clip([file: text])
            #expect(found.contains(part), "\(text): \(found)")
        }
        #expect(clip(["tokenizer_config.json": #"{"model_max_length": 1000000000000000019884624838656}"#]).isEmpty)
    }

    @Test func missingAndForeignFilesAreRefused() throws {
        #expect(message { _ = try openTokenizer([:]) }.contains("no such file"))
        #expect(message { _ = try openTokenizer(["vocab.json": vocabulary]) }.contains("merges.txt"))
        #expect(message { _ = try TokenizerRegistry.standard.open("/nowhere/at/all") }.contains("no such file"))
        #expect(message { _ = try openTokenizer(["vocab.txt": Data("[UNK]\na\na\n".utf8)]) }.contains("line 3"))
        #expect(message { _ = try openTokenizer(["vocab.txt": Data()]) }.contains("empty"))
        #expect(message { _ = try openTokenizer(["vocab.txt": Data("a\n".utf8)]) }.contains("unk_token"))
        for name in ["clip-fast", "bert-fast"] {
            let text = String(decoding: try vocabularyFiles(name)["tokenizer.json"] ?? Data(), as: UTF8.self)
            for (part, change) in [
                (#""type":"BPE""#, #""type":"Unigram""#), (#""type":"WordPiece""#, #""type":"WordLevel""#),
                (#""type":"NFC""#, #""type":"NFKC""#), (#""type":"BertNormalizer""#, #""type":"NFD""#),
                (#""type":"BertPreTokenizer""#, #""type":"Whitespace""#),
                (#""type":"ByteLevel","add"#, #""type":"X","add"#),
                (#""end_of_word_suffix":"</w>""#, #""end_of_word_suffix":null"#),
                (#""merges":["#, #""merges":[["a"],"#),
                (#""type":"RobertaProcessing""#, #""type":"BertProcessing""#),
                (#""type":"TemplateProcessing""#, #""type":"Sequence""#), (#""id":0"#, #""id":"0""#),
            ] where text.contains(part) {
                let changed = text.replacingOccurrences(of: part, with: change)
                let found = message { _ = try openTokenizer(["tokenizer.json": Data(changed.utf8)]) }
                #expect(found.contains("tokenizer.json"), "\(change): \(found)")
            }
            for cut in stride(from: 0, to: text.utf8.count, by: 997) {
                let start = Data(text.utf8.prefix(cut))
                #expect(!message { _ = try openTokenizer(["tokenizer.json": start]) }.isEmpty)
            }
        }
    }

    @Test func spellingsOfOneCharacterAreTwoTokens() throws {
        let vocabulary = #"{"\u00e9": 0, "e\u0301": 1, "<|startoftext|>": 2, "<|endoftext|>": 3}"#
        let tokenizer = try openTokenizer(["vocab.json": Data(vocabulary.utf8), "merges.txt": merges])
        #expect(tokenizer.vocabularySize == 4)
        #expect(tokenizer.token(0)?.unicodeScalars.count == 1 && tokenizer.token(1)?.unicodeScalars.count == 2)
    }

    @Test func longTextsAreCountedOrRefused() throws {
        let tokenizer = try openTokenizer(["vocab.json": vocabulary, "merges.txt": merges])
        let cut = try tokenizer.encode("ab ab ab ab ab", length: 5)
        #expect(cut.ids == [3, 2, 2, 2, 4] && cut.lost == 2 && cut.textTokens == 5)
        let whole = try tokenizer.encode("ab", length: 5, padding: false)
        #expect(whole.ids == [3, 2, 4] && whole.attentionMask == [1, 1, 1] && whole.lost == 0)
        let found = message { _ = try tokenizer.encode("ab ab ab ab ab", length: 5, overflow: .error) }
        #expect(found.contains("5 tokens") && found.contains("takes 3"))
        #expect(message { _ = try tokenizer.encode("ab") }.contains("model_max_length"))
        for length in [-1, 0, 1, Int.max, Int.min] {
            #expect(message { _ = try tokenizer.encode("ab", length: length) }.contains("length"))
        }
    }

    @Test func enormousWordsTakeLinearTime() throws {
        let clip = try openTokenizer(vocabularyFiles("clip"))
        #expect(clip.tokens(String(repeating: "pneumothorax", count: 20_000)).count > 1000)
        #expect(clip.tokens(String(repeating: "a", count: 200_000)).count > 1000)
        let bert = try openTokenizer(vocabularyFiles("bert"))
        #expect(bert.tokens(String(repeating: "a", count: 200_000)).count == 1)
        #expect(bert.tokens(String(repeating: "a ", count: 100_000)).count == 100_000)
    }
}

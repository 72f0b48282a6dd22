import Foundation
import TestSupport
import Testing
import Tokenizers

/// Writes the wire format of protocol buffers, true or not.
private struct Wire {
    var bytes: [UInt8] = []

    static func varint(_ value: UInt64) -> [UInt8] {
        var (value, result) = (value, [UInt8]())
        while value >= 0x80 {
            result.append(UInt8(value & 0x7F) | 0x80)
            value >>= 7
        }
        return result + [UInt8(value)]
    }

    mutating func number(_ field: UInt64, _ value: UInt64) { bytes += Self.varint(field << 3) + Self.varint(value) }

    mutating func content(_ field: UInt64, _ content: [UInt8], length: UInt64? = nil) {
        bytes += Self.varint(field << 3 | 2) + Self.varint(length ?? UInt64(content.count)) + content
    }

    mutating func float(_ field: UInt64, _ value: Float) {
        bytes += Self.varint(field << 3 | 5) + (0..<4).map { UInt8(value.bitPattern >> UInt32(8 * $0) & 0xFF) }
    }
}

@Suite("Bad SentencePiece files") struct PieceBadFileTests {
    private let texts = [
        "", " a  b ", "the heart\tis \u{1F9E3} \u{0} ﬁ\u{301} <sep><s>", "\u{2581}\u{2581}x",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
    ]

    private func model(_ name: String) throws -> [UInt8] {
        let files = try vocabularyFiles("pieces/" + name)
        return Array(try #require(files["spiece.model"] ?? files["tokenizer.model"]))
    }

    private struct Part {
        var text = Array("a".utf8)
        var score: Float = -1
        var type: UInt64 = 1
    }

    private static let standard = [
        Part(text: Array("<unk>".utf8), type: 2), Part(text: Array("</s>".utf8), type: 3),
        Part(text: Array("<pad>".utf8), type: 3), Part(), Part(text: [0xE2, 0x96, 0x81]),
    ]

    private func written(
        _ parts: [Part] = Self.standard, kind: UInt64 = 1, fallsBack: Bool = false, characters: [UInt8]? = nil
    ) -> [UInt8] {
        var file = Wire()
        for part in parts {
            var piece = Wire()
            piece.content(1, part.text)
            piece.float(2, part.score)
            piece.number(3, part.type)
            file.content(1, piece.bytes)
        }
        var trainer = Wire()
        trainer.number(3, kind)
        trainer.number(35, fallsBack ? 1 : 0)
        file.content(2, trainer.bytes)
        var normalizer = Wire()
        if let characters { normalizer.content(2, characters) }
        file.content(3, normalizer.bytes)
        return file.bytes
    }

    private func open(_ bytes: [UInt8], in scratch: Scratch) throws -> any Tokenizer {
        try scratch.write("spiece.model", bytes)
        return try TokenizerRegistry.standard.open(scratch.path, class: "T5Tokenizer")
    }

    private func complaintOf(_ bytes: [UInt8]) throws -> String {
        let scratch = try Scratch()
        return complaint { _ = try open(bytes, in: scratch) }
    }

    @Test func aWrittenModelWorks() throws {
        let scratch = try Scratch()
        let tokenizer = try open(written(), in: scratch)
        #expect(tokenizer.tokens("a ab</s>") == [4, 3, 4, 3, 0, 1])
        #expect(tokenizer.ids("a</s>") == [4, 3, 1] && tokenizer.ids("a") == [4, 3, 1])
        #expect(tokenizer.ids("a", special: false) == [4, 3])
        #expect(tokenizer.tokens("<extra_id_99>  <extra_id_0>") == [5, 104] && tokenizer.vocabularySize == 105)
        let decoding = try #require(tokenizer as? any DecodingTokenizer)
        #expect(try decoding.decode([4, 3, 4, 3, 1]) == "a a")
        #expect(message { _ = try decoding.decode([105]) }.contains("from 0 to 104"))
        #expect(message { _ = try decoding.decode([-1]) }.contains("no token with the id -1"))
        for (length, side) in [(6, Side.left), (6, .right)] {
            let found = try tokenizer.encode("a", length: length, side: side)
            #expect(found.ids == (side == .left ? [2, 2, 2, 4, 3, 1] : [4, 3, 1, 2, 2, 2]))
            #expect(found.attentionMask == (side == .left ? [0, 0, 0, 1, 1, 1] : [1, 1, 1, 0, 0, 0]))
        }
    }

    @Test func everyCutFileIsRefused() throws {
        let scratch = try Scratch()
        for (name, step) in [("suffix", 1), ("t5", 13), ("llama", 17)] {
            let bytes = try model(name)
            for count in stride(from: 0, to: bytes.count, by: step) {
                let found = complaint { _ = try open(Array(bytes.prefix(count)), in: scratch) }
                #expect(found.contains("spiece.model") && found.contains("byte "), "\(name) cut at \(count): \(found)")
            }
        }
    }

    @Test func flippedBitsAreRefusedOrRead() throws {
        var random = SeededGenerator()
        let scratch = try Scratch()
        for name in ["t5", "bytes", "unused", "suffix"] {
            let bytes = try model(name)
            for _ in 0..<400 {
                var changed = bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    changed[Int.random(in: 0..<bytes.count, using: &random)] ^=
                        1 << UInt8.random(in: 0..<8, using: &random)
                }
                let found = complaint {
                    let tokenizer = try open(changed, in: scratch)
                    for text in texts { _ = tokenizer.ids(text) }
                    _ = try (tokenizer as? any DecodingTokenizer)?.decode(Array(0..<tokenizer.vocabularySize))
                }
                #expect(found.isEmpty || found.contains("spiece.model") || found.contains("unk_token"), "\(found)")
            }
        }
        for _ in 0..<2000 {
            let noise = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            #expect(!complaint { _ = try open(noise, in: scratch) }.isEmpty)
        }
    }

    @Test func liesAboutLengthsAreRefused() throws {
        for length in [UInt64.max, 1 << 63, 1 << 62, 1 << 40, 1 << 31, 100] {
            for field in 1...5 {
                var file = Wire()
                file.content(UInt64(field), [1, 2, 3], length: length)
                #expect(try complaintOf(file.bytes).contains("bytes are announced"))
            }
        }
        // A piece that says that it is longer than its message.
        var piece = Wire()
        piece.content(1, Array("ab".utf8), length: 3)
        var file = Wire()
        file.content(1, piece.bytes)
        file.content(2, [])
        file.content(3, [])
        let found = try complaintOf(file.bytes)
        #expect(found.contains("byte 3") && found.contains("3 bytes are announced, and 2 are there"))
        #expect(try complaintOf([UInt8](repeating: 0xFF, count: 20)).contains("64 bits"))
        #expect(try complaintOf([0x0B]).contains("no kind of field"))
        #expect(try complaintOf([0x00, 0x00]).contains("no number of a field"))
    }

    @Test func modelsThatCannotBeAreRefused() throws {
        func changed(_ change: (inout [Part]) -> Void) -> [UInt8] {
            var parts = Self.standard
            change(&parts)
            return written(parts)
        }
        let bad: [([UInt8], String)] = [
            (changed { $0[3].text = [] }, "empty"), (changed { $0[3].text = [0x61, 0] }, "null character"),
            (changed { $0[3].text = [0xFF] }, "UTF-8"), (changed { $0[4].text = Array("a".utf8) }, "there already"),
            (changed { $0[3].text = [UInt8](repeating: 0x61, count: 1025) }, "longer than the limit"),
            (changed { $0[0].type = 1 }, "unknown"), (changed { $0[1].type = 2 }, "unknown, as 0 is"),
            (changed { $0[3].type = 6 }, "byte_fallback is false"), (changed { $0[3].type = 9 }, "no type of a piece"),
            (changed { $0[3].score = .nan }, "finite"), (changed { $0[3].score = .infinity }, "finite"),
            (written(kind: 3), "model type 3"), (written(fallsBack: true), "the byte 0 has no piece"),
            (written([Part(text: Array("<0xZZ>".utf8), type: 6)], fallsBack: true), "no byte"),
        ]
        for (bytes, part) in bad {
            let found = try complaintOf(bytes)
            #expect(found.contains("spiece.model") && found.contains("byte ") && found.contains(part), "\(found)")
        }
        #expect(
            message { _ = try openTokenizer([:], class: "T5Tokenizer") }.contains("spiece.model, or tokenizer.json"))
    }

    @Test func badRulesAreRefusedOrRead() throws {
        for (blob, part) in [
            ([1, 2, 3], "too few"), ([0, 0, 0, 0, 0], "a trie of 0"), ([5, 0, 0, 0, 1, 1, 1, 1, 1, 0], "a trie of 5"),
            ([0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], "a trie of 4294967295"), ([4, 0, 0, 0, 0, 0, 0, 0], "a trie of 4"),
            ([4, 0, 0, 0, 9, 0, 0, 0x80, 0x61, 0], "no text"), ([4, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0], "UTF-8"),
            ([4, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0x61, count: 257), "longer than 256"),
        ] as [([UInt8], String)] {
            let found = try complaintOf(written(characters: blob))
            #expect(found.contains("precompiled_charsmap") && found.contains(part), "\(blob.prefix(10)): \(found)")
        }
        // Tries of noise: all their jumps stay inside.
        var random = SeededGenerator()
        let scratch = try Scratch()
        for _ in 0..<300 {
            let units = Int.random(in: 1...400, using: &random)
            var blob = (0..<4).map { UInt8((4 * units) >> (8 * $0) & 0xFF) }
            for _ in 0..<units {
                var unit = UInt32.random(in: 0...UInt32.max, using: &random) & 0x0003_FFFF
                if Bool.random(using: &random) { unit = 0x8000_0000 | unit & 7 }
                blob += (0..<4).map { UInt8(unit >> UInt32(8 * $0) & 0xFF) }
            }
            blob += Array("ab\0 \0c\0\0".utf8)
            let tokenizer = try open(written(characters: blob), in: scratch)
            for text in texts { _ = tokenizer.ids(text) }
        }
    }

    @Test func badTokenizerFilesAreRefused() throws {
        for name in ["t5-fast", "gemma-fast"] {
            let text = String(
                decoding: try vocabularyFiles("pieces/" + name)["tokenizer.json"] ?? Data(), as: UTF8.self)
            func complaintOf(_ text: String) -> String {
                complaint {
                    _ = try openTokenizer(
                        ["tokenizer.json": Data(text.utf8)],
                        class: name == "t5-fast" ? "T5TokenizerFast" : "GemmaTokenizerFast")
                }
            }
            #expect(complaintOf(text).isEmpty)
            for (part, change) in [
                (#""type":"Unigram""#, #""type":"WordLevel""#), (#""unk_id":2"#, #""unk_id":90000"#),
                (#""unk_id":2"#, #""unk_id":null"#), (#""precompiled_charsmap":""#, #""precompiled_charsmap":"?"#),
                (#""type":"Precompiled""#, #""type":"NFKD""#), (#""Regex":" {2,}""#, #""Regex":".*""#),
                (#""prepend_scheme":"always""#, #""prepend_scheme":"often""#),
                (#""type":"Metaspace""#, #""type":"Digits""#),
                (#"["<pad>",0.0]"#, #"["<pad>","0"]"#), (#"["<pad>",0.0]"#, #"["<pad>",0.0,1]"#),
                (#""type":"TemplateProcessing""#, #""type":"BertProcessing""#), (#""ids":[1]"#, #""ids":[]"#),
                (#""String":" ""#, #""String":"""#), (#""type":"BPE""#, #""type":"WordPiece""#),
                (#""behavior":"MergedWithPrevious""#, #""behavior":"Isolated""#),
                (#""dropout":null"#, #""dropout":0.1"#),
                (#""unk_token":"<unk>""#, #""unk_token":"<nothing>""#), (#""merges":["#, #""merges":[["a"],"#),
                (#""merges":["#, #""merges":[["a","none"],"#), (#""merges":["#, #""merges":["a b c","#),
                (#""<bos>":2"#, #""<bos>":1"#), (#""<bos>":2"#, #""<bos>":"2""#), (#""<bos>":2"#, #""<bos>":-2"#),
                (#""fuse_unk":true"#, #""fuse_unk":1"#), (#""type":"Fuse""#, #""type":"WordPiece""#),
            ] where text.contains(part) && (name == "t5-fast" || !part.contains("Processing")) {
                // What goes around Gemma's texts, its class says.
                let found = complaintOf(text.replacingOccurrences(of: part, with: change))
                #expect(found.contains("tokenizer.json"), "\(change): \(found)")
            }
            // Replacements that would make a short text endless.
            let part = #"{"type":"Replace","pattern":{"String":" "},"content":"\#(String(repeating: " ", count: 40))"}"#
            for count in [3, 9] {
                let list = [String](repeating: part, count: count).joined(separator: ",")
                let sequence = #""normalizer":{"type":"Sequence","normalizers":[\#(list)]},"x":{"#
                let found = complaintOf(text.replacingOccurrences(of: #""normalizer":{"#, with: sequence))
                #expect(found.contains(count == 3 ? "too much" : "up to 8"), "\(found)")
            }
            for cut in stride(from: 0, to: text.utf8.count, by: 499) {
                #expect(!complaintOf(String(decoding: text.utf8.prefix(cut), as: UTF8.self)).isEmpty)
            }
            var random = SeededGenerator()
            for _ in 0..<150 {
                var bytes = Array(text.utf8)
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0x20...0x7E, using: &random)
                let found = complaint {
                    let tokenizer = try openTokenizer(["tokenizer.json": Data(bytes)])
                    for text in texts { _ = tokenizer.ids(text) }
                }
                #expect(found.isEmpty || found.contains("tokeniz"), "\(found)")
            }
        }
    }

    @Test func badSettingsAreRefused() throws {
        func complaintOf(_ settings: String) throws -> String {
            let files = ["spiece.model": Data(written()), "tokenizer_config.json": Data(settings.utf8)]
            return complaint { _ = try openTokenizer(files) }
        }
        #expect(try complaintOf("{}").isEmpty)
        for (settings, part) in [
            (#"{"extra_ids": -1}"#, "extra_ids"), (#"{"extra_ids": 1e9}"#, "extra_ids"),
            (#"{"extra_ids": 3, "additional_special_tokens": ["<extra_id_0>"]}"#, "extra_ids"),
            (#"{"eos_token": null}"#, "eos_token"), (#"{"unk_token": null}"#, "unk_token"),
            (#"{"legacy": 1}"#, "legacy"), (#"{"padding_side": 1}"#, "padding_side"),
            (#"{"tokenizer_class": "GemmaTokenizer"}"#, "tokenizer.model"),
        ] {
            let found = try complaintOf(settings)
            #expect(found.contains(part), "\(settings): \(found)")
        }
    }

    /// A special token that is taken away is told with its file and its key.
    @Test func missingSpecialTokensAreNamed() throws {
        for (name, settings, part) in [
            ("llama", #"{"tokenizer_class": "LlamaTokenizer", "bos_token": null}"#, "unless add_bos_token is false"),
            (
                "llama", #"{"tokenizer_class": "LlamaTokenizer", "add_eos_token": true, "eos_token": null}"#,
                "add_eos_token"
            ),
            (
                "gemma", #"{"tokenizer_class": "GemmaTokenizerFast", "add_bos_token": false, "bos_token": null}"#,
                "the id 2"
            ),
        ] {
            var files = try vocabularyFiles("pieces/" + name)
            files["tokenizer_config.json"] = Data(settings.utf8)
            let found = complaint { _ = try openTokenizer(files) }
            let key = settings.contains("eos_token\": null") ? "eos_token" : "bos_token"
            #expect(
                found.contains("/tokenizer_config.json: \"\(key)\": wanted a token") && found.contains(part),
                "\(settings): \(found)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func longTextsStayFast() throws {
        var random = SeededGenerator()
        let letters = Array("abehilnoprstu  \u{2581}\u{301}é肺\u{1F9E3}").map(String.init)
        let mixed = (0..<100_000).map { _ in letters.randomElement(using: &random) ?? "a" }.joined()
        let long = [
            mixed, String(repeating: "a", count: 100_000), String(repeating: " ", count: 100_000) + "a",
            String(repeating: "the", count: 33_000), String(repeating: "\u{1F9E3}", count: 100_000),
            "e" + String(repeating: "\u{301}", count: 100_000), String(repeating: "<extra_id_", count: 10_000),
        ]
        for name in ["t5", "bytes", "gemma", "llama", "unused", "suffix", "t5-fast", "gemma-fast", "llama-fast"] {
            let tokenizer = try openTokenizer(vocabularyFiles("pieces/" + name))
            for text in long { #expect(tokenizer.tokens(text).count > 0) }
        }
    }
}

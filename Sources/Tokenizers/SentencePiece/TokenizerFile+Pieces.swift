import Files
import Foundation

extension TokenizerFile {
    /// The tokenizer of a file with a model of pieces: one that was made of a SentencePiece model, or one on bytes.
    func pieces(_ settings: TokenizerSettings, _ family: PieceFamily) throws -> any Tokenizer {
        guard let model = json["model"], model.object != nil else { throw fault("model", "the key is missing") }
        switch model["type"]?.string {
        case "Unigram": return try unigram(model, settings, family)
        case "BPE": return try bytePair(model, settings, family)
        default:
            throw fault("model", "wanted a model of the type Unigram or BPE, got \(model["type"]?.text() ?? "none")")
        }
    }

    private func unigram(_ model: JSON, _ settings: TokenizerSettings, _ family: PieceFamily) throws -> any Tokenizer {
        guard let list = model["vocab"]?.array, !list.isEmpty, list.count <= Vocabulary.limit else {
            throw fault("vocab", "wanted a list of 1 to \(Vocabulary.limit) pieces with their scores")
        }
        let vocabulary = try list.enumerated().map { index, item in
            guard let text = item[0]?.string, let score = item[1]?.number, score.isFinite, item.array?.count == 2,
                text.utf8.count <= SentencePieceModel.longestPiece
            else {
                throw fault(
                    "vocab",
                    "wanted a piece of up to \(SentencePieceModel.longestPiece) bytes and its score at \(index), got "
                        + String(item.text().prefix(80)))
            }
            return (text: Array(text.utf8), score: score)
        }
        guard let unknownID = model["unk_id"]?.integer, vocabulary.indices.contains(unknownID) else {
            throw fault("unk_id", "wanted the id of a piece, got \(model["unk_id"]?.text() ?? "none")")
        }
        let unigram = PieceUnigram(
            vocabulary, unknownID: unknownID, fallsBack: try flag(model, "byte_fallback") ?? false)
        let names = Dictionary(uniqueKeysWithValues: vocabulary.enumerated().map { ($0.offset, $0.element.text) })
        let base = PieceTokens.Base(count: vocabulary.count) { unigram.id($0) }
        return try tokenizer(settings, family, base, .unigram(unigram), PieceNames(names))
    }

    private func bytePair(_ model: JSON, _ settings: TokenizerSettings, _ family: PieceFamily) throws -> any Tokenizer {
        for key in ["dropout", "continuing_subword_prefix", "end_of_word_suffix"] {
            if let found = model[key], found != .null, found != .string("") {
                throw fault(key, "the option is not supported")
            }
        }
        guard let members = model["vocab"]?.object, !members.isEmpty, members.count <= Vocabulary.limit else {
            throw fault("vocab", "wanted an object of 1 to \(Vocabulary.limit) tokens with their ids")
        }
        var vocabulary: [[UInt8]: Int] = [:]
        var names: [Int: [UInt8]] = [:]
        vocabulary.reserveCapacity(members.count)
        names.reserveCapacity(members.count)
        for (token, value) in members {
            guard case .integer(let id) = value, (0..<Vocabulary.limit).contains(id) else {
                throw fault(
                    "vocab", "wanted an id from 0 to \(Vocabulary.limit - 1) for \"\(token)\", got \(value.text())")
            }
            let name = Array(token.utf8)
            vocabulary[name] = id
            if let first = names.updateValue(name, forKey: id) {
                throw fault(
                    "vocab",
                    "the id \(id) of \"\(token)\" belongs to \"\(String(decoding: first, as: UTF8.self))\" already")
            }
        }
        var options = PieceBytePair.Options()
        options.ignoresMerges = try flag(model, "ignore_merges") ?? false
        options.fusesUnknown = try flag(model, "fuse_unk") ?? false
        options.fallsBack = try flag(model, "byte_fallback") ?? false
        if let unknown = model["unk_token"], unknown != .null {
            guard let id = unknown.string.flatMap({ vocabulary[Array($0.utf8)] }) else {
                throw fault("unk_token", "\(unknown.text()) is not in the vocabulary")
            }
            options.unknownID = id
        }
        let pairs = PieceBytePair(vocabulary, merges: try merges(model["merges"], vocabulary), options)
        let base = PieceTokens.Base(count: vocabulary.count) { vocabulary[$0] }
        return try tokenizer(settings, family, base, .bytePair(pairs), PieceNames(names))
    }

    /// Merges are lists of two tokens, or strings with a space between them.
    private func merges(
        _ json: JSON?, _ vocabulary: [[UInt8]: Int]
    ) throws -> [(left: Int, right: Int, result: Int)] {
        guard let list = json?.array, list.count <= 2 * Vocabulary.limit else {
            throw fault("merges", "wanted a list of up to \(2 * Vocabulary.limit) merges")
        }
        return try list.enumerated().map { index, item in
            let symbols =
                item.string.map { $0.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init) }
                ?? item.array?.compactMap { $0.string.map { Array($0.utf8) } } ?? []
            guard symbols.count == 2 else { throw fault("merges", "wanted two tokens at \(index), got \(item.text())") }
            guard let left = vocabulary[symbols[0]], let right = vocabulary[symbols[1]],
                let result = vocabulary[symbols[0] + symbols[1]]
            else {
                throw fault("merges", "a part of \(item.text()) at \(index), or the whole, is not in the vocabulary")
            }
            return (left, right, result)
        }
    }

    private func tokenizer(
        _ settings: TokenizerSettings, _ family: PieceFamily, _ base: PieceTokens.Base,
        _ model: PieceFileTokenizer.Model, _ names: PieceNames
    ) throws -> any Tokenizer {
        let listed = try json["added_tokens"].map { try settings.list($0, path) } ?? []
        var tokens = try PieceTokens(settings, family, base, listed: listed)
        // The classes of Gemma and Llama put their own tokens around texts, whatever the file says.
        if !family.hasFrameOptions { (tokens.beginID, tokens.endID) = try frame() }
        var splitter = try splitter(json["pre_tokenizer"])
        // transformers puts its own option, which is off by default, over the file's.
        if case .byteLevel(_, let splits) = splitter {
            splitter = .byteLevel(hasPrefix: try settings.boolean("add_prefix_space") ?? false, splits: splits)
        }
        return PieceFileTokenizer(
            tokens, model, names, normalizer: try boundedNormalizer(), splitter: splitter,
            decoder: try decoder(json["decoder"]))
    }

    /// The tokens before and after a text: at most one each.
    private func frame() throws -> (Int?, Int?) {
        guard let processor = json["post_processor"], processor != .null, processor["type"]?.string != "ByteLevel"
        else { return (nil, nil) }
        guard processor["type"]?.string == "TemplateProcessing", let single = processor["single"]?.array,
            let place = single.firstIndex(where: { $0["Sequence"] != nil }), place <= 1, single.count <= place + 2
        else {
            throw fault(
                "post_processor", "wanted TemplateProcessing with at most one token before a text and one after it")
        }
        func id(_ part: JSON) throws -> Int {
            guard let name = part["SpecialToken"]?["id"]?.string,
                let ids = processor["special_tokens"]?[name]?["ids"]?.array, ids.count == 1, let id = ids[0].integer,
                (0..<Vocabulary.limit).contains(id)
            else { throw fault("post_processor", "wanted a special token with one id, got \(part.text())") }
            return id
        }
        return (place == 1 ? try id(single[0]) : nil, single.count == place + 2 ? try id(single[place + 1]) : nil)
    }

    private func flag(_ json: JSON, _ key: String) throws -> Bool? {
        guard let found = json[key], found != .null else { return nil }
        guard let flag = found.boolean else { throw fault(key, "wanted true or false, got \(found.text())") }
        return flag
    }

    private func text(_ json: JSON?, _ key: String) throws -> [Unicode.Scalar] {
        guard let text = json?.string, text.unicodeScalars.count <= 64 else {
            throw fault(key, "wanted a text of up to 64 characters, got \(String((json?.text() ?? "none").prefix(80)))")
        }
        return Array(text.unicodeScalars)
    }

    private func pattern(_ json: JSON, _ key: String) throws -> [Unicode.Scalar] {
        let text = try text(json["pattern"]?["String"], key)
        if text.isEmpty { throw fault(key, "an empty pattern is not supported") }
        return text
    }

    /// The normalizer, where it cannot make a short text endless.
    private func boundedNormalizer() throws -> PieceNormalizer {
        let found = try normalizer(json["normalizer"])
        guard found.growth <= 4 * CharacterMap.longestText else {
            throw fault("normalizer", "its replacements make a text up to \(found.growth) times as long: too much")
        }
        return found
    }

    private func normalizer(_ json: JSON?) throws -> PieceNormalizer {
        let key = "normalizer"
        guard let json, json != .null else { return .sequence([]) }
        switch json["type"]?.string {
        case "Sequence": return .sequence(try parts(json["normalizers"], key, normalizer))
        case "Precompiled":
            guard let blob = json["precompiled_charsmap"]?.string.flatMap({ Data(base64Encoded: $0) }) else {
                throw fault("precompiled_charsmap", "wanted a text in Base64")
            }
            return blob.isEmpty
                ? .sequence([]) : .precompiled(try CharacterMap(Array(blob)[...], path: path, offset: 0))
        case "Prepend": return .prepend(try text(json["prepend"], key))
        case "Strip":
            return .strip(left: try flag(json, "strip_left") ?? false, right: try flag(json, "strip_right") ?? false)
        case "Replace":
            let content = try text(json["content"], key)
            if let expression = json["pattern"]?["Regex"] {
                guard expression.string == " {2,}" else {
                    throw fault(key, "the regular expression \(expression.text()) is not supported: only \" {2,}\" is")
                }
                return .replaceSpaces(with: content)
            }
            return .replace(try pattern(json, key), with: content)
        case "NFC": return .composed
        default: throw unsupported(key, json, "Sequence, Precompiled, Prepend, Strip, Replace and NFC")
        }
    }

    private func splitter(_ json: JSON?) throws -> PieceSplitter {
        let key = "pre_tokenizer"
        guard let json, json != .null else { return .sequence([]) }
        switch json["type"]?.string {
        case "Sequence": return .sequence(try parts(json["pretokenizers"], key, splitter))
        case "WhitespaceSplit": return .whitespace
        case "Metaspace":
            var prefix = PieceSplitter.Prefix.always
            if let scheme = json["prepend_scheme"], scheme != .null {
                guard let found = scheme.string.flatMap(PieceSplitter.Prefix.init) else {
                    throw fault("prepend_scheme", "wanted always, first or never, got \(scheme.text())")
                }
                prefix = found
            }
            if try flag(json, "add_prefix_space") == false { prefix = .never }
            return .metaspace(try scalar(json["replacement"], key), prefix, splits: try flag(json, "split") ?? true)
        case "Split":
            guard json["behavior"]?.string == "MergedWithPrevious", try flag(json, "invert") != true else {
                throw fault(key, "of Split only the behavior MergedWithPrevious is supported, not inverted")
            }
            return .behind(try pattern(json, key))
        case "ByteLevel":
            return .byteLevel(
                hasPrefix: try flag(json, "add_prefix_space") ?? true, splits: try flag(json, "use_regex") ?? true)
        default: throw unsupported(key, json, "Sequence, Metaspace, WhitespaceSplit, Split and ByteLevel")
        }
    }

    private func decoder(_ json: JSON?) throws -> PieceDecoder? {
        let key = "decoder"
        guard let json, json != .null else { return nil }
        switch json["type"]?.string {
        case "Sequence":
            return .sequence(try parts(json["decoders"], key, decoder).compactMap { $0 })
        case "Replace":
            let (old, new) = (try pattern(json, key), try text(json["content"], key))
            guard new.count <= old.count else {
                throw fault(key, "a replacement that makes texts longer is not supported")
            }
            return .replace(old, with: new)
        case "ByteFallback": return .byteFallback
        case "Fuse": return .fuse
        case "Strip":
            return .strip(
                try scalar(json["content"], key), start: max(0, json["start"]?.integer ?? 0),
                stop: max(0, json["stop"]?.integer ?? 0))
        case "Metaspace":
            let hasPrefix = try json["prepend_scheme"]?.string != "never" && flag(json, "add_prefix_space") != false
            return .metaspace(try scalar(json["replacement"], key), hasPrefix: hasPrefix)
        case "ByteLevel": return .byteLevel
        default: throw unsupported(key, json, "Sequence, Replace, ByteFallback, Fuse, Strip, Metaspace and ByteLevel")
        }
    }

    /// The parts of a sequence, which are no sequences themselves.
    private func parts<Part>(_ json: JSON?, _ key: String, _ read: (JSON?) throws -> Part) throws -> [Part] {
        guard let list = json?.array, list.count <= 8 else {
            throw fault(key, "wanted a list of up to 8 parts of a sequence")
        }
        return try list.map {
            if $0["type"]?.string == "Sequence" { throw fault(key, "a sequence in a sequence is not supported") }
            return try read($0)
        }
    }

    private func scalar(_ json: JSON?, _ key: String) throws -> Unicode.Scalar {
        let text = try text(json, key)
        guard text.count == 1 else { throw fault(key, "wanted one character, got \(json?.text() ?? "none")") }
        return text[0]
    }

    private func unsupported(_ key: String, _ json: JSON, _ known: String) -> FileError {
        fault(key, "\(json["type"]?.text() ?? "no type") is not supported: \(known) are")
    }
}

import Files
import Foundation

/// The small files of a tokenizer's folder: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`.
struct TokenizerSettings {
    /// The keys of special tokens, in the order in which transformers adds them to a vocabulary.
    static let roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]

    private static let mostAdded = 4096
    /// The longest added token in characters: a bound on the work for each character of a text.
    private static let longestAdded = 1024

    private let path: String
    private let values: JSON
    private let map: JSON?
    /// The added tokens that the files give ids.
    var addedTokens: [AddedToken] { order.compactMap { added[$0] } }
    private var added: [Int: AddedToken] = [:]
    private var ids: [[Unicode.Scalar]: Int] = [:]
    private var order: [Int] = []

    /// Reads the files of a folder; each may be absent.
    /// - Parameter tokenizer: the content of `tokenizer.json`, whose added tokens count where no other file lists them.
    init(folder: String, tokenizer: JSON?) throws {
        func read(_ name: String) throws -> JSON? {
            let path = folder + "/" + name
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            let json = try JSON.read(path, limit: 16 << 20, allowsNonFinite: true)
            guard json.object != nil else {
                throw FileError.malformed(path: path, location: "", reason: "wanted a JSON object")
            }
            return json
        }
        path = folder + "/tokenizer_config.json"
        values = try read("tokenizer_config.json") ?? .object([])
        if let decoder = values["added_tokens_decoder"] {
            map = nil
            try addDecoder(decoder)
        } else {
            map = try read("special_tokens_map.json")
            if let added = try read("added_tokens.json") { try addLegacy(added, folder + "/added_tokens.json") }
            if let list = tokenizer?["added_tokens"] { try addList(list, folder + "/tokenizer.json") }
        }
        // Of an id that was given twice the last place counts.
        var seen = Set<Int>()
        order = order.reversed().filter { seen.insert($0).inserted }.reversed()
        try refuseUnsupported()
    }

    /// The same without the added tokens.
    func withoutAddedTokens() -> TokenizerSettings {
        var copy = self
        (copy.added, copy.ids, copy.order) = ([:], [:], [])
        return copy
    }

    /// `tokenizer_class`, where it is stated.
    var className: String? { values["tokenizer_class"]?.string }

    func fault(_ key: String, _ reason: String) -> FileError {
        FileError.malformed(path: path, location: "\"\(key)\"", reason: reason)
    }

    /// An error about a special token that no file names, or that is a null.
    func noToken(_ role: String, why: String) -> FileError {
        fault(role, "wanted a token, here or in special_tokens_map.json: \(why)")
    }

    /// A value of `tokenizer_config.json` that is true or false.
    func boolean(_ key: String) throws -> Bool? {
        guard let found = values[key], found != .null else { return nil }
        guard let flag = found.boolean else { throw fault(key, "wanted true or false, got \(found.text())") }
        return flag
    }

    /// `model_max_length`; nil where it is absent or the huge number that means none.
    func maximumLength() throws -> Int? {
        guard let found = values["model_max_length"], found != .null else { return nil }
        guard let number = found.number, number >= 2 else {
            throw fault("model_max_length", "wanted a number of at least 2, got \(found.text())")
        }
        if number > 1e15 { return nil }
        guard let length = found.integer, length <= 1 << 20 else {
            throw fault("model_max_length", "wanted a whole number up to \(1 << 20), got \(found.text())")
        }
        return length
    }

    /// The special token of a role: of `special_tokens_map.json`, else of `tokenizer_config.json`, else the default; a
    /// null is no token.
    func special(_ role: String, default standard: AddedToken?) throws -> AddedToken? {
        guard let found = map?[role] ?? values[role] else { return standard }
        if found == .null { return nil }
        var token = try parse(found, role)
        token.isSpecial = true
        return token
    }

    /// Whether the files have a list of `additional_special_tokens`, be it an empty one.
    var hasAdditionalSpecialTokens: Bool {
        (map?["additional_special_tokens"] ?? values["additional_special_tokens"])?.array != nil
    }

    /// `additional_special_tokens`.
    func additionalSpecialTokens() throws -> [[Unicode.Scalar]] {
        let key = "additional_special_tokens"
        guard let found = map?[key] ?? values[key], found != .null else { return [] }
        guard let list = found.array else { throw fault(key, "wanted a list, got \(found.text())") }
        return try list.map { try parse($0, key).content }
    }

    /// The side that `padding_side` or `truncation_side` names; nil where it is absent.
    func side(_ key: String) throws -> Side? {
        guard let found = values[key], found != .null else { return nil }
        guard let side = found.string.flatMap(Side.init) else {
            throw fault(key, "wanted \"left\" or \"right\", got \(found.text())")
        }
        return side
    }

    /// A whole number from 0 on.
    func count(_ key: String, limit: Int) throws -> Int? {
        guard let found = values[key], found != .null else { return nil }
        guard let count = found.integer, (0...limit).contains(count) else {
            throw fault(key, "wanted a whole number from 0 to \(limit), got \(found.text())")
        }
        return count
    }

    /// A token written as a string, or as an object with its content and flags.
    private func parse(_ json: JSON, _ key: String) throws -> AddedToken {
        if let text = json.string ?? json["content"]?.string, text.unicodeScalars.count > Self.longestAdded {
            throw fault(
                key, "the token \"\(text.prefix(40))…\" is longer than the limit of \(Self.longestAdded) characters")
        }
        if let text = json.string, !text.isEmpty { return AddedToken(content: Array(text.unicodeScalars)) }
        guard let content = json["content"]?.string, !content.isEmpty else {
            throw fault(key, "wanted a token, got \(String(json.text().prefix(200)))")
        }
        func flag(_ name: String, _ standard: Bool) throws -> Bool {
            guard let found = json[name] else { return standard }
            guard let flag = found.boolean else {
                throw fault(key, "\(name): wanted true or false, got \(found.text())")
            }
            return flag
        }
        let isSpecial = try flag("special", false)
        return AddedToken(
            content: Array(content.unicodeScalars), stripsLeft: try flag("lstrip", false),
            stripsRight: try flag("rstrip", false), isSingleWord: try flag("single_word", false),
            isNormalized: try flag("normalized", !isSpecial), isSpecial: isSpecial)
    }

    private mutating func addDecoder(_ json: JSON) throws {
        let key = "added_tokens_decoder"
        guard let members = json.object else { throw fault(key, "wanted an object, got \(json.text())") }
        for (number, value) in members {
            guard let id = Int(number) else { throw fault(key, "\"\(number)\" is no id") }
            try add(try parse(value, key), id, path)
        }
    }

    private mutating func addLegacy(_ json: JSON, _ path: String) throws {
        let specials = try Self.roles.compactMap { try special($0, default: nil)?.content }
        for (text, value) in json.object ?? [] {
            let content = Array(text.unicodeScalars)
            guard let id = value.integer, !content.isEmpty else {
                throw FileError.malformed(path: path, location: "\"\(text)\"", reason: "wanted a token and its id")
            }
            let isSpecial = specials.contains(content)
            try add(AddedToken(content: content, isNormalized: !isSpecial, isSpecial: isSpecial), id, path)
        }
    }

    private mutating func addList(_ json: JSON, _ path: String) throws {
        for token in try list(json, path) { try add(token, token.id, path) }
    }

    /// The `added_tokens` of a `tokenizer.json`.
    func list(_ json: JSON, _ path: String) throws -> [AddedToken] {
        guard let list = json.array else {
            throw FileError.malformed(path: path, location: "\"added_tokens\"", reason: "wanted a list")
        }
        return try list.map { value in
            guard let id = value["id"]?.integer else {
                throw FileError.malformed(
                    path: path, location: "\"added_tokens\"", reason: "wanted tokens with ids, got \(value.text())")
            }
            var token = try parse(value, "added_tokens")
            token.id = id
            try check(token, path)
            return token
        }
    }

    private func check(_ token: AddedToken, _ path: String) throws {
        guard (0..<Vocabulary.limit).contains(token.id), added.count < Self.mostAdded,
            token.content.count <= Self.longestAdded
        else {
            throw FileError.malformed(
                path: path, location: "",
                reason:
                    "the added token \"\(TextForms.string(Array(token.content.prefix(40))))\" has the id \(token.id), is "
                    + "one of more than \(Self.mostAdded), or has more than \(Self.longestAdded) characters")
        }
    }

    private mutating func add(_ token: AddedToken, _ id: Int, _ path: String) throws {
        var token = token
        token.id = id
        try check(token, path)
        // A token takes the place of the one with its id, and of the one with its content.
        if let old = added[id] { ids[old.content] = nil }
        if let old = ids[token.content] { added[old] = nil }
        added[id] = token
        ids[token.content] = id
        order.append(id)
    }

    /// Refuses options that would change the ids and that this room does not have.
    private func refuseUnsupported() throws {
        for key in ["split_special_tokens"] where try boolean(key) == true {
            throw fault(key, "the option is not supported")
        }
        if try boolean("do_basic_tokenize") == false { throw fault("do_basic_tokenize", "only true is supported") }
        if let found = values["never_split"], found != .null, found.array?.isEmpty != true {
            throw fault("never_split", "the option is not supported")
        }
        for key in ["padding_side", "truncation_side"] { _ = try side(key) }
    }
}

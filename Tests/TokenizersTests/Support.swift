import Files
import Foundation
import TestSupport
import Tokenizers

/// The folder of the committed vocabularies and expectations.
let fixtures = Places.fixtures("tokenizers")

/// Opens a tokenizer whose folder has these files.
func openTokenizer(
    _ files: [String: Data], _ known: TokenizerRegistry = .standard, class name: String? = nil
) throws -> any Tokenizer {
    let scratch = try Scratch()
    for (name, content) in files { try content.write(to: URL(fileURLWithPath: scratch.path + "/" + name)) }
    return try known.open(scratch.path, class: name)
}

/// The files of a committed vocabulary.
func vocabularyFiles(_ name: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: fixtures + "/" + name) {
        files[file] = try Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/\(name)/\(file)"))
    }
    return files
}

/// The files of a variant of `cases.json`: those of its vocabularies, which "+" parts, and the small ones that it states.
func files(_ variant: JSON, base: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in base.split(separator: "+") { files.merge(try vocabularyFiles(String(name))) { _, last in last } }
    for (key, file) in [
        ("config", "tokenizer_config.json"), ("map", "special_tokens_map.json"), ("added", "added_tokens.json"),
    ] {
        if let json = variant[key], json != .null { files[file] = Data(json.text().utf8) }
    }
    return files
}

/// The first scalars of a text in hexadecimal.
func scalars(_ text: String) -> String {
    text.unicodeScalars.prefix(40).map { String($0.value, radix: 16) }.joined(separator: " ")
}

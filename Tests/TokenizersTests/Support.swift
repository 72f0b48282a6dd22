import Files
import Foundation
import TestSupport
import Tokenizers

/// The folder of the committed vocabularies and expectations.
let fixtures = Places.fixtures("tokenizers")

/// Opens a tokenizer whose folder has these files.
func openTokenizer(_ files: [String: Data], _ known: TokenizerRegistry = .standard) throws -> any Tokenizer {
    let scratch = try Scratch()
    for (name, content) in files { try content.write(to: URL(fileURLWithPath: scratch.path + "/" + name)) }
    return try known.open(scratch.path)
}

/// The files of a committed vocabulary.
func vocabularyFiles(_ name: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: fixtures + "/" + name) {
        files[file] = try Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/\(name)/\(file)"))
    }
    return files
}

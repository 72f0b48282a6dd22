import Files
import Foundation
import Tokenizers

/// The folder of the committed vocabularies and expectations.
let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Parity/fixtures/tokenizers").path

/// A folder of its own for a test; it is gone afterwards.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = NSTemporaryDirectory() + "chexgen-tokenizers-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}

/// Opens a tokenizer whose folder has these files.
func openTokenizer(_ files: [String: Data]) throws -> any Tokenizer {
    try withFolder { folder in
        for (name, content) in files { try content.write(to: URL(fileURLWithPath: folder + "/" + name)) }
        return try TokenizerFolder.open(folder)
    }
}

/// The files of a committed vocabulary.
func vocabularyFiles(_ name: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: fixtures + "/" + name) {
        files[file] = try Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/\(name)/\(file)"))
    }
    return files
}

/// The message of the error that `body` throws; empty where it throws none.
func message(_ body: () throws -> Void) -> String {
    do { try body() } catch { return String(describing: error) }
    return ""
}

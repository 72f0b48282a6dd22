import Datasets
import Files
import Foundation

/// A folder that is removed with its last reference.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("chexgen-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = path + "/" + name
        guard FileManager.default.createFile(atPath: file, contents: Data(bytes)) else {
            throw CocoaError(.fileWriteUnknown)
        }
        return file
    }

    func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// What `body` throws, as users read it; empty where it throws nothing.
func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch {
        return "\(error)"
    }
}

/// Reads a CSV text.
func read(_ text: String, limits: CSVLimits = .standard, in folder: Scratch? = nil) throws -> Dataset {
    let scratch = try folder ?? Scratch()
    return try Dataset.csv(path: scratch.file("table.csv", text), limits: limits)
}

/// What reading a CSV of these bytes throws, from the place in the file on.
func readingMessage(_ bytes: [UInt8], limits: CSVLimits = .standard, in folder: Scratch? = nil) throws -> String {
    let scratch = try folder ?? Scratch()
    let path = try scratch.file("table.csv", bytes)
    let text = message { _ = try Dataset.csv(path: path, limits: limits) }
    return text.hasPrefix(path + ": ") ? String(text.dropFirst(path.count + 2)) : text
}

func readingMessage(_ text: String, limits: CSVLimits = .standard) throws -> String {
    try readingMessage(Array(text.utf8), limits: limits)
}

/// The raw texts of all rows.
func texts(_ dataset: Dataset) throws -> [[String]] {
    try (0..<dataset.count).map { row in
        try dataset.columns.indices.map { try dataset.rawText(row, $0) }
    }
}

/// Texts that are equal byte by byte; Swift's own comparison takes composed and decomposed letters as equal.
func bytes(_ rows: [[String]]) -> [[[UInt8]]] { rows.map { $0.map { Array($0.utf8) } } }

/// A small generator with a fixed stream, so that a failing test fails again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

import Datasets
import Files
import Foundation
import TestSupport

/// Reads a CSV text.
func read(_ text: String, limits: CSVLimits = .standard, in folder: Scratch? = nil) throws -> Dataset {
    let scratch = try folder ?? Scratch()
    return try Dataset.csv(path: scratch.write("table.csv", text), limits: limits)
}

/// What reading a CSV of these bytes throws, from the place in the file on; empty where it throws nothing.
func readingMessage(_ bytes: [UInt8], limits: CSVLimits = .standard, in folder: Scratch? = nil) throws -> String {
    let scratch = try folder ?? Scratch()
    let path = try scratch.write("table.csv", bytes)
    let text = complaint { _ = try Dataset.csv(path: path, limits: limits) }
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

import Files
import Foundation

/// Radiomic features of many images: a row an image, a column a feature.
public struct RadiomicsTable: Sendable {
    /// The columns, under pyradiomics' names.
    public let names: [String]
    /// The file of each row.
    public let paths: [String]
    /// The values, row by row.
    public let values: [Double]

    /// Why rows have no features, where that is known; their values are NaN.
    public let unmeasured: [Int: String]

    /// How many images there are.
    public var count: Int { paths.count }

    /// A table from its parts.
    /// - Throws: `RadiomicsError.table` where the values do not fill it, or a name is twice.
    public init(names: [String], paths: [String], values: [Double], unmeasured: [Int: String] = [:]) throws {
        guard values.count == names.count * paths.count else {
            throw RadiomicsError.table(
                "\(values.count) values for \(paths.count) images and \(names.count) columns")
        }
        guard Set(names).count == names.count else { throw RadiomicsError.table("a column is there twice") }
        self.names = names
        self.paths = paths
        self.values = values
        self.unmeasured = unmeasured
    }

    /// Some rows, counted from 0, in the order given.
    public func rows(_ chosen: [Int]) throws -> RadiomicsTable {
        guard chosen.allSatisfy({ (0..<count).contains($0) }) else {
            throw RadiomicsError.table("the table has \(count) rows; another one was asked for")
        }
        let width = names.count
        return try RadiomicsTable(
            names: names, paths: chosen.map { paths[$0] },
            values: chosen.flatMap { values[$0 * width..<($0 + 1) * width] },
            unmeasured: Dictionary(
                chosen.enumerated().compactMap { place, row in unmeasured[row].map { (place, $0) } },
                uniquingKeysWith: { first, _ in first }))
    }

    /// The values of some columns, row by row.
    /// - Throws: `RadiomicsError.table` for a column that is not there.
    func values(of columns: [String]) throws -> [[Double]] {
        let places = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let found = try columns.map { name -> Int in
            guard let place = places[name] else { throw RadiomicsError.table("a table has no column \"\(name)\"") }
            return place
        }
        return (0..<count).map { row in found.map { values[row * names.count + $0] } }
    }

    /// The table as CSV: a column `image_path`, then the features under pyradiomics' names.
    public func csv() -> String {
        var lines = CSVWriter()
        lines.appendRow(["image_path"] + names)
        for row in 0..<count {
            lines.append(paths[row])
            for value in values[row * names.count..<(row + 1) * names.count] {
                lines.append(value.isNaN ? .null : .number(value))
            }
            lines.endRow()
        }
        return lines.text
    }

    /// A table from the text columns of a CSV file, ours or pyradiomics': columns that are not all numbers are left out,
    /// but for the one that names the images.
    /// - Throws: `RadiomicsError.table` where no column holds features.
    public init(columns: [(name: String, cells: [String?])], name: String) throws {
        let count = columns.first?.cells.count ?? 0
        // A column without a name is the index that pandas writes: the images' names or their numbers, and no feature.
        let index = "Unnamed: 0"
        let keys = ["image_path", "Image", "image", "path", index]
        let key = keys.lazy.compactMap { key in columns.first { $0.name == key } }.first
        var kept: [(name: String, numbers: [Double])] = []
        for column in columns where column.name != key?.name && !column.name.hasPrefix(index) {
            let numbers = column.cells.map { cell -> Double? in
                guard let cell, !cell.isEmpty else { return .nan }
                return Double(cell)
            }
            let known = numbers.compactMap { $0 }
            // A column without any number is text, such as a version or a hash.
            if known.count == count, known.contains(where: { !$0.isNaN }) { kept.append((column.name, known)) }
        }
        guard kept.contains(where: { !$0.name.hasPrefix("diagnostics_") }) else {
            throw RadiomicsError.table("\(name): no column holds features")
        }
        let paths = key?.cells.enumerated().map { $1 ?? "row \($0 + 1)" } ?? (1...max(1, count)).map { "row \($0)" }
        try self.init(
            names: kept.map(\.name), paths: Array(paths.prefix(count)),
            values: (0..<count).flatMap { row in kept.map { $0.numbers[row] } })
    }
}

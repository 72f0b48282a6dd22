import Datasets
import Foundation
import TestSupport
import Testing

/// What pandas, NumPy and scikit-learn read and choose, written by Tests/Parity/generators/datasets_fixtures.py.
@Suite struct PandasParityTests {
    struct Expected: Decodable {
        struct Selection: Decodable {
            let size: Int, seed: Int, n: Int
            let share: Double
            let text: [String?], patient: [String], subject: [String], values: [String?]
            let sample: [Int], train: [Int], test: [Int], unique: [Int], isin: [Int], dropna: [Int]
            let shards: [[Int]]
            let train_patient: [Int]?, test_patient: [Int]?, train_subject: [Int]?, test_subject: [Int]?
        }
        struct Nasty: Decodable {
            let file: String, written: String
            let columns: [String]
            let cells: [[String?]]
            let raw: [[String]], bare: [[String]]
        }
        let selections: [Selection]
        let nasty: [Nasty]
        let labels: [[Int?]]
    }

    let folder: String
    let expected: Expected

    init() throws {
        folder = Places.fixtures("datasets")
        let content = try Data(contentsOf: URL(fileURLWithPath: folder + "/expected.json"))
        expected = try JSONDecoder().decode(Expected.self, from: content)
    }

    private func rows(_ dataset: Dataset) throws -> [Int] { try dataset.column("row").map { Int($0 ?? "") ?? -1 } }

    @Test func choicesOfRows() throws {
        for item in expected.selections {
            let scratch = try Scratch()
            let made = try Dataset.table(
                name: "made", columns: ["row", "text", "patient", "subject"],
                rows: (0..<item.size).map { ["\($0)", item.text[$0], item.patient[$0], item.subject[$0]] })
            try made.write(scratch.path + "/table.csv")
            let table = try Dataset.csv(path: scratch.path + "/table.csv")
            #expect(try rows(table.sample(item.n, seed: item.seed)) == item.sample)
            #expect(try rows(table.unique(by: "text")) == item.unique)
            #expect(try rows(table.whereIn("text", item.values)) == item.isin)
            #expect(try rows(table.dropna(["text"])) == item.dropna)
            for (index, shard) in item.shards.enumerated() {
                #expect(try rows(table.shard(index + 1, of: item.shards.count)) == shard)
            }
            let split = try table.split(test: .fraction(item.share), seed: item.seed)
            #expect(try rows(split.train) == item.train)
            #expect(try rows(split.test) == item.test)
            for (column, train, test) in [
                ("patient", item.train_patient, item.test_patient), ("subject", item.train_subject, item.test_subject),
            ] {
                guard let train, let test else { continue }
                let split = try table.split(test: .fraction(item.share), seed: item.seed, by: column)
                #expect(try rows(split.train) == train)
                #expect(try rows(split.test) == test)
                #expect(try split.train.shared(column, with: split.test).names.isEmpty)
            }
        }
    }

    @Test func readingAndWriting() throws {
        for item in expected.nasty {
            let table = try Dataset.csv(path: folder + "/" + item.file)
            #expect(bytes([table.columns]) == bytes([item.columns]))
            #expect(bytes(try texts(table)) == bytes(item.raw))
            for (column, name) in item.columns.enumerated() {
                let cells = try table.column(name)
                #expect(cells.map { $0.map { Array($0.utf8) } } == item.cells.map { $0[column].map { Array($0.utf8) } })
            }
            let raw = try texts(table)
            let bare = try table.filter { row in
                !raw[row].contains { $0.hasPrefix("=") || $0.hasPrefix("@") || $0.utf8.contains(0x0D) }
            }
            #expect(bytes(try texts(bare)) == bytes(item.bare))
            let scratch = try Scratch()
            try bare.write(scratch.path + "/written.csv", nulls: .empty)
            let written = try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/written.csv"))
            #expect(written == Data(item.written.utf8))
        }
    }

    @Test func labelDictionariesAndColumns() throws {
        let dictionaries = try Dataset.csv(path: folder + "/labels.csv", labels: "chexpert_labels")
        let columns = try Dataset.csv(path: folder + "/label_columns.csv")
        #expect(dictionaries.count == expected.labels.count)
        for (row, values) in expected.labels.enumerated() {
            #expect(try dictionaries.labels(row).all.map(\.value) == values)
            #expect(try columns.labels(row).all.map(\.value) == values)
        }
    }
}

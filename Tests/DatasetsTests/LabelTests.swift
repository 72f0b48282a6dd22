import Datasets
import Foundation
import TestSupport
import Testing

@Suite struct LabelTests {
    private func table(_ cells: [String?]) throws -> Dataset {
        try Dataset.table(name: "made", columns: ["labels"], rows: cells.map { [$0] }, labels: "labels")
    }

    private func states(_ cell: String) throws -> [String: Int] {
        let labels = try table([cell]).labels(0)
        var result: [String: Int] = [:]
        for (name, state) in zip(Pathologies.names, labels.all) {
            if let value = state.value { result[name] = value }
        }
        return result
    }

    @Test func fourteenColumnsInsteadOfOneAreSaid() throws {
        let text =
            Pathologies.names.joined(separator: ",") + ",path\n" + String(repeating: "1.0,", count: 14) + "a.png\n"
        let scratch = try Scratch()
        let path = try scratch.write("t.csv", text)
        let wrong = message { _ = try Dataset.csv(path: path, labels: "findings") }
        #expect(wrong.contains("t.csv: no column \"findings\"") && wrong.hasSuffix("which labels: \"\" reads"))
        // The usual name of the column is no slip: the columns stand in its place.
        for labels in [nil, "chexpert_labels"] {
            #expect(try Dataset.csv(path: path, labels: labels).labels(0).all.allSatisfy { $0 == .positive })
        }
        let few = try scratch.write("few.csv", "Edema,path\n1.0,a.png\n")
        #expect(message { _ = try Dataset.csv(path: few, labels: "chexpert_labels") }.contains("\"chexpert_labels\""))
        #expect(!message { _ = try Dataset.csv(path: path, image: "chexpert_labels") }.contains("fourteen"))
    }

    @Test func readsPythonAndJSON() throws {
        #expect(
            try states("{'Edema': 1.0, 'Fracture': 0.0, \"Pneumonia\": -1.0, 'No Finding': None}")
                == ["Edema": 1, "Fracture": 0, "Pneumonia": -1])
        #expect(try states("{\"Edema\":1,\"Fracture\":null}") == ["Edema": 1])
        #expect(try states(" {\n'Ed\\x65ma' : +1. ,} ") == ["Edema": 1])
        #expect(try states("{'Lung\\u0020Lesion': 1e0}") == ["Lung Lesion": 1])
        #expect(try states("{}").isEmpty)
        #expect(try states("{'Edema': nan, 'Fracture': NaN}").isEmpty)
        let unknown = try table(["{'Edema': nan}", nil])
        for row in 0..<2 { #expect(try unknown.labels(row) == Labels()) }
    }

    @Test(arguments: [
        "__import__('os').system('id')", "{'Edema': __import__('os')}", "{'Edema': 1.0}; 1", "{'Edema': 1.0}}",
        "{'Edema': 2}", "{'Edema': 1.5}", "{'Edema': '1'}", "{'Edema': True}", "{'Edema': 1.0 'Fracture': 1.0}",
        "{'Edema': float('nan')}", "{'Edema': 1 if 1 else 0}", "{'Edema': 1.0, 'Edema': 0.0}", "{'Edema'}",
        "{'Edema':}",
        "{,}", "{'Edema': 1.0,,}", "['Edema']", "[[[[[[", "{{{{{{", "{'Edema: 1.0}", "{Edema: 1.0}", "{u'Edema': 1.0}",
        "{'Ede' 'ma': 1.0}", "{'Edema': 0x1}", "{'Edema': 1_0}", "{'Edema': --1}", "{'Edema': inf}", "{'Edema': 1e999}",
        "{'Edema': 1j}", "{'Edema': e}", "{'Edema': .}", "{**{}}", "dict(Edema=1)", "{'Edema\\': 1.0}", "{'\\q': 1.0}",
        "{'\\ud800': 1.0}", "{'\\u12': 1.0}", "{'Edema': None1}", "Edema", "1", "'Edema'", "{'Edéma': 1.0}",
        "{'Edema': 1.0",
        "{'Edema\n': 1.0}", "{'': 1.0}",
    ])
    func hostileTextsAreRefused(_ cell: String) throws {
        let text = message { _ = try table(["{}", cell]).labels(1) }
        #expect(text.hasPrefix("made: row 2: column \"labels\" is no CheXpert label: "), "\(cell): \(text)")
    }

    @Test func longTextsAreRefusedAtOnce() throws {
        let cell = "{" + String(repeating: " ", count: 1_000_000) + "}"
        #expect(message { _ = try table([cell]).labels(0) }.contains("too many"))
    }

    @Test func unknownNamesGetTheNearest() throws {
        let text = message { _ = try table(["{'Pnuemonia': 1.0}"]).labels(0) }
        #expect(text.contains("unknown pathology \"Pnuemonia\"; did you mean \"Pneumonia\"?"))
        #expect(message { _ = try Pathologies.index(of: "edema") }.contains("did you mean \"Edema\"?"))
    }

    @Test func badRowsStopOnlyThoseWhoUseThem() throws {
        let dataset = try table(["{'Edema': 1.0}", "broken", "{'Edema': 0.0}"])
        #expect(try dataset.labels(2).state(of: "Edema") == .negative)
        #expect(message { _ = try dataset.withLabel("Edema", value: 1) }.contains("row 2"))
        #expect(try dataset.select(rows: [2, 0]).withLabel("Edema", value: 1).count == 1)
    }

    @Test func fourteenColumns() throws {
        let header = "Path," + Pathologies.names.joined(separator: ",")
        let dataset = try read(header + "\nx.jpg,1.0,0.0,-1.0,,1,0,-1,,,,,,,\n")
        #expect(try dataset.labels(0).all.prefix(8).map(\.value) == [1, 0, -1, nil, 1, 0, -1, nil])
        let bad = try read(header + "\nx.jpg,1.0,yes,,,,,,,,,,,,\n")
        #expect(message { _ = try bad.labels(0) }.contains("row 1: column \"Cardiomegaly\" is no CheXpert label"))
        #expect(message { _ = try read("a\n1\n").labels(0) }.contains("without a label column"))
        #expect(message { _ = try read("a\n1\n").withLabel("Edema", value: 1) }.contains("without a label column"))
    }

    @Test func matrixNeedsAPolicy() throws {
        let dataset = try table(["{'Edema': 1.0, 'Fracture': -1.0}", "{'Edema': 0.0}"])
        let matrix = try dataset.labelsMatrix(uncertain: 0.5, missing: 0)
        #expect(matrix.shape == [2, 14])
        let values = try matrix.array(Float.self)
        #expect(values[3] == 1 && values[5] == 0.5 && values[14 + 3] == 0 && values.reduce(0, +) == 1.5)
        let text = message { _ = try dataset.labelsMatrix(uncertain: nil, missing: nil) }
        #expect(text.contains("1 uncertain labels (-1) and 25 labels that are not mentioned"))
        #expect(message { _ = try dataset.labelsMatrix(uncertain: 0, missing: nil) }.contains("25 labels"))
        #expect(try dataset.head(0).labelsMatrix(uncertain: nil, missing: nil).shape == [0, 14])
        let counts = try dataset.labelCounts()
        #expect(counts[3].positive == 1 && counts[3].negative == 1 && counts[5].uncertain == 1)
        #expect(counts[5].notMentioned == 1)
    }

    @Test func randomTextsNeverStopTheProcess() throws {
        var random = SeededGenerator(seed: 5)
        let pieces = [
            "{", "}", "'", "\"", ":", ",", "\\", "u00", "x4", "Edema", "'Edema'", "1.0", "-", "e", "None", "nan", " ",
            "é",
        ]
        let cells = (0..<20_000).map { _ -> String in
            let count = Int.random(in: 1..<12, using: &random)
            return (0..<count).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &random)] }.joined()
        }
        let dataset = try table(cells)
        for row in 0..<dataset.count {
            let said = complaint { _ = try dataset.labels(row) }
            #expect(said.isEmpty || said.hasPrefix("made: row \(row + 1): column \"labels\""))
        }
    }

    @Test func statesAndValues() throws {
        #expect(try LabelState.allCases.map { try LabelState(value: $0.value) } == LabelState.allCases)
        #expect(message { _ = try LabelState(value: 2) }.contains("no CheXpert value"))
        #expect(Pathologies.names == Pathologies.names.sorted() && Pathologies.count == 14)
    }
}

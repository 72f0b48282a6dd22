import Datasets
import Foundation
import TestSupport
import Testing

@Suite struct JSONTableTests {
    private func table(_ text: String, labels: String? = nil) throws -> Dataset {
        let scratch = try Scratch()
        return try Dataset.json(path: scratch.write("t.json", text), labels: labels)
    }

    @Test func readsListsAndLines() throws {
        let text = """
            [ {"id": 1, "chexpert_labels": {"Edema": 1.0, "Fracture": null, "Pneumonia": NaN}, "reason": "a \\"b\\" } ] {"},
              {"id": 2.5, "extra": [1, "x"], "reason": null, "na": "NA"} ]
            """
        let dataset = try table(text, labels: "chexpert_labels")
        #expect(dataset.columns == ["id", "chexpert_labels", "reason", "extra", "na"])
        #expect(try dataset.column("id") == ["1", "2.5"])
        #expect(try dataset.column("reason") == ["a \"b\" } ] {", nil])
        #expect(try dataset.column("extra") == [nil, "[1,\"x\"]"])
        #expect(try dataset.column("na") == [nil, "NA"])
        #expect(try dataset.labels(0).state(of: "Edema") == .positive)
        #expect(try dataset.labels(0).state(of: "Pneumonia") == .notMentioned)
        #expect(try dataset.labels(1) == Labels())
        let lines = try table("{\"a\":\"x\"}\n{\"a\":\"y\"}\r\n\n")
        #expect(try lines.column("a") == ["x", "y"])
    }

    @Test(arguments: [
        ("", "empty"), ("[", "never closed"), ("[]", "no object"), ("[{}]", "no object"),
        ("[1]", "row 1, byte 1: expected"),
        ("{\"a\":1", "never closed"), ("[{\"a\":1}", "never closed"), ("[{\"a\":1}]x", "after the list"),
        ("[{\"a\":1} {\"a\":2}]", "row 1, byte 9: expected ','"), ("[{\"a\":1},]", "expected an object"),
        ("[{\"a\":1,\"a\":2}]", "twice"), ("[{\"a\":1},{\"a\":}]", "row 2"), ("{\"a\":\"", "never closed"),
        ("{\"a\":\"\\", "never closed"), ("{\"\":1}", "key is empty"), ("{\"a\":1}\nx", "row 2, byte 8"),
    ])
    func brokenFilesAreErrors(_ text: String, _ reason: String) throws {
        let said = message { _ = try table(text) }
        #expect(said.contains(reason), "\(text): \(said)")
    }

    @Test func randomTextsNeverStopTheProcess() throws {
        var random = SeededGenerator(seed: 9)
        let scratch = try Scratch()
        let pieces = [
            "[", "]", "{", "}", "\"", "\"a\"", ":", ",", "\\", "1", "null", "NaN", " ", "\n", "é", "{\"a\":1}",
        ]
        for _ in 0..<400 {
            let count = Int.random(in: 0..<14, using: &random)
            let text = (0..<count).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &random)] }.joined()
            let path = try scratch.write("t.json", text)
            let said = complaint { _ = try Dataset.json(path: path) }
            #expect(said.isEmpty || said.hasPrefix(path + ": "))
        }
    }
}

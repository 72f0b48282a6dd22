import Datasets
import Files
import Foundation
import TestSupport
import Testing

@Suite struct WritingTests {
    private func written(_ dataset: Dataset, nulls: NullStyle = .kept) throws -> String {
        let scratch = try Scratch()
        try dataset.write(scratch.path + "/out.csv", nulls: nulls)
        return String(decoding: try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/out.csv")), as: UTF8.self)
    }

    @Test func quotesOnlyWhatNeedsIt() throws {
        let table = try Dataset.table(
            name: "m", columns: ["a", "b,c"],
            rows: [
                ["x", "y \"z\""], [nil, "NA"], ["=cmd|'x'", "-1.5"], ["+1", "@a"], ["- item", "-2+3|cmd"], ["\r", " "],
            ])
        #expect(
            try written(table)
                == "a,\"b,c\"\nx,\"y \"\"z\"\"\"\n,NA\n\"=cmd|'x'\",-1.5\n+1,\"@a\"\n- item,\"-2+3|cmd\"\n\"\r\", \n")
        #expect(try written(read("a,b\nNA,1\n"), nulls: .empty) == "a,b\n,1\n")
        #expect(try written(read("a,b\nNA,1\n")) == "a,b\nNA,1\n")
        #expect(try written(read("a\n\"\"\nx\n")) == "a\n\"\"\nx\n")
    }

    @Test func readingWhatWasWrittenGivesItBack() throws {
        var random = SeededGenerator(seed: 11)
        let pieces = [
            "a", ",", "\"", "\n", "\r", "\r\n", " ", "é", "e\u{301}", "胸", "🫁", "NA", "=", "'", "\\", "\u{FEFF}", "\t",
            "\u{2028}",
        ]
        func word() -> String {
            (0..<Int.random(in: 0..<5, using: &random)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &random)]
            }.joined()
        }
        for _ in 0..<300 {
            let width = Int.random(in: 1..<5, using: &random)
            let columns = (0..<width).map { "\(word())\($0)" }
            let rows = (0..<Int.random(in: 0..<12, using: &random)).map { _ in (0..<width).map { _ in word() } }
            // A file that begins with U+FEFF begins with a byte order mark, which is no part of its text.
            guard !columns[0].unicodeScalars.starts(with: ["\u{FEFF}"]) else { continue }
            let scratch = try Scratch()
            try Dataset.table(name: "m", columns: columns, rows: rows).write(scratch.path + "/t.csv")
            let back = try Dataset.csv(path: scratch.path + "/t.csv")
            #expect(bytes([back.columns]) == bytes([columns]))
            #expect(bytes(try texts(back)) == bytes(rows))
        }
    }

    @Test func wholeOrAbsent() throws {
        let scratch = try Scratch()
        let path = try scratch.write("t.csv", "a,b\n1,x\n2,y\n")
        let table = try Dataset.csv(path: path)
        // Over the file that it was read from: the rows in memory stay what they were.
        try table.select(rows: [1]).write(path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "a,b\n2,y\n")
        #expect(try table.cell(0, "b") == "x")
        #expect(message { try table.write(scratch.path + "/none/t.csv") }.contains("does not exist"))
        #expect(message { try table.write(scratch.path) }.contains("a folder"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["t.csv"])
    }
}

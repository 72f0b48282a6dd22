import Datasets
import Files
import Foundation
import TestSupport
import Testing

@Suite struct CSVReadingTests {
    @Test func readsQuotesNewlinesAndMarks() throws {
        let table = try read("\u{FEFF}\"a\",b\r\n\"x, y\",\"two\nlines\"\r\n\"a \"\"b\"\"\",\r\n")
        #expect(table.columns == ["a", "b"])
        #expect(try texts(table) == [["x, y", "two\nlines"], ["a \"b\"", ""]])
        #expect(try table.cell(1, "b") == nil)
    }

    @Test func keepsTextsByteForByte() throws {
        let cells = ["NA", "None", "nan", "null", "", "007", "1E5", "TRUE", " x ", "e\u{301}", "\u{2028}"]
        let table = try read("a,b\n" + cells.map { "\($0),\"\($0)\"" }.joined(separator: "\n"))
        #expect(bytes(try texts(table)) == bytes(cells.map { [$0, $0] }))
        #expect(
            try table.column("a") == [nil, nil, nil, nil, nil, "007", "1E5", "TRUE", " x ", "e\u{301}", "\u{2028}"])
        #expect(try table.column("b") == table.column("a"))
    }

    @Test func raggedRowsAreErrors() throws {
        #expect(
            try readingMessage("a,b\n1,2\n3\n") == "row 2, line 3, byte 8: 1 fields, but the header has 2 columns")
        #expect(
            try readingMessage("a,b\n1,2,3\n")
                == "row 1, line 2, byte 8: more fields than the 2 columns of the header")
        #expect(try readingMessage("a,b\n1,2\n3\n").contains("row 2, line 3, byte 8: 1 fields"))
    }

    @Test func quotesMustBeRight() throws {
        #expect(try readingMessage("a,b\n1,\"2\n").hasPrefix("row 1, line 2, byte 6: the quote that opens here"))
        #expect(try readingMessage("a\n1\"2\n").hasPrefix("row 1, line 2, byte 3: a quote inside"))
        #expect(try readingMessage("a\n\"1\"2\n").hasPrefix("row 1, line 2, byte 5: text after"))
        #expect(try readingMessage("\"a").hasPrefix("header, line 1, byte 0: the quote that opens"))
    }

    @Test func badBytesAreErrors() throws {
        #expect(try readingMessage(Array("a,b\n1,".utf8) + [0, 10]) == "row 1, line 2, byte 6: a NUL byte")
        #expect(
            try readingMessage(Array("a,b\n1,".utf8) + [0xE9, 10]).hasPrefix(
                "row 1, line 2, byte 6: not valid UTF-8 (byte 0xe9)"))
        #expect(
            try readingMessage(Array("a\n\"".utf8) + [0xC0, 0x80] + Array("\"\n".utf8)).contains("byte 3: not valid"))
        #expect(try readingMessage([0xFF, 0xFE, 0x61, 0x00]).contains("UTF-16"))
    }

    @Test func headersMustBeNamedOnce() throws {
        #expect(try readingMessage("a,b,a\n") == "header, line 1, byte 4: columns 1 and 3 are both named \"a\"")
        #expect(try readingMessage("").contains("the file is empty"))
        #expect(try readingMessage("\u{FEFF}").contains("the file is empty"))
        // Composed and decomposed letters are two names, as in pandas.
        #expect(try read("é,e\u{301}\n1,2\n").columns.count == 2)
    }

    @Test func everydayTablesAreRead() throws {
        // What df.to_csv() writes, and what it writes of a table that had an index before.
        let index = try read(",path,prompt\n0,a.png,x\n1,b.png,y\n")
        #expect(index.columns == ["Unnamed: 0", "path", "prompt"])
        #expect(try index.column("Unnamed: 0") == ["0", "1"])
        #expect(try index.column("path") == ["a.png", "b.png"])
        #expect(index.passedOver == TextTable.PassedOver())
        #expect(try read(",Unnamed: 0,a\n0,1,2\n").columns == ["Unnamed: 0.1", "Unnamed: 0", "a"])
        #expect(try read("\n1\n").columns == ["1"])
        #expect(try read("\"\"\n1\n").columns == ["Unnamed: 0"])
        // What a spreadsheet leaves: empty columns at the end and between.
        for text in ["a,b,\n1,2,\n3,4,\n", "a,b,,\n1,2,,\n3,4\n", "a,,b\n1,,2\n3,\"\",4\n"] {
            let table = try read(text)
            #expect(table.columns == ["a", "b"], "\(text)")
            #expect(try texts(table) == [["1", "2"], ["3", "4"]], "\(text)")
            #expect(table.passedOver.emptyColumns == text.split(separator: "\n")[0].filter { $0 == "," }.count - 1)
        }
        #expect(
            try readingMessage("a,b,\n1,2,\n3,4,x\n")
                == "row 2, line 3, byte 14: column 3 has no name in the header, but holds \"x\" here")
        #expect(try readingMessage("a,b,\n1\n").contains("1 fields, but the header has 3 columns"))
        // A field too many may be a comma without quotes, so it is no empty column.
        #expect(try readingMessage("a,b\n1,2,\n").contains("more fields than the 2 columns"))
        // Blank lines.
        let blank = try read("\n\r\na,b\n1,2\n\n  \t\n3,4\r\n\r\n\n")
        #expect(try texts(blank) == [["1", "2"], ["3", "4"]] && blank.passedOver.blankLines == 6)
        #expect(blank.passedOver.summary == "6 blank lines")
        #expect(try texts(read("a\n1\n\n \n3\n")) == [["1"], [" "], ["3"]])
        #expect(try texts(read("a,b\n,\n")) == [["", ""]])
    }

    @Test func gzipIsRead() throws {
        let scratch = try Scratch()
        let text = "a,b\n" + (0..<60_000).map { "\($0),text \($0 % 7)" }.joined(separator: "\n") + "\n"
        let packed = try gzip(text, in: scratch)
        let table = try Dataset.csv(path: scratch.write("t.csv.gz", packed))
        #expect(table.count == 60_000)
        #expect(try table.cell(59_999, "b") == "text 2")
        // Two members, as `cat` joins them, and zeros after them.
        let two = try gzip("a,b\n1,2\n", in: scratch) + gzip("3,4\n", in: scratch) + [0, 0, 0]
        #expect(try Dataset.csv(path: scratch.write("two.csv.gz", two)).count == 2)
        #expect(try Dataset.json(path: scratch.write("t.jsonl.gz", gzip("{\"a\": 1}\n", in: scratch))).count == 1)
        // Cut anywhere, or with a bit flipped, it is an error.
        let small = try gzip("a,b\n1,2\n", in: scratch)
        for length in 3..<small.count {
            #expect(try readingMessage(Array(small[..<length])).contains("gzip"), "\(length)")
        }
        for index in 10..<small.count {
            var damaged = small
            damaged[index] ^= 1
            let path = try scratch.write("damaged.csv.gz", damaged)
            #expect(complaint { _ = try Dataset.csv(path: path) } != "", "\(index)")
        }
        #expect(try readingMessage(small + [1]).contains("gzip"))
    }

    @Test func bombsAreRefused() throws {
        let scratch = try Scratch()
        let packed = try gzip(String(repeating: "a", count: 1 << 20), in: scratch)
        #expect(packed.count < 1200)
        packed.withUnsafeBytes { bytes in
            #expect(throws: Never.self) { try Gzip.unpacked(bytes, name: "t", limit: 1 << 20) }
            #expect(
                message { _ = try Gzip.unpacked(bytes, name: "t", limit: 1 << 19) }
                    == "t: gzip: it unpacks to more than the limit of 524288 bytes; unpack it with gunzip")
        }
    }

    /// What the command gzip makes of a text.
    private func gzip(_ text: String, in scratch: Scratch) throws -> [UInt8] {
        let path = try scratch.write("plain", text)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-9kfn", path]
        try process.run()
        process.waitUntilExit()
        return try Array(Data(contentsOf: URL(fileURLWithPath: path + ".gz")))
    }

    @Test func endsOfFiles() throws {
        #expect(try read("a,b").count == 0)
        #expect(try read("a,b\n").count == 0)
        #expect(try texts(read("a,b\n1,2")) == [["1", "2"]])
        #expect(try texts(read("a,b\n1,")) == [["1", ""]])
        #expect(try texts(read("a,b\n1,2\n\r\n\n")) == [["1", "2"]])
        #expect(try texts(read("a\n\"\"\n")) == [[""]])
        #expect(try readingMessage("a,b\r1,2\r").contains("header, line 1, byte 3: a carriage return without"))
        #expect(try readingMessage("a,b\n1,2\r").contains("row 1, line 2, byte 7: a carriage return without"))
    }

    @Test func lineEndsInQuotesAtEveryOffset() throws {
        let scratch = try Scratch()
        for padding in 0..<70 {
            let filler = String(repeating: "x", count: padding)
            for end in ["\r\n", "\n", "\r", "\"\"", ",", "\r\n\"\"\r\n"] {
                let table = try read("a,b\n\(filler),\"p\(end)q\"\r\n\"\(filler)\(end)\",z", in: scratch)
                let text = end.replacingOccurrences(of: "\"\"", with: "\"")
                #expect(try texts(table) == [[filler, "p\(text)q"], [filler + text, "z"]])
            }
        }
    }

    @Test func limitsHoldAndAreNamed() throws {
        let limits = try CSVLimits(fieldBytes: 8, rowBytes: 20, columns: 3, rows: 2)
        #expect(try readingMessage("a\n12345678\n", limits: limits).isEmpty)
        #expect(try readingMessage("a\n123456789\n", limits: limits).contains("9 bytes, more than the limit of 8"))
        #expect(try readingMessage("a\n\"123456789\"\n", limits: limits).contains("more than the limit of 8"))
        #expect(try readingMessage("a,b,c\n1,2,3\n", limits: limits).isEmpty)
        #expect(try readingMessage("a,b,c,d\n", limits: limits).contains("more than the limit of 3 columns"))
        #expect(try readingMessage("a\n1\n2\n", limits: limits).isEmpty)
        #expect(try readingMessage("a\n1\n2\n3\n", limits: limits).contains("more than the limit of 2 rows"))
        #expect(try readingMessage("a,b,c\n1234567,1234567,1234567\n", limits: limits).contains("limit of 20"))
        let field = String(repeating: "x", count: 1 << 20)
        #expect(try readingMessage("a\n\(field)\n").isEmpty)
        #expect(try readingMessage("a\n\(field)x\n").contains("1048577 bytes, more than the limit of 1048576"))
        #expect(try readingMessage("a\n\(field)\(field)\(field)\(field)x\n").contains("more than the limit"))
        let wide = (0...1024).map { "c\($0)" }
        #expect(try readingMessage(wide.joined(separator: ",")).contains("limit of 1024 columns"))
        #expect(try readingMessage(wide.dropLast().joined(separator: ",")).isEmpty)
        #expect(message { _ = try CSVLimits(rows: 0) }.contains("rows must be from 1"))
    }

    @Test func otherFilesAreNamedForWhatTheyAre() throws {
        #expect(try readingMessage("version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"))
        #expect(try readingMessage("<!DOCTYPE html><html>").contains("a web page"))
        #expect(message { _ = try Dataset.csv(path: "/nowhere/table.csv") } == "/nowhere/table.csv: no such file")
        #expect(message { _ = try Dataset.csv(path: "/") }.contains("a folder"))
    }

    @Test func manyRowsTakeTheLongPaths() throws {
        let rows = (0..<5000).map { "\($0),\"text \"\"\($0)\"\"\"" }
        let table = try read("a,b\n" + rows.joined(separator: "\n"))
        #expect(table.count == 5000)
        #expect(try table.cell(4999, "b") == "text \"4999\"")
    }

    @Test func randomBytesNeverStopTheProcess() throws {
        var random = SeededGenerator(seed: 7)
        let scratch = try Scratch()
        let alphabet = Array("a,\"\r\n\u{FEFF}é{}'".utf8) + [0, 0xFF]
        for _ in 0..<600 {
            let length = Int.random(in: 0..<40, using: &random)
            let content = (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
            let said = try readingMessage(content, in: scratch)
            #expect(said.isEmpty || said.contains("byte") || said.contains("UTF-16"))
        }
    }
}

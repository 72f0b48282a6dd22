import Foundation
import Runs
import TestSupport
import Testing

@Suite struct ResultTablesTests {
    @Test func rowsAreAppendedAndOldOnesStay() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/Results/t.csv"
        try ResultTables.append(path, [("Model", .string("a,b")), ("FID", .number(0.1)), ("N", .integer(3))])
        try ResultTables.append(path, [("N", .integer(4)), ("Model", .string("c"))])
        #expect(try scratch.text("Results/t.csv") == "Model,FID,N\n\"a,b\",0.1,3\nc,,4\n")
        try ResultTables.append(path, [("Model", .string("=cmd|x")), ("KID", .number(1e-5))])
        #expect(
            try scratch.text("Results/t.csv") == "Model,FID,N,KID\n\"a,b\",0.1,3,\nc,,4,\n\"=cmd|x\",,,1e-05\n")
    }

    @Test func otherWritersFormattingIsKept() throws {
        let scratch = try Scratch()
        try scratch.write("t.csv", "\"a\",b\r\n 1 ,\"x\ny\"\r\n2,3")
        try ResultTables.append(scratch.path + "/t.csv", [("a", .integer(4)), ("b", .null)])
        #expect(try scratch.text("t.csv") == "\"a\",b\r\n 1 ,\"x\ny\"\r\n2,3\r\n4,\r\n")
    }

    @Test func everydayTablesAreAppendedTo() throws {
        let scratch = try Scratch()
        let path = try scratch.write("t.csv", ",a,\n0,1,\n\n")
        try ResultTables.append(path, [("a", .integer(2))])
        #expect(try scratch.text("t.csv") == "Unnamed: 0,a\n0,1\n,2\n")
        try scratch.write("t.csv", ",a\n0,1\n")
        try ResultTables.append(path, [("a", .integer(2))])
        #expect(try scratch.text("t.csv") == ",a\n0,1\n,2\n")
    }

    @Test func malformedTablesAreNamedAndKept() throws {
        let scratch = try Scratch()
        for (text, wanted) in [
            ("a,b\n1\n", "row 1, line 2, byte 4: 1 fields, but the header has 2"), ("a\n\"x", "never closed"),
            ("a\nx\"y\n", "a quote inside a field"),
        ] {
            try scratch.write("t.csv", text)
            #expect(message { try ResultTables.append(scratch.path + "/t.csv", [("a", .null)]) }.contains(wanted))
            #expect(try scratch.text("t.csv") == text)
        }
        #expect(message { try ResultTables.append(scratch.path + "/fidelity/../t.csv/x.csv", [("a", .null)]) } != "")
    }

    @Test func numbersAreWrittenAsPandasWritesThem() throws {
        let scratch = try Scratch()
        let cases: [(Double, String)] = [
            (1, "1.0"), (0.1, "0.1"), (54.229999999999997, "54.23"), (1e15, "1000000000000000.0"), (1e16, "1e+16"),
            (123456789012345680, "1.2345678901234568e+17"), (9007199254740992, "9007199254740992.0"),
            (9999999999999998, "9999999999999998.0"), (0.0001, "0.0001"), (0.00001, "1e-05"), (1.5e-7, "1.5e-07"),
            (.leastNonzeroMagnitude, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"), (-0.0, "-0.0"),
            (-2.5, "-2.5"),
            (1e22, "1e+22"), (100, "100.0"), (.infinity, "inf"), (.nan, "nan"), (1e100, "1e+100"), (0.3, "0.3"),
        ]
        for (value, text) in cases {
            let path = scratch.path + "/n.csv"
            try? FileManager.default.removeItem(atPath: path)
            try ResultTables.append(path, [("x", .number(value))])
            #expect(try scratch.text("n.csv") == "x\n\(text)\n")
        }
    }

    @Test func manyWritersLoseNoRow() async throws {
        let scratch = try Scratch()
        let path = scratch.path + "/t.csv"
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    for index in 0..<10 {
                        try? ResultTables.append(path, [("w", .integer(worker)), ("i", .integer(index))])
                    }
                }
            }
        }
        #expect(try scratch.text("t.csv").split(separator: "\n").count == 41)
    }
}

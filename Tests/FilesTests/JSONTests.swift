import Files
import Foundation
import TestSupport
import Testing

@Suite struct JSONTests {
    private func parse(_ text: String) throws -> JSON { try JSON.parse(text, name: "x.json") }

    private func refusal(_ text: String) -> String {
        do { return "accepted: \(try parse(text))" } catch { return "\(error)" }
    }

    @Test func valuesAreParsed() throws {
        let text = #" {"a": [1, -0, 2.5e3, true, false, null, "\u00e9\n\ud83d\udc99\/"], "b": {}, "ž": []} "#
        let wanted = JSON.object([
            (
                "a",
                .array([
                    .integer(1), .number(-0.0), .number(2500), .boolean(true), .boolean(false), .null,
                    .string("é\n💙/"),
                ])
            ),
            ("b", .object([])), ("ž", .array([])),
        ])
        #expect(try parse(text) == wanted)
        #expect(try parse(text)["a"]?[2]?.integer == 2500)
        #expect(try parse("9223372036854775807") == .integer(Int.max))
        #expect(try parse("-9223372036854775808") == .integer(Int.min))
        #expect(try parse("9223372036854775808") == .number(0x1p63))
        #expect(try parse("9007199254740993").integer == 9_007_199_254_740_993)
        #expect(try parse("5e-324") == .number(Double(bitPattern: 1)))
        #expect(try parse("1e-400") == .number(0))
        let nested = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        #expect(try parse(nested).array?.count == 1)
    }

    @Test func faultsAreFoundWithTheirPlace() {
        let cases: [(String, String)] = [
            ("", "line 1, column 1: the text ends where a value was expected"), ("[1,]", "column 4: expected a value"),
            ("{\"a\":1,}", "column 8: expected a key"),
            ("{\"a\":1\n,\"a\":2}", "line 2, column 2: the key \"a\" stands twice"),
            ("[1 2]", "expected ',' or ']', found '2'"), ("01", "must not begin with 0"),
            ("1.", "digit after the point"),
            (".5", "expected a value"), ("+1", "expected a value"), ("1e", "digit in the exponent"),
            ("-", "expected a digit"),
            ("nul", "expected a value"), ("NaN", "expected a value"), ("-Infinity", "expected a digit"),
            ("'a'", "expected a value"), ("\"a", "ends inside a string"), ("\"\\x\"", "unknown escape"),
            ("\"\\ud800\"", "half of a surrogate pair"), ("\"\\udc00\"", "half of a surrogate pair"),
            ("\"\\ud800\\u0041\"", "half of a surrogate pair"), ("\"\\u12g4\"", "four hexadecimal digits"),
            ("\"\u{1}\"", "control character 0x1"), ("\"a\n\"", "control character 0xa"), ("1 1", "after the end"),
            ("// x\n1", "expected a value"), ("{1:2}", "expected a key"), ("{\"a\" 1}", "expected ':'"),
            ("\u{FEFF}1", "byte order mark"), ("1e999", "the number 1e999 is too large"),
            ("\u{A0}1", "found byte 0xc2"),
            (String(repeating: "[", count: 129), "nested deeper than 128"),
            (String(repeating: "[", count: 100_000), "nested deeper than 128"), ("\"\\", "ends inside a string"),
            ("\"\\u12", "ends inside a string"), ("{", "expected a key"), ("[", "the text ends"),
        ]
        for (text, reason) in cases {
            let found = refusal(text)
            #expect(found.hasPrefix("x.json: line ") && found.contains(reason), "\(text.prefix(40)): \(found)")
        }
        let bytes: [UInt8] = [0x22, 0xFF, 0x22]
        #expect(throws: FileError.malformed(path: "x", location: "byte 1", reason: "not valid UTF-8")) {
            try bytes.withUnsafeBytes { _ = try JSON.parse($0, name: "x") }
        }
    }

    @Test func nonFiniteWordsAreAnOption() throws {
        let value = try JSON.parse("[NaN, Infinity, -Infinity, -1]", name: "x", allowsNonFinite: true)
        #expect(value[0]?.number?.isNaN == true)
        #expect(value[1]?.number == .infinity && value[2]?.number == -.infinity && value[3]?.integer == -1)
        #expect(value.text() == #"["NaN","Infinity","-Infinity",-1]"#)
    }

    @Test func textIsDeterministicAndReadsBack() throws {
        let value = JSON.object([
            ("b", .number(0.1)), ("a", .array([.integer(-3), .null, .boolean(true)])), ("e", .object([])),
            ("s", .string("\"\\\u{1}\t\u{7F}é\u{2028}")),
        ])
        #expect(
            value.text() == "{\"b\":0.1,\"a\":[-3,null,true],\"e\":{},\"s\":\"\\\"\\\\\\u0001\\t\\u007fé\u{2028}\"}")
        #expect(try parse(value.text()) == value)
        #expect(try parse(value.text(pretty: true)) == value)
        #expect(value.text(pretty: true).hasPrefix("{\n  \"b\": 0.1,\n  \"a\": [\n    -3,\n"))
    }

    @Test func everyFloatReadsBackExactly() throws {
        var generator = SeededGenerator()
        for _ in 0..<50 {
            let values = (0..<2000).map { _ in Double(bitPattern: generator.next()) }.filter { $0.isFinite }
            let found = try parse(JSON.array(values.map { .number($0) }).text()).array ?? []
            #expect(found.count == values.count)
            for (index, value) in values.enumerated() where found[index].number?.bitPattern != value.bitPattern {
                Issue.record("\(value) came back as \(found[index])")
            }
        }
    }
}

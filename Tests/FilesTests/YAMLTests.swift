import Files
import Foundation
import TestSupport
import Testing

@Suite struct YAMLTests {
    func value(_ text: String) throws -> JSON { try YAML.parse(text, name: "t.yaml").value }

    @Test func scalarsFollowTheCoreSchema() throws {
        let expected: [(String, JSON)] = [
            ("no", .string("no")), ("on", .string("on")), ("y", .string("y")), ("yes", .string("yes")),
            ("1e-3", .number(1e-3)), ("1e3", .number(1000)), ("1E234", .number(1e234)), ("0o17", .integer(15)),
            ("017", .integer(17)), ("0x1F", .integer(31)), ("1_000", .string("1_000")), (".inf", .number(.infinity)),
            ("-.INF", .number(-.infinity)), (".nan", .number(.nan)), ("12:30:45", .string("12:30:45")),
            ("2026-11-23", .string("2026-11-23")), ("~", .null), ("", .null), ("null", .null), ("NULL", .null),
            ("nUll", .string("nUll")), ("True", .boolean(true)), ("tRue", .string("tRue")), ("+12", .integer(12)),
            ("-0", .integer(0)), ("-0.0", .number(-0.0)), (".5", .number(0.5)), ("5.", .number(5)), (".", .string(".")),
            ("+", .string("+")), ("e3", .string("e3")), ("1e", .string("1e")), ("0o8", .string("0o8")),
            ("0x", .string("0x")), ("9007199254740993", .integer(9_007_199_254_740_993)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("\"12\"", .string("12")), ("'no'", .string("no")), ("1.5.2", .string("1.5.2")), ("--1", .string("--1")),
        ]
        for (text, wanted) in expected { #expect(try value("a: \(text)")["a"] == wanted, "\(text)") }
        #expect(try value("") == .null)
        #expect(try value("# only a comment\n") == .null)
    }

    @Test func numbersThatDoNotFitAreErrors() {
        #expect(message { _ = try value("a: 1\nb: 9223372036854775808") }.hasPrefix("t.yaml:2:4: the integer"))
        #expect(message { _ = try value("a: 1e309") }.contains("larger than a 64-bit float"))
        #expect(message { _ = try value("a: 0xFFFFFFFFFFFFFFFF") }.contains("does not fit"))
    }

    @Test func bombsAndCyclesAreRefused() {
        var laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
        for level in 1...8 {
            let references = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            laughs += "a\(level): &a\(level) [\(references)]\n"
        }
        #expect(message { _ = try value(laughs) }.contains("more than 100000 values"))
        #expect(message { _ = try value("&x\n- *x") }.contains("inside its own anchor"))
        #expect(message { _ = try value("a: &x {b: *x}") }.contains("inside its own anchor"))
        #expect(message { _ = try value(String(repeating: "[", count: 5000)) }.contains("within each other"))
        let indents = (0..<5000).map { String(repeating: " ", count: $0 % 200) + "- " }.joined(separator: "\n")
        #expect(message { _ = try value(indents) } != "")
        #expect(message { _ = try value(String(repeating: "- ", count: 5000)) }.contains("within each other"))
        // Depth counts after aliases, too.
        let half = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
        let nested = String(repeating: "[", count: 40) + "*x" + String(repeating: "]", count: 40)
        #expect(message { _ = try value("a: &x \(half)\nb: \(nested)") }.contains("within each other"))
        let many = "a: &x 1\nb: [" + Array(repeating: "*x", count: 101).joined(separator: ",") + "]"
        #expect(message { _ = try value(many) }.contains("more than 100 aliases"))
        #expect(message { _ = try value("a: *none") }.contains("no anchor &none"))
    }

    @Test func limitsAreExact() throws {
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        _ = try value(deep)
        #expect(message { _ = try value("[" + deep + "]") }.contains("more than 64"))
        _ = try value("[" + Array(repeating: "1", count: 99_999).joined(separator: ",") + "]")
        #expect(
            message { _ = try value("[" + Array(repeating: "1", count: 100_000).joined(separator: ",") + "]") } != "")
        _ = try value(String(repeating: "#", count: 1 << 20))
        #expect(message { _ = try value(String(repeating: "#", count: (1 << 20) + 1)) }.contains("limit of 1048576"))
    }

    @Test func manyKeysTakeLinearTime() throws {
        let text = (0..<40_000).map { "k\($0): 1" }.joined(separator: "\n")
        let start = Date()
        _ = try value(text)
        let flow = "{" + (0..<40_000).map { "k\($0): 1" }.joined(separator: ", ") + "}"
        _ = try value(flow)
        #expect(Date().timeIntervalSince(start) < 10)
    }

    @Test func whatConfigsMustNotHoldIsNamedWithItsPlace() {
        let cases: [(String, String)] = [
            ("a: 1\na: 2", "t.yaml:2:1: the key a is given twice, first in line 1"),
            ("{\"a\": 1, a: 2}", "given twice"),
            ("a: !!python/object:os.system x", "t.yaml:1:4: the tag"), ("a: !!binary aGk=", "the tag"),
            ("a: !!str 5", "the tag"), ("a: ! x", "the tag"), ("x: &b {c: 1}\na:\n  <<: *b", "t.yaml:3:3: merge keys"),
            ("a: 1\n---\nb: 2", "t.yaml:2:1: a second document"), ("? [1, 2]\n: x", "a key must be plain text"),
            ("?\n: x", "a key is missing"), ("a:\n\tb: 1", "t.yaml:2:"), ("\u{FEFF}a: 1", "byte order mark"),
            ("a: 1\nb: \0", "t.yaml:2:4: a NUL byte"), ("a: x\u{2028}y", "U+2028"), ("a: x\u{85}y", "U+0085"),
            ("a: [1, 2", "t.yaml:2:1: while parsing a flow sequence"), ("a: \"x", "t.yaml:"),
            ("@x: 1", "must be in quotes"), ("a: 1\n b: 2", "t.yaml:2:"),
        ]
        for (text, wanted) in cases {
            let got = message { _ = try value(text) }
            #expect(got.contains(wanted), "\(text.debugDescription): \(got)")
        }
        for bytes in [
            [0xFF, 0xFE, 0x61, 0x00], [0x61, 0x3A, 0x20, 0xC3, 0x28], [0x61, 0x3A, 0x20, 0xED, 0xA0, 0x80],
        ] {
            let bytes = bytes.map(UInt8.init)
            let got = message { _ = try bytes.withUnsafeBytes { try YAML.parse($0, name: "t.yaml") } }
            #expect(got.contains("UTF-"), "\(got)")
        }
    }

    @Test func windowsLineEndsAndQuotedMergeKeysPass() throws {
        #expect(try value("a: 1\r\nb:\r\n  - x\r\n")["b"] == .array([.string("x")]))
        #expect(try value("\"<<\": 1")["<<"] == .integer(1))
        #expect(try value("1: a\n\"2\": b")["1"] == .string("a"))
    }

    @Test func aliasesAreValues() throws {
        let value = try value("a: &x {b: [1, 2]}\nc: *x\n&k key: *k")
        #expect(value["c"] == value["a"])
        #expect(value["key"] == .string("key"))
    }

    @Test func writtenTextParsesBackToTheSameValue() throws {
        let strings = [
            "", " ", "no", "yes", "~", "null", "1", "1.5", "1e3", "0o7", "12:30:45", "2026-11-23", "1_000", "a: b",
            "a #b",
            "- x", "? x", "...", "... x", ".5", ".", "--- x", "x ", " x", "a\nb", "tab\t", "\u{1F600}", "é", "e\u{301}",
            "\0", "\u{7F}", "\u{85}", "\u{2028}", "\u{FEFF}x", "\u{FFFE}", "\\", "\"", "'", "<<", "=", "@x", "`", "%",
            "*a", "&a", "!x", "{", "}", "[", "]", ",", "|", ">", "-", "+", ".inf", ".nan", "/data/x y.csv", "./a",
            "../b",
            "12ab34", "0x1F", "true", "off", "nan", "inf", "1.2.3/x", String(repeating: "x", count: 3000),
        ]
        var values: [JSON] = strings.map { .string($0) }
        values += [
            .null, .boolean(true), .integer(.min), .number(-0.0), .number(5), .number(1e16), .number(.nan),
            .number(-.infinity), .number(.leastNonzeroMagnitude), .number(.greatestFiniteMagnitude), .array([]),
            .object([]),
        ]
        for value in values { #expect(try YAML.parse(YAML.text(value), name: "x").value == value, "\(value)") }
        let all = JSON.object(strings.map { (key: $0, value: JSON.string($0)) })
        #expect(try YAML.parse(YAML.text(all), name: "x").value == all)
        var generator = SeededGenerator()
        for _ in 0..<300 {
            let value = random(depth: 5, strings: strings, &generator)
            let text = YAML.text(value)
            #expect(try YAML.parse(text, name: "x").value == value, "\(text)")
            #expect(YAML.text(value) == text)
        }
    }

    func random(depth: Int, strings: [String], _ generator: inout SeededGenerator) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 5), using: &generator) {
        case 0: return .null
        case 1: return .boolean(.random(using: &generator))
        case 2: return .integer(.random(in: .min ... .max, using: &generator))
        case 3:
            let value = Double(bitPattern: .random(in: 0...UInt64.max, using: &generator))
            return .number(value.isNaN ? .nan : value)
        case 4: return .string(strings.randomElement(using: &generator) ?? "")
        case 5, 6:
            let count = Int.random(in: 0..<4, using: &generator)
            return .array((0..<count).map { _ in random(depth: depth - 1, strings: strings, &generator) })
        default:
            let keys = Set(
                (0..<Int.random(in: 0..<4, using: &generator)).map { _ in strings.randomElement(using: &generator) ?? ""
                })
            return .object(keys.map { (key: $0, value: random(depth: depth - 1, strings: strings, &generator)) })
        }
    }
}

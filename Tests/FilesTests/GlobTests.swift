import Files
import TestSupport
import Testing

@Suite struct GlobTests {
    @Test(arguments: [
        ("*.png", ["a.png", "p10/a.png", "p10/s5/a.png", ".png"], ["a.jpg", "a.png/b", "apng"]),
        ("p10/*.png", ["p10/a.png"], ["a.png", "p10/s/a.png", "x/p10/a.png", "p10/"]),
        ("p1?/**/*.jpg", ["p10/a.jpg", "p10/s/a.jpg", "p1x/s/t/a.jpg"], ["p1/a.jpg", "p100/a.jpg", "q10/a.jpg"]),
        ("**", ["a", "a/b/c"], []),
        ("**/**/a", ["a", "x/a", "x/y/a"], ["x/b"]),
        ("[a-c]1.png", ["a1.png", "x/c1.png"], ["d1.png", "1.png"]),
        ("[!a-c]1.png", ["d1.png", "é1.png"], ["b1.png"]),
        ("[]x].png", ["].png", "x.png"], ["a.png"]),
        ("a*b*c", ["abc", "aXbYc", "abcbc"], ["ab", "acb", "abcd"]),
        ("?", ["é", "日"], ["", "ab"]),
        ("a[-]b", ["a-b"], ["ab"]),
    ])
    func patterns(pattern: String, taken: [String], others: [String]) throws {
        let glob = try Glob(pattern)
        for path in taken { #expect(glob.matches(path), "\(pattern) \(path)") }
        for path in others { #expect(!glob.matches(path), "\(pattern) \(path)") }
    }

    @Test(arguments: [
        "", "[a", "[", "[z-a]", "/a", "a//b", "../a", "a/./b", "a/", "a\0b", String(repeating: "a", count: 1025),
    ])
    func patternsThatAreNone(pattern: String) {
        #expect(message { _ = try Glob(pattern) }.hasPrefix("the pattern "))
    }

    /// What takes other matchers exponential time.
    @Test func hostilePatternsTakeNoTime() throws {
        let name = String(repeating: "a", count: 255)
        #expect(!(try Glob(String(repeating: "*a", count: 120) + "b").matches(name)))
        let deep = Array(repeating: "a", count: 120).joined(separator: "/")
        #expect(!(try Glob(String(repeating: "**/a/", count: 60) + "b").matches(deep)))
    }
}

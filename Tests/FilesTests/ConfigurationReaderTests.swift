import Files
import TestSupport
import Testing

@Suite struct ConfigurationReaderTests {
    private enum Colour: String, CaseIterable { case red, green }

    private func reader(_ text: String) throws -> ConfigurationReader {
        try ConfigurationReader(path: "config.json", JSON.parse(text, name: "config.json"))
    }

    @Test func valuesAndDefaults() throws {
        let config = try reader(
            """
            {"count": 3, "share": 0.5, "on": true, "name": "x", "colour": "green", "sizes": [1, 2], "mean": 0.25,
             "gone": null, "bound": -1e9}
            """)
        #expect(try config.integer("count", 1...4) == 3 && config.integer("absent", 1...4, default: 2) == 2)
        #expect(
            try config.number("share", default: 1) == 0.5
                && config.number("bound", -Double.infinity...0, default: 0) == -1e9)
        #expect(try config.boolean("on", default: false) && config.string("name", default: "y") == "x")
        #expect(try config.choice("colour", default: Colour.red) == .green)
        #expect(try config.choice("gone", default: Colour.red) == .red)
        #expect(try config.integers("sizes", 1...9, default: []) == [1, 2])
        #expect(try config.numbers("mean", count: 3, default: []) == [0.25, 0.25, 0.25])
        #expect(try config.refuseUnknown() == [])
    }

    @Test func wrongValuesNameFileAndKey() throws {
        let config = try reader(
            #"{"count": 9, "share": "a", "on": 1, "colour": "blue", "sizes": [1, 99], "part": {"a": 1}, "kind": "b"}"#)
        for (key, part, body) in [
            ("count", "from 1 to 4", { _ = try config.integer("count", 1...4) }),
            ("none", "missing", { _ = try config.integer("none", 1...4) }),
            ("share", "a number", { _ = try config.number("share", default: 0) }),
            ("share", "from 0.0 to 1.0", { _ = try config.number("share", 0...1, default: 0) }),
            ("on", "true or false", { _ = try config.boolean("on", default: false) }),
            ("colour", "\"red\", \"green\"", { _ = try config.choice("colour", default: Colour.red) }),
            ("sizes", "from 1 to 9", { _ = try config.integers("sizes", 1...9, default: []) }),
            ("part", "not supported", { try config.requireAbsent("part") }),
            ("kind", "only \"a\"", { try config.require("kind", .string("a")) }),
        ] as [(String, String, () throws -> Void)] {
            let found = message(body)
            #expect(found.contains("config.json") && found.contains("\"\(key)\"") && found.contains(part), "\(found)")
        }
        #expect(message { _ = try reader("[1]") }.contains("wanted a JSON object"))
    }

    @Test func whatNobodyAskedForIsAnErrorUnlessItIsOff() throws {
        func unknown(_ text: String) throws -> [String] {
            let config = try reader(text)
            _ = try config.boolean("clip_sample", default: true)
            _ = try config.boolean("use_sigmas", default: false)
            return try config.refuseUnknown(ignored: ["about"], ignoresPrivate: true)
        }
        #expect(try unknown(#"{"about": 1, "_class_name": "X", "new_option": null}"#) == [])
        let notes = try unknown(#"{"new_option": false, "use_sigmos": false}"#)
        #expect(notes.count == 2 && notes[0].contains("\"new_option\"") && notes[1].contains("use_sigmas"))
        #expect(message { _ = try unknown(#"{"new_option": true}"#) }.contains("may change the result"))
        #expect(message { _ = try unknown(#"{"new_option": 0}"#) }.contains("new_option"))
        // False, but nearly the name of an option that is on where it is absent.
        #expect(message { _ = try unknown(#"{"clip_smaple": false}"#) }.contains("did you mean \"clip_sample\"?"))
        #expect(try unknown(#"{"clip_sample": true, "clip_samples": false}"#).count == 1)
    }
}

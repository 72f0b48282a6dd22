import Launcher
import Foundation
import LuaRuntime
import TestSupport
import Testing

/// What the modules declare is described, and tested in `Tests/Lua`. That the generated files have it is a test of
/// `chexgen stubs`.
@Suite struct DeclarationTests {
    /// The names that Lua code uses as fields and methods: what stands behind a dot or a colon, outside of comments and strings.
    private func used(_ source: String) -> Set<String> {
        // A comment, a string or dots between two, whichever begins first, or a name behind a dot or a colon.
        let pattern =
            #/
            --\[(?<a>=*)\[(?:.|\n)*?\]\k<a>\] | --[^\n]* | \[(?<b>=*)\[(?:.|\n)*?\]\k<b>\]
            | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | \.\.+ | [.:](?<name>[A-Za-z_]\w*)
            /#
        return Set(source.matches(of: pattern).compactMap { $0.output.name.map(String.init) })
    }

    @Test func namesInCommentsAndStringsAreNotUsed() {
        let source = """
            -- t.comment and "t.quoted
            --[[ t.long
            t.longer ]] t.one(x) --[==[ t.level ]] t.deep ]==]
            local s = "t.text \\" t.escaped" .. 't:single "' .. [[ t.block ]]
            u:two { three = s..four .. five } -- t.last
            """
        #expect(used(source) == ["one", "two"])
    }

    /// Every function, method and property has a text, and a test that uses it.
    @Test func everythingIsDescribedAndTested() throws {
        let folder = Places.package + "/Tests/Lua"
        let tests = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".lua") }
            .map { try used(String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8)) }
        let names = tests.reduce(into: Set<String>()) { $0.formUnion($1) }
        let session = try Session(LuaOptions())
        defer { session.host.close() }
        func check(_ owner: String, _ name: String, _ text: String) {
            #expect(!text.isEmpty, "\(owner).\(name) has no text")
            let isTested = names.contains(name)
            #expect(isTested, "no test uses \(owner).\(name)")
        }
        var count = 0
        for module in session.host.modules {
            for function in module.functions { check(module.name, function.name, function.text) }
            for type in module.classes {
                for method in type.methods { check(type.name, method.name, method.text) }
                for property in type.properties { check(type.name, property.name, property.text) }
                count += type.methods.count + type.properties.count
            }
            count += module.functions.count
        }
        #expect(count > 150)
    }
}

import Launcher
import Foundation
import LuaRuntime
import TestSupport
import Testing

/// What the modules declare is described, tested in `Tests/Lua`, and stands in the generated files.
@Suite struct DeclarationTests {
    /// Every function, method and property has a text, and a test that names it.
    @Test func everythingIsDescribedAndTested() throws {
        let folder = Places.package + "/Tests/Lua"
        let tests = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".lua") }
            .map { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) }.joined()
        let words = Set(tests.split { !$0.isLetter && !$0.isNumber && $0 != "_" })
        let session = try Session(LuaOptions())
        defer { session.host.close() }
        func check(_ owner: String, _ name: String, _ text: String) {
            #expect(!text.isEmpty, "\(owner).\(name) has no text")
            let isTested = words.contains(name[...])
            #expect(isTested, "\(owner).\(name) is in no test")
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

    /// Editors' stubs and the reference are those of the declarations.
    @Test func theGeneratedFilesAreFresh() throws {
        let session = try Session(LuaOptions())
        defer { session.host.close() }
        for module in session.host.modules {
            let stubs = try String(contentsOfFile: "\(Places.package)/lua/meta/\(module.name).lua", encoding: .utf8)
            #expect(stubs == StubWriter.stubs(for: module), "\(module.name): run make docs")
        }
        let manual = try String(contentsOfFile: "\(Places.package)/docs/lua.md", encoding: .utf8)
        #expect(manual == ManualWriter.manual(for: session.host.modules), "docs/lua.md: run make docs")
    }
}

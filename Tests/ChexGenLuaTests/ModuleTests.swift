import ChexGenLua
import Foundation
import LuaRuntime
import Testing

/// The folder `Tests/Lua`, with scripts that test the modules as users see them.
let luaTests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Lua").path

/// The files of `Tests/Lua` that test a module each; the others are what they share.
let luaTestFiles =
    ((try? FileManager.default.contentsOfDirectory(atPath: luaTests)) ?? [])
    .filter { $0.hasSuffix(".lua") && !["harness.lua", "small_encoder.lua"].contains($0) }.sorted()

/// A folder for one test, removed after it.
func withScratch<Value>(_ body: (String) throws -> Value) throws -> Value {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("chexgen-lua-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

/// Runs the program on a script in a process of its own, as a process has one request to stop, and other tests make them.
/// Gives its exit status and what it printed.
func runScript(_ file: String, _ options: [String], scratch: String) throws -> (status: Int32, printed: String) {
    let root = URL(fileURLWithPath: luaTests).deletingLastPathComponent().deletingLastPathComponent().path
    let log = scratch + "/printed.txt"
    #expect(FileManager.default.createFile(atPath: log, contents: nil))
    let output = try #require(FileHandle(forWritingAtPath: log))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: root + "/.build/release/chexgen")
    process.arguments = ["run", file] + options
    process.environment = ["HOME": scratch, "CHEXGEN_CACHE": scratch + "/cache"]
    process.currentDirectoryURL = URL(fileURLWithPath: scratch)
    process.standardOutput = output
    process.standardError = output
    try process.run()
    process.waitUntilExit()
    try output.close()
    return (process.terminationStatus, try String(contentsOfFile: log, encoding: .utf8))
}

@Suite struct ModuleTests {
    @Test func thereAreTestsOfEveryModule() {
        #expect(
            luaTestFiles == [
                "dataset.lua", "image.lua", "metric.lua", "model.lua", "run.lua", "sandbox.lua", "tensor.lua",
            ])
    }

    @Test(arguments: luaTestFiles.filter { $0 != "run.lua" })
    func module(file: String) throws {
        try withScratch { scratch in
            let (status, printed) = try runScript(
                "\(luaTests)/\(file)", ["--allow-write", scratch, scratch], scratch: scratch)
            #expect(status == 0, "\(printed)")
        }
    }

    /// `run.lua` is an experiment; what it recorded stands in the results when it has ended.
    @Test func run() throws {
        try withScratch { scratch in
            let (status, printed) = try runScript(luaTests + "/run.lua", ["--out", "run", "--quiet"], scratch: scratch)
            #expect(status == 0, "\(printed)")
            let rows = try String(contentsOfFile: scratch + "/run/results.csv", encoding: .utf8)
            #expect(rows == "b,a,c,d\n2,0.1,\"x, \"\"y\"\"\",True\ninf,-0.0,\"two\nlines\",\n")
        }
    }

    /// Every function, method and property has a text, and a test that names it.
    @Test func everythingIsDescribedAndTested() throws {
        let tests = try luaTestFiles.map { try String(contentsOfFile: "\(luaTests)/\($0)", encoding: .utf8) }.joined()
        let session = try Session(LuaOptions())
        defer { session.host.close() }
        func check(_ owner: String, _ name: String, _ text: String) throws {
            #expect(!text.isEmpty, "\(owner).\(name) has no text")
            let word = try Regex("\\b\(name)\\b")
            #expect(tests.contains(word), "\(owner).\(name) is in no test")
        }
        var count = 0
        for module in session.host.modules {
            for function in module.functions { try check(module.name, function.name, function.text) }
            for type in module.classes {
                for method in type.methods { try check(type.name, method.name, method.text) }
                for property in type.properties { try check(type.name, property.name, property.text) }
                count += type.methods.count + type.properties.count
            }
            count += module.functions.count
        }
        #expect(count > 150)
    }

    /// Editors' stubs and the reference are those of the declarations.
    @Test func theGeneratedFilesAreFresh() throws {
        let root = URL(fileURLWithPath: luaTests).deletingLastPathComponent().deletingLastPathComponent().path
        let session = try Session(LuaOptions())
        defer { session.host.close() }
        for module in session.host.modules {
            let stubs = try String(contentsOfFile: "\(root)/lua/meta/\(module.name).lua", encoding: .utf8)
            #expect(stubs == StubWriter.stubs(for: module), "\(module.name): run make docs")
        }
        let manual = try String(contentsOfFile: "\(root)/docs/lua.md", encoding: .utf8)
        #expect(manual == ManualWriter.manual(for: session.host.modules), "docs/lua.md: run make docs")
    }
}

import Launcher
import Files
import Foundation
import LuaRuntime
import Runs

/// `chexgen stubs`: writes what editors and readers need of the Lua interface, from the declarations in the code.
enum StubsCommand {
    static let options: [CommandLineOptions.Option] = [
        .init(name: "out", value: "DIR", text: "the folder for the LuaCATS stubs (default: lua/meta)"),
        .init(name: "manual", value: "FILE", text: "also write the Lua reference, as Markdown"),
    ]

    static func run(_ words: [String]) throws -> Int32 {
        let given = try CommandLineOptions(words, options: options)
        guard given.positional.isEmpty else { throw UsageError("chexgen stubs takes no file") }
        let folder = try given.one("out") ?? "lua/meta"
        let session = try Session(LuaOptions())
        defer { session.host.close() }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for module in session.host.modules {
            let path = "\(folder)/\(module.name).lua"
            try AtomicFile.write(path, StubWriter.stubs(for: module))
            print(path)
        }
        if let manual = try given.one("manual") {
            try AtomicFile.write(manual, ManualWriter.manual(for: session.host.modules))
            print(manual)
        }
        return ExitStatus.done.rawValue
    }
}

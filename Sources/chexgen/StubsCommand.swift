import Launcher
import Files
import Foundation
import LuaRuntime
import Runs

extension Command {
    /// `chexgen stubs`.
    static let stubs = Command(
        name: "stubs", about: "write the LuaCATS stubs for editors, and the Lua reference",
        options: [
            .init("out", "DIR", .folder, "the folder for the stubs (default: lua/meta)"),
            .init("manual", "FILE", .file([".md"]), "also write the Lua reference, as Markdown"),
        ]
    ) { given in
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
        return .done
    }
}

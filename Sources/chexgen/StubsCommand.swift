import Launcher
import Files
import Foundation
import LuaRuntime
import Runs

extension Command {
    /// `chexgen stubs`.
    static let stubs = Command(
        name: "stubs",
        about: "write what follows from declarations: stubs, the Lua reference, the manual page",
        options: [
            .init("out", "DIR", .folder, "the folder for the stubs (default: lua/meta)"),
            .init("manual", "FILE", .file([".md"]), "also write the Lua reference, as Markdown"),
            .init("man", "FILE", .file([".1"]), "also write the manual page chexgen.1"),
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
        if let page = try given.one("man") {
            try AtomicFile.write(page, ManualPage.text)
            print(page)
        }
        return .done
    }
}

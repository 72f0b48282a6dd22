import Foundation
import TestSupport
import Testing

/// Every function of a script that writes a file: paths of one letter, and links that lead out of the allowed folders.
@Suite struct WriterTests {
    private static let script = "\(Places.package)/Tests/Lua/command_line/writers.lua"

    @Test func pathsOfOneLetterEndNoProcess() throws {
        let folder = try Scratch()
        let outcome = try Child.run(["run", Self.script, "--allow-write", ".", "letters"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        for name in ["m", "d", "c", "o"] { #expect(folder.size(name) > 0, "\(name)") }
        // And those of the command line.
        try folder.write("s", "return { run = function(run) run:publish('p.csv', { { 'a', 1 } }) end }")
        try folder.write("y.yaml", "experiment: s\n")
        for arguments in [
            ["run", "s", "--out", "r"], ["run", "y.yaml", "--out", "q"], ["run", "q/run.yaml", "--out", "v"],
            ["diff", "r", "q"],
        ] {
            let outcome = try Child.run(arguments, in: folder)
            #expect(
                outcome.status == 0 || arguments[0] == "diff" && outcome.status == 1, "\(arguments): \(outcome.text)")
        }
        for arguments in [
            ["run", "x"], ["run", "s", "--resume", "x"], ["diff", "x", "é"], ["run", "s", "--set", "a"],
        ] {
            let outcome = try Child.run(arguments, in: folder)
            #expect((1...2).contains(outcome.status), "\(arguments): \(outcome.text)")
        }
    }

    @Test func nothingIsWrittenThroughALink() throws {
        let folder = try Scratch()
        let outside = try Scratch()
        let names = [
            "l.npy", "l.npz", "l.safetensors", "l.csv", "k.csv", "l.png", "l.jpg", "l", "l.svg", "k.safetensors",
            "l.txt",
        ]
        for name in names {
            try outside.write(name, "precious")
            #expect(symlink("\(outside.path)/\(name)", "\(folder.path)/\(name)") == 0)
        }
        let outcome = try Child.run(["run", Self.script, "--allow-write", ".", "links"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        for name in names { #expect(try outside.text(name) == "precious", "\(name)") }
        #expect(outside.names == names.sorted())
    }

    /// A shared table lies below the working folder, and a link in it is no way out.
    @Test func sharedTablesStayBelowTheWorkingFolder() throws {
        let folder = try Scratch()
        let outside = try Scratch()
        try outside.write("t.csv", "a\n0\n")
        #expect(symlink(outside.path, folder.path + "/out") == 0)
        #expect(symlink(outside.path + "/t.csv", folder.path + "/t.csv") == 0)
        try folder.write(
            "s.lua",
            """
            return { params = { path = "" }, run = function(run)
              local ok, reason = pcall(run.publish, run, run.params.path, { { "a", 1 } })
              run:record { ok = ok, reason = tostring(reason) }
            end }
            """)
        for (path, isAllowed) in [
            ("R/new/t.csv", true), ("t.csv", false), ("out/t.csv", false), ("out/new/t.csv", false),
            ("out/../\(outside.path.split(separator: "/").last ?? "")/t.csv", true), ("../t.csv", false),
            ("\(outside.path)/t.csv", false), ("t", false),
        ] {
            try? FileManager.default.removeItem(atPath: folder.path + "/run")
            let outcome = try Child.run(["run", "s.lua", "--out", "run", "--set", "path=\(path)"], in: folder)
            #expect(outcome.status == 0, "\(outcome.text)")
            let result = try folder.text("run/results.csv")
            #expect(result.contains(isAllowed ? "True" : "False"), "\(path): \(result)")
            #expect(try outside.text("t.csv") == "a\n0\n" && outside.names == ["t.csv"], "\(path)")
        }
        #expect(try folder.text("R/new/t.csv") == "a\n1\n")
    }
}

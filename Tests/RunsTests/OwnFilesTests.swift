import Files
import Foundation
import Runs
import TestSupport
import Testing

/// The run folder and what lies in it: a run's own files are no inputs, a folder that is taken away ends the run, and a run
/// that computed nothing leaves none.
@Suite struct OwnFilesTests {
    private func create(_ scratch: Scratch, _ name: String = "run", _ yaml: String = "") throws -> RunFolder {
        try RunFolder.create(
            at: "\(scratch.path)/\(name)", plan: try scratch.plan(yaml), command: [], console: quietConsole)
    }

    @Test func whatARunMakesIsNoInputOfIt() throws {
        let scratch = try Scratch()
        try scratch.write("input.csv", "x")
        for (name, content) in [("a", "1"), ("b", "1")] {
            let folder = try create(scratch, name)
            let cell = folder.plan.cells[0]
            try folder.begin(cell)
            let images = try folder.artifact("images/1.png", cell: cell)
            try scratch.write("\(name)/artifacts/images/1.png", content)
            #expect(try folder.pin(file: images) == sha(content))
            try folder.pin(files: [(images, sha(content))], under: Paths.folder(images))
            try folder.pin(file: images, sha256: sha("anything"))
            try folder.pin(file: scratch.path + "/input.csv")
            try folder.finish(cell)
            try folder.finish(exit: .done)
            let pins = try RunConfig.load("\(folder.path)/run.yaml").pins.map(\.path)
            #expect(pins == [scratch.path + "/fidelity.lua", scratch.path + "/input.csv"])
            #expect(!scratch.has("\(name)/manifests"))
        }
        #expect(try RunDiff.compare(scratch.path + "/a", scratch.path + "/b") == [])
    }

    /// Also of runs that older versions wrote, which pinned their own files.
    @Test func diffPassesOverOwnFilesOfOlderRuns() throws {
        let scratch = try Scratch()
        for name in ["a", "b"] {
            try create(scratch, name).finish(exit: .done)
            let text = try scratch.text("\(name)/run.yaml")
            let own = "  \(scratch.path)/\(name)/artifacts/x.csv: \"\(sha(name))\"\n"
            try scratch.write("\(name)/run.yaml", text + own)
        }
        #expect(try RunDiff.compare(scratch.path + "/a", scratch.path + "/b") == [])
    }

    @Test func aFolderThatIsTakenAwayEndsTheRun() throws {
        let scratch = try Scratch()
        let takeAway: [(String, (String) throws -> Void)] = [
            ("removed", { try FileManager.default.removeItem(atPath: $0) }),
            ("moved", { try FileManager.default.moveItem(atPath: $0, toPath: $0 + "-moved") }),
            (
                "replaced",
                {
                    try FileManager.default.moveItem(atPath: $0, toPath: $0 + "-old")
                    try FileManager.default.copyItem(atPath: $0 + "-old", toPath: $0)
                }
            ),
        ]
        for (name, action) in takeAway {
            let folder = try create(scratch, name)
            let cell = folder.plan.cells[0]
            try folder.begin(cell)
            try folder.record([("a", .integer(1))], cell: cell)
            try action(folder.path)
            let attempts: [() throws -> Void] = [
                { try folder.record([("a", .integer(2))], cell: cell) },
                { try folder.store(StoredValue(.integer(1), blobs: [("b", Data([1]))]), key: "k", cell: cell) },
                { try folder.fail(cell, "x") }, { try folder.finish(cell) }, { try folder.finish(exit: .done) },
            ]
            for attempt in attempts {
                #expect(
                    complaint(attempt).contains(name == "replaced" ? "removed or moved" : "\(scratch.path)/\(name)"))
            }
            // Nothing of it comes back.
            #expect(scratch.has(name) == (name == "replaced"), "\(name)")
        }
    }

    @Test func aRunThatComputedNothingLeavesNoFolder() throws {
        let scratch = try Scratch()
        let actions: [(String, Bool, (RunFolder, Cell) throws -> Void)] = [
            ("nothing", true, { _, _ in }), ("logged", true, { folder, _ in folder.log("x") }),
            ("folders", true, { folder, cell in _ = try folder.artifact("a/b/c", cell: cell) }),
            ("row", false, { folder, cell in try folder.record([("a", .integer(1))], cell: cell) }),
            ("once", false, { folder, cell in try folder.store(StoredValue(.integer(1)), key: "k", cell: cell) }),
            (
                "file", false,
                { folder, cell in
                    try AtomicFile.write(try folder.artifact("a/b", cell: cell), "x")
                }
            ),
            (
                "table", false,
                { folder, cell in try folder.append(toTable: scratch.path + "/t.csv", [("a", .integer(1))], cell: cell)
                }
            ),
        ]
        for (name, leavesNone, action) in actions {
            let folder = try create(scratch, name)
            let cell = folder.plan.cells[0]
            try folder.begin(cell)
            try action(folder, cell)
            try folder.fail(cell, "x")
            try folder.finish(exit: .failed)
            #expect(folder.removeIfBlank() == leavesNone)
            #expect(scratch.has(name) == !leavesNone, "\(name)")
        }
        #expect(!scratch.names.contains { $0.hasPrefix(".") }, "\(scratch.names)")
    }
}

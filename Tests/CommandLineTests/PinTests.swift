import Foundation
import TestSupport
import Testing

/// What decides a number is pinned: inputs, modules, the Lua library and the program; and a run that was stopped, however
/// often, keeps its pins.
@Suite struct PinTests {
    /// A folder with inputs and `reads.yaml`.
    private static func reads() throws -> Scratch {
        let folder = try Study.folder()
        try folder.write(
            "make.lua",
            "local t = require 'chexgen.tensor' t.save('in.safetensors', { a = t.arange(1, 9) })")
        let made = try Child.run(["run", "make.lua", "--allow-write", "."], in: folder)
        try #require(made.status == 0, "\(made.text)")
        try folder.write(
            "reads.yaml",
            "experiment: \(Places.package)/Tests/Lua/command_line/reads.lua\nseed: 7\nthreads: 1\n")
        return folder
    }

    /// The files of a run that depend on its inputs and results alone, by name.
    private func files(_ folder: Scratch, _ run: String) throws -> [String: Data] {
        let manifests = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/\(run)/manifests")
        let names = ["run.yaml", "results.csv", "results.jsonl"] + manifests.map { "manifests/\($0)" }
        return try Dictionary(uniqueKeysWithValues: names.map { ($0, try folder.data("\(run)/\($0)")) })
    }

    private func expectSame(_ folder: Scratch, _ run: String, as whole: String) throws {
        let found = try files(folder, run)
        let wanted = try files(folder, whole)
        #expect(found.keys.sorted() == wanted.keys.sorted())
        for (name, data) in wanted { #expect(found[name] == data, "\(name)") }
    }

    @Test func aResumedRunKeepsItsPins() throws {
        let folder = try Self.reads()
        try folder.write(
            "p.lua",
            """
            local tensor = require "chexgen.tensor"
            return { params = { k = 1 }, run = function(run)
              run:record { s = run:once("x", function() return tensor.load("in.safetensors").a:sum():item() end) }
            end }
            """)
        try folder.write("p.yaml", "experiment: p.lua\nseed: 7\n")
        for name in ["r", "whole"] {
            #expect(try Child.run(["run", "p.yaml", "--out", name, "--quiet"], in: folder).status == 0)
        }
        #expect(try folder.text("r/run.yaml").contains("in.safetensors"))
        let resumed = try Child.run(["run", "--resume", "r", "--quiet"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        try expectSame(folder, "r", as: "whole")
        // Paths stand as they did, wherever it is resumed from.
        mkdir(folder.path + "/elsewhere", 0o755)
        let away = try Child.run(
            ["run", "--resume", "../r", "--quiet"], in: folder, shell: "cd elsewhere; exec \"$@\"")
        #expect(away.status == 0, "\(away.text)")
        try expectSame(folder, "r", as: "whole")
        try folder.flip("in.safetensors", byte: folder.size("in.safetensors") - 1)
        for words in [["r/run.yaml", "--out", "r2"], ["--resume", "r"]] {
            let refused = try Child.run(["run", "--quiet"] + words, in: folder)
            #expect(refused.status == 3 && refused.errors.contains("in.safetensors"), "\(refused.text)")
        }
        #expect(!folder.has("r2"))
    }

    /// What a script opens by itself is an input like any other; what the run wrote is its own.
    @Test func filesThatScriptsOpenArePinned() throws {
        let folder = try Scratch()
        try folder.write("t.txt", "one")
        try folder.write("lines.txt", "a\nb\n")
        try folder.write("early.txt", "soon")
        try folder.write(
            "s.lua",
            """
            local early = io.open("early.txt"):read "a"
            local function write(path, text)
              local file <close> = io.open(path, "w")
              file:write(text)
            end
            return { params = { changes = false }, run = function(run)
              local file, lines = io.open("t.txt"), 0
              for _ in io.lines("lines.txt") do lines = lines + 1 end
              write(run:artifact("own.txt"), "mine")
              write("made.txt", "made")
              write("moved.txt", "moved")
              os.rename("moved.txt", "here.txt")
              require("chexgen.dataset").write_csv("rows.csv", { "n" }, { { n = 1 } })
              local read = early
              for _, path in ipairs { "made.txt", "here.txt", "rows.csv", run:artifact "own.txt" } do
                read = read .. io.open(path):read "a"
              end
              assert(not io.open("none.txt"))
              run:record { s = file:read "a", lines = lines, read = read }
              if run.params.changes then write("t.txt", "two") io.open("t.txt"):close() end
            end }
            """)
        let words = ["--allow-write", ".", "--quiet"]
        let first = try Child.run(["run", "s.lua", "--out", "r"] + words, in: folder)
        #expect(first.status == 0, "\(first.text)")
        let pins = try folder.text("r/run.yaml")
        for name in ["t.txt", "lines.txt", "early.txt"] { #expect(pins.contains("/\(name):"), "\(pins)") }
        for name in ["own.txt", "made.txt", "here.txt", "rows.csv", "none.txt"] {
            #expect(!pins.contains(name), "\(pins)")
        }
        let again = try Child.run(["run", "r/run.yaml", "--out", "b"] + words, in: folder)
        #expect(again.status == 0, "\(again.text)")
        #expect(try folder.data("r/results.csv") == folder.data("b/results.csv"))
        for (name, text) in [("t.txt", "two"), ("lines.txt", "a\n"), ("early.txt", "late")] {
            let before = try folder.text(name)
            try folder.write(name, text)
            let refused = try Child.run(["run", "r/run.yaml", "--out", "c"] + words, in: folder)
            #expect(refused.status == 3 && refused.errors.contains(name), "\(refused.text)")
            #expect(!folder.has("c"))
            let new = try Child.run(["run", "s.lua", "--out", "new-\(name)"] + words, in: folder)
            #expect(new.status == 0, "\(new.text)")
            let diff = try Child.run(["diff", "r", "new-\(name)"], in: folder)
            #expect(diff.output.contains(name), "\(diff.text)")
            try folder.write(name, before)
        }
        // A script that writes over its own input may do so once.
        let over = try Child.run(["run", "s.lua", "--out", "d", "--set", "changes=true"] + words, in: folder)
        #expect(over.status == 0, "\(over.text)")
        let late = try Child.run(["run", "d/run.yaml", "--out", "e"] + words, in: folder)
        #expect(late.status == 3 && late.errors.contains("t.txt"), "\(late.text)")
    }

    /// Its own is also what the run wrote under another spelling, below a folder, or before it was stopped.
    @Test func whatTheRunWroteIsItsOwnHoweverItIsReached() throws {
        let folder = try Scratch()
        try FileManager.default.createDirectory(atPath: folder.path + "/w/new", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/other", withDestinationPath: "w")
        try folder.write("w/state.txt", "0")
        try folder.write("w/log.txt", "a")
        try folder.write("w/new/t.csv", "n\n1\n")
        try folder.write(
            "s.lua",
            """
            local function read(path)
              local file <close> = assert(io.open(path))
              return file:read "a"
            end
            local function write(path, text)
              local file <close> = assert(io.open(path, "w"))
              file:write(text)
            end
            return { params = { cell = "a" }, run = function(run)
              if run.params.cell == "a" then
                local before = read "w/state.txt"
                write("other/state.txt", before .. "1")
                os.rename("w/new", "w/old")
                local log <close> = assert(io.open("w/log.txt", "a+"))
                log:write "b"
                io.open("w/none.txt", "a+"):close()
              elseif not io.open "go" then
                error "stopped"
              end
              local rows = require("chexgen.dataset").csv { path = "w/old/t.csv" }
              run:record { state = read "w/state.txt", old = read "w/old/t.csv", log = read "other/log.txt", n = #rows }
            end }
            """)
        try folder.write("s.yaml", "experiment: s.lua\nsweep: { cell: [a, b] }\n")
        let words = ["--allow-write", "w", "--quiet"]
        let stopped = try Child.run(["run", "s.yaml", "--out", "r"] + words, in: folder)
        #expect(stopped.status == 1 && stopped.errors.contains("1 of 2 cells failed"), "\(stopped.text)")
        try folder.write("go", "")
        let resumed = try Child.run(["run", "--resume", "r"] + words, in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        let pins = try folder.text("r/run.yaml")
        for name in ["w/state.txt:", "w/log.txt:", "go:"] { #expect(pins.contains("/\(name)"), "\(pins)") }
        for name in ["/old/", "other/", "none.txt"] { #expect(!pins.contains(name), "\(pins)") }
        #expect(try Child.run(["run", "--resume", "r"] + words, in: folder).status == 0)
        #expect(try folder.text("r/run.yaml") == pins)
        // The unbroken run has the same.
        try folder.write("w/state.txt", "0")
        try folder.write("w/log.txt", "a")
        try FileManager.default.moveItem(atPath: folder.path + "/w/old", toPath: folder.path + "/w/new")
        try FileManager.default.removeItem(atPath: folder.path + "/w/none.txt")
        let whole = try Child.run(["run", "s.yaml", "--out", "q"] + words, in: folder)
        #expect(whole.status == 0, "\(whole.text)")
        #expect(try folder.text("q/run.yaml") == pins)
        #expect(try folder.data("q/results.csv") == folder.data("r/results.csv"))
        let again = try Child.run(["run", "r/run.yaml", "--out", "p"] + words, in: folder)
        #expect(again.status == 3 && again.errors.contains("w/log.txt"), "\(again.text)")
        // A pin of what the run did not write is still looked at.
        try folder.write("go", "on")
        let changed = try Child.run(["run", "--resume", "r"] + words, in: folder)
        #expect(changed.status == 3 && changed.errors.contains("/go"), "\(changed.text)")
    }

    /// Where somebody else changes a file between two readings, the run has no one input.
    @Test func aFileThatChangesBetweenTwoReadingsEndsTheRun() throws {
        let folder = try Scratch()
        try folder.write("t.txt", "one")
        try folder.write(
            "s.lua",
            """
            return { run = function(run)
              io.open("t.txt"):close()
              print "read"
              while not io.open("go") do end
              print(pcall(io.open, "t.txt"))
              io.open("t.txt")
            end }
            """)
        let child = try Child(["run", "s.lua", "--out", "r", "--limit-seconds", "60"], in: folder)
        try #require(child.waits { child.output.contains("read") })
        try folder.write("t.txt", "three")
        try folder.write("go", "")
        let outcome = try child.wait()
        #expect(outcome.status == 3 && outcome.errors.contains("t.txt"), "\(outcome.text)")
    }

    /// Killed at any moments, also while it is resumed, a run ends with the pins, manifests and results of an unbroken one.
    @Test func killedAtAnyMomentsARunKeepsItsPins() throws {
        let folder = try Self.reads()
        let start = Date()
        let unbroken = try Child.run(["run", "reads.yaml", "--out", "whole", "--quiet"], in: folder)
        let seconds = Date().timeIntervalSince(start)
        #expect(unbroken.status == 0, "\(unbroken.text)")
        let pins = try folder.text("whole/run.yaml")
        for name in ["in.safetensors", "real/annotations.csv", "synthetic/:"] {
            #expect(pins.contains(name), "\(name)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/whole/manifests").count == 3)
        var random = SeededGenerator()
        var kills = 0
        while kills < 8 {
            // Without what it kept between runs each part takes as long as the first time.
            try? FileManager.default.removeItem(atPath: folder.path + "/cache")
            let words = folder.has("run") ? ["run", "--resume", "run"] : ["run", "reads.yaml", "--out", "run"]
            let child = try Child(words, in: folder)
            usleep(.random(in: 1000...UInt32(max(0.05, seconds) * 6e5), using: &random))
            child.signal(SIGKILL)
            guard try child.wait().status == 128 + SIGKILL else { break }
            kills += 1
        }
        let last = try Child.run(
            folder.has("run") ? ["run", "--resume", "run"] : ["run", "reads.yaml", "--out", "run"], in: folder)
        #expect(last.status == 0, "\(last.text)")
        try expectSame(folder, "run", as: "whole")
        // And once more where everything is done.
        #expect(try Child.run(["run", "--resume", "run"], in: folder).status == 0)
        try expectSame(folder, "run", as: "whole")
        #expect(try Child.run(["diff", "run", "whole"], in: folder).output == "no difference\n")
    }

    /// After an edit of the library a pinned run gave another number and status 0.
    @Test func anotherLuaLibraryIsRefused() throws {
        let folder = try Scratch()
        try FileManager.default.createDirectory(atPath: folder.path + "/lib", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: Places.package + "/lua/chexgen", toPath: folder.path + "/lib/chexgen")
        try folder.write("lib/chexgen/number.lua", "return 1")
        try folder.write(
            "e.lua", "return { run = function(run) run:record { n = require 'chexgen.number' } end }")
        func run(_ words: String...) throws -> Child.Outcome {
            try Child.run(["run", "--quiet"] + words, in: folder, shell: "CHEXGEN_LUA=lib exec \"$@\"")
        }
        #expect(try run("e.lua", "--out", "a").status == 0)
        #expect(try run("a/run.yaml", "--out", "b").status == 0)
        #expect(try Child.run(["diff", "a", "b"], in: folder).output == "no difference\n")
        #expect(try folder.data("a/results.csv") == folder.data("b/results.csv"))
        try folder.write("lib/chexgen/number.lua", "return 2")
        for words in [["a/run.yaml", "--out", "c"], ["--resume", "a"]] {
            let refused = try Child.run(["run"] + words, in: folder, shell: "CHEXGEN_LUA=lib exec \"$@\"")
            #expect(refused.status == 3, "\(refused.text)")
            for text in ["chexgen/number.lua", "--allow-changed-program"] {
                #expect(refused.errors.contains(text), "\(refused.text)")
            }
        }
        #expect(!folder.has("c"))
        #expect(try run("a/run.yaml", "--out", "c", "--allow-changed-program").status == 0)
        #expect(try folder.text("c/results.csv") == "n\n2\n")
        let difference = try Child.run(["diff", "a", "c"], in: folder)
        #expect(difference.output.contains("program library: chexgen/number.lua is"), "\(difference.output)")
        // A library elsewhere is the same one.
        try FileManager.default.copyItem(atPath: folder.path + "/lib", toPath: folder.path + "/other")
        let moved = try Child.run(
            ["run", "c/run.yaml", "--out", "d", "--quiet"], in: folder, shell: "CHEXGEN_LUA=other exec \"$@\"")
        #expect(moved.status == 0, "\(moved.text)")
    }

    /// A module of the library that is edited while a run goes on is not the one that the run is pinned to.
    @Test func theLibraryMayNotChangeWhileARunGoesOn() throws {
        let folder = try Scratch()
        try folder.write("lib/chexgen/number.lua", "return 1")
        try folder.write(
            "e.lua",
            """
            return { run = function(run)
              local f = assert(io.open("lib/chexgen/number.lua", "w")) f:write "return 2" f:close()
              run:record { n = require "chexgen.number" }
            end }
            """)
        let outcome = try Child.run(
            ["run", "e.lua", "--out", "a", "--allow-write", "lib/chexgen"], in: folder,
            shell: "CHEXGEN_LUA=lib exec \"$@\"")
        #expect(outcome.status == 3 && outcome.errors.contains("chexgen/number.lua"), "\(outcome.text)")
    }

    /// Modules are part of the experiment wherever they lie: beside the script, or beside the library's folder `chexgen`.
    @Test func modulesArePinnedWhereverTheyLie() throws {
        let folder = try Scratch()
        try folder.write("lib/chexgen/number.lua", "return 1")
        try folder.write("lib/mine.lua", "return 2")
        try folder.write("home/late.lua", "return 3")
        try folder.write(
            "home/e.lua",
            "local mine = require 'mine'\n"
                + "return { run = function(run) run:record { n = mine + require 'late' + require 'chexgen.number' } end }"
        )
        func run(_ words: String...) throws -> Child.Outcome {
            try Child.run(["run", "--quiet"] + words, in: folder, shell: "CHEXGEN_LUA=lib exec \"$@\"")
        }
        #expect(try run("home/e.lua", "--out", "a").status == 0)
        let pins = try folder.text("a/run.yaml")
        #expect(pins.contains("lib/mine.lua:") && pins.contains("home/late.lua:") && !pins.contains("number.lua"))
        for name in ["lib/mine.lua", "home/late.lua"] {
            let text = try folder.text(name)
            try folder.write(name, text + " + 1")
            let refused = try run("a/run.yaml", "--out", "b")
            #expect(refused.status == 3 && refused.errors.contains(name), "\(refused.text)")
            try folder.write(name, text)
        }
        #expect(try run("a/run.yaml", "--out", "b").status == 0)
    }

    @Test func aFolderThatIsRemovedWhileTheRunGoesOnIsAnError() throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua",
            """
            local chexgen = require "chexgen"
            return { run = function(run)
              run:record { n = 1 }
              print "ready"
              local ends = chexgen.time() + 20
              while not io.open "go" and chexgen.time() < ends do end
              run:log "goes on"
            end }
            """)
        let child = try Child(["run", "e.lua", "--out", "r"], in: folder)
        try #require(child.waits { child.output.contains("ready") })
        try FileManager.default.removeItem(atPath: folder.path + "/r")
        try folder.write("go", "")
        let outcome = try child.wait()
        #expect(outcome.status == 1 && outcome.errors.contains("removed or moved"), "\(outcome.text)")
        #expect(!folder.has("r") && !outcome.output.contains("results:"), "\(outcome.text)")
    }

    @Test func aRunThatFailsBeforeItComputesLeavesNothing() throws {
        let folder = try Scratch()
        try folder.write("e.lua", "return { params = { n = 1 }, run = function(run) error 'on purpose' end }")
        let single = try Child.run(["run", "e.lua"], in: folder)
        #expect(single.status == 1 && single.errors.contains("on purpose"), "\(single.text)")
        try folder.write("s.yaml", "experiment: e.lua\nsweep: { n: [1, 2] }\n")
        let sweep = try Child.run(["run", "s.yaml"], in: folder)
        #expect(sweep.status == 1 && !sweep.output.contains("results:"), "\(sweep.text)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/runs") == [])
    }
}

import Foundation
import TestSupport
import Testing

/// The commands and their options, one by one.
@Suite struct CommandTests {
    private func run(_ arguments: String...) throws -> Child.Outcome { try Child.run(arguments, in: Scratch()) }

    @Test func helpAndVersion() throws {
        for word in ["help", "--help", "-h"] {
            let help = try run(word)
            #expect(help.status == 0 && help.errors.isEmpty)
            for name in ["run", "repl", "diff", "doctor", "stubs", "help COMMAND", "exit status"] {
                #expect(help.output.contains(name), "\(name)")
            }
        }
        let version = try run("--version")
        #expect(version.status == 0 && version.output.contains(#/^chexgen \d+\.\d+/#))
        #expect(try run().status == 2)
    }

    /// Every command of the overview tells its own help, by both ways to ask, in lines that a terminal has room for.
    @Test func everyCommandHasHelp() throws {
        let overview = try run("help").output
        let names = overview.matches(of: #/\n  ([a-z]+) /#).map { String($0.output.1) }
        #expect(names.count >= 7 && names.contains("run") && names.contains("version"), "\(overview)")
        for name in names {
            let help = try run("help", name)
            #expect(help.status == 0 && help.errors.isEmpty, "\(help.text)")
            #expect(help.output.hasPrefix("chexgen \(name): "), "\(help.output)")
            for words in ["usage: chexgen \(name)", "exit status:\n  0 "] {
                #expect(help.output.contains(words), "\(name): \(help.output)")
            }
            #expect(try run(name, "--help").output == help.output)
            for line in help.output.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
        }
        let run = try run("run", "file.yaml", "--help").output
        for words in ["--set path.to.key=value", "--resume DIR", "examples:", "  3  ", "130"] {
            #expect(run.contains(words), "\(run)")
        }
        let unknown = try self.run("help", "diif")
        #expect(unknown.status == 2 && unknown.errors.contains("did you mean diff?"), "\(unknown.text)")
    }

    @Test(arguments: [
        (["rnu"], "rnu"), (["run"], "wants"), (["run", "--resmue", "x"], "--resume"),
        (["run", "a.lua", "--set"], "--set"),
        (["run", "--quiet=yes", "a.lua"], "takes no value"), (["run", "--threads", "none", "a.lua"], "--threads"),
        (["run", "--threads", "1", "--threads", "2", "a.lua"], "2 times"), (["run", "nothing.yaml"], "nothing.yaml"),
        (["run", "--limit-memory", "-5", "a.lua"], "--limit-memory"),
        (["run", "--limit-seconds", "inf", "a.lua"], "--limit"),
        (["run", "--limit-seconds", "1e300", "a.lua"], "--limit-seconds: 1e+300 s is too much"),
        (["run", "a.lua", "--set", "x"], "path.to.key=value"), (["diff", "a"], "wants RUN_A RUN_B"),
        (["diff", "a", "b", "c"], "\"c\" is too much"), (["doctor", "x"], "doctor takes no file"),
        (["stubs", "--uot", "x"], "--out"), (["repl", "x"], "repl"),
    ])
    func aWrongCommandLineIsStatus2(words: [String], says: String) throws {
        let folder = try Scratch()
        try folder.write("a.lua", "print 'ran'")
        let outcome = try Child.run(words, in: folder)
        #expect(outcome.status == 2, "\(outcome.text)")
        #expect(outcome.errors.hasPrefix("chexgen: ") && outcome.errors.contains(says), "\(outcome.text)")
        #expect(!outcome.output.contains("ran"))
    }

    /// A limit that is misspelt must not be none.
    @Test(arguments: ["abc", "0", "-5", "1.5", "9223372036854775807"])
    func aLimitOfTheEnvironmentIsRead(limit: String) throws {
        let folder = try Scratch()
        try folder.write("a.lua", "print 'ran'")
        func run(_ limit: String) throws -> Child.Outcome {
            try Child.run(
                ["run", "a.lua"], in: folder, shell: "export CHEXGEN_MEMORY_LIMIT='\(limit)'; exec \"$@\"")
        }
        let outcome = try run(limit)
        #expect(outcome.status == 2 && !outcome.output.contains("ran"), "\(outcome.text)")
        #expect(outcome.errors.hasPrefix("chexgen: CHEXGEN_MEMORY_LIMIT: wanted megabytes"), "\(outcome.text)")
        #expect(outcome.errors.contains("\"\(limit)\""), "\(outcome.text)")
        for right in ["500", ""] {
            let outcome = try run(right)
            #expect(outcome.status == 0 && outcome.output.contains("ran"), "\(outcome.text)")
        }
    }

    /// Words behind the file of an experiment are slips of people who know other programs; nothing runs.
    @Test(arguments: [
        (["e.yaml", "params.n=1"], "--set params.n=1"), (["params.n=1", "e.yaml"], "--set params.n=1"),
        (["e.yaml", "other.yaml"], "one file"), (["e.lua", "n=1"], "--set n=1"), (["e.lua", "other.lua"], "one file"),
        (["e.yaml", "--", "--set", "n=1"], "before `--`"),
        (["e.yaml", "--out", "b", "--resume", "c"], "--out or --resume"),
        (["--resume", "a", "e.yaml", "other.yaml"], "one file"), (["--resume", "a", "n=1"], "--set n=1"),
    ])
    func wordsBehindAnExperimentAreRefused(words: [String], says: String) throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua", "return { params = { n = 4 }, run = function(run) run:record { n = run.params.n } end }")
        try folder.write("e.yaml", "experiment: e.lua\n")
        #expect(try Child.run(["run", "e.yaml", "--out", "a", "--quiet"], in: folder).status == 0)
        let journal = try folder.data("a/journal")
        let outcome = try Child.run(["run"] + words, in: folder)
        #expect(outcome.status == 2 && outcome.errors.contains(says), "\(outcome.text)")
        #expect(try !folder.has("runs") && !folder.has("b") && folder.data("a/journal") == journal)
    }

    /// Options that mean nothing to a plain script are named, as it has run by the time that is known.
    @Test func optionsOfExperimentsAreOfNoUseToAPlainScript() throws {
        let folder = try Scratch()
        try folder.write("plain.lua", "print(arg[1])")
        let outcome = try Child.run(["run", "plain.lua", "word", "--set", "n=1", "--out", "r"], in: folder)
        #expect(outcome.status == 0 && outcome.output == "word\n" && !folder.has("r"), "\(outcome.text)")
        for name in ["--set", "--out"] { #expect(outcome.errors.contains("\(name) did nothing"), "\(outcome.text)") }
    }

    /// A program that was copied away from its library says how it finds it again.
    @Test func aCopiedProgramAsksForItsLibrary() throws {
        let folder = try Scratch()
        try folder.write("t.lua", "print(require 'chexgen.choices'.open_table ~= nil, pcall(require, 'chexgen.none'))")
        let lost = try Child.run(["run", "t.lua"], in: folder, shell: "cp \"$1\" copy && shift && exec ./copy \"$@\"")
        #expect(lost.status == 1 && lost.errors.contains("set CHEXGEN_LUA to it"), "\(lost.text)")
        let wrong = try Child.run(["run", "t.lua"], in: folder, shell: "CHEXGEN_LUA=. exec \"$@\"")
        #expect(wrong.status == 1 && wrong.errors.contains("holds no folder chexgen"), "\(wrong.text)")
        let shell = "CHEXGEN_LUA='\(Places.package)/lua' && export CHEXGEN_LUA && shift && exec ./copy \"$@\""
        let found = try Child.run(["run", "t.lua"], in: folder, shell: shell)
        #expect(found.status == 0 && found.output.hasPrefix("true\tfalse"), "\(found.text)")
        #expect(!found.text.contains("CHEXGEN_LUA"), "\(found.text)")
    }

    @Test func missingFilesAreNamed() throws {
        let script = try run("run", "nothing.lua")
        #expect(script.status == 2 && script.errors.contains("nothing.lua"), "\(script.text)")
        let folders = try run("diff", "one", "other")
        #expect(folders.status == 1 && folders.errors.contains("one"))
        let resumed = try run("run", "--resume", "nothing")
        #expect(resumed.status != 0 && resumed.errors.contains("nothing"), "\(resumed.text)")
    }

    @Test func doctorSaysWhatIsThereAndWhatIsNot() throws {
        let doctor = try run("doctor")
        #expect(doctor.status == 0 && doctor.errors.isEmpty)
        for words in [
            "oneDNN", "OpenBLAS", "features", "avx2", "inception-v3", "was not found", "huggingface-cli download",
            "chexbert", "llava-rad", "microsoft/llava-rad",
            "curl -LO",
            Places.package + "/lua",
        ] { #expect(doctor.output.contains(words), "\(words)") }
        // With the weights where the Hub's client puts them, it names their folder.
        let folder = try Scratch()
        let model = ".cache/huggingface/hub/models--microsoft--rad-dino"
        for place in ["/refs", "/snapshots/abc"] {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/\(model)\(place)", withIntermediateDirectories: true)
        }
        try folder.write(model + "/refs/main", "abc")
        try folder.write(model + "/snapshots/abc/model.safetensors", "x")
        let found = try Child.run(["doctor"], in: folder)
        #expect(found.output.contains("\(model)/snapshots/abc"), "\(found.output)")
    }

    @Test func stubsAreThoseOfTheRepository() throws {
        let folder = try Scratch()
        let outcome = try Child.run(["stubs", "--out", "meta", "--manual", "lua.md"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/meta").sorted()
        #expect(names == (try FileManager.default.contentsOfDirectory(atPath: Places.package + "/lua/meta").sorted()))
        for name in names {
            let kept = try String(contentsOfFile: "\(Places.package)/lua/meta/\(name)", encoding: .utf8)
            #expect(try folder.text("meta/\(name)") == kept, "\(name) is stale: run make docs")
        }
        let manual = try String(contentsOfFile: Places.package + "/docs/lua.md", encoding: .utf8)
        #expect(try folder.text("lua.md") == manual, "docs/lua.md is stale: run make docs")
    }

    @Test func aPlainScriptFindsItsArguments() throws {
        let folder = try Scratch()
        try folder.write("arg.lua", "print(arg[0], arg[1], arg[2], #arg)")
        let outcome = try Child.run(["run", "arg.lua", "one", "--quiet", "--", "--two"], in: folder)
        #expect(outcome.status == 0 && outcome.output == "arg.lua\tone\t--two\t2\n", "\(outcome.text)")
        #expect(!folder.has("runs"))
        try folder.write("fails.lua", "\nerror 'on purpose'")
        let failed = try Child.run(["run", "fails.lua"], in: folder)
        #expect(failed.status == 1 && failed.errors.contains("fails.lua:2: on purpose"), "\(failed.text)")
        try folder.write("syntax.lua", "x = = 1")
        let syntax = try Child.run(["run", "syntax.lua"], in: folder)
        #expect(syntax.status == 1 && syntax.errors.contains("syntax.lua:1:"), "\(syntax.text)")
    }

    @Test func thePrompt() throws {
        let typed = "1 + 1\n= 2 ^ 10\nfor i = 1, 2 do\nprint(i) end\nerror 'x'\nx = 3\nx\n"
        let outcome = try Child.run(["repl"], in: Scratch(), input: typed)
        #expect(outcome.status == 0 && outcome.output == "2\n1024.0\n1\n2\n3\n", "\(outcome.text)")
        #expect(outcome.errors.contains("stdin:1: x"))
    }

    @Test func scriptsWriteOnlyWhereTheyMay() throws {
        let folder = try Scratch()
        try folder.write("write.lua", "local f = assert(io.open(arg[1], 'w')) f:write 'x' f:close()")
        mkdir(folder.path + "/open", 0o755)
        let refused = try Child.run(["run", "write.lua", "open/file"], in: folder)
        #expect(refused.status == 1 && refused.errors.contains("open/file"), "\(refused.text)")
        #expect(!folder.has("open/file"))
        let allowed = try Child.run(["run", "write.lua", "open/file", "--allow-write", "open"], in: folder)
        #expect(allowed.status == 0 && folder.has("open/file"), "\(allowed.text)")
    }

    // MARK: Sweeps

    private static let cells = """
        return {
          params = { scale = 1.0, steps = 1, fail = "" },
          run = function(run)
            local p = run.params
            if p.fail == p.steps .. "" then error("cell " .. p.steps .. " fails") end
            run:record { product = p.scale * p.steps, cell = run.cell.steps or 0 }
          end,
        }
        """

    @Test func sweepsAreProductsOrLists() throws {
        let folder = try Scratch()
        try folder.write("cells.lua", Self.cells)
        let product = "experiment: cells.lua\nsweep: { scale: [1.0, 4.5], steps: [10, 20, 50] }\n"
        try folder.write("product.yaml", product)
        let outcome = try Child.run(["run", "product.yaml", "--out", "a"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(
            try folder.text("a/results.csv") == """
                scale,steps,cell,product
                1.0,10,10,10.0
                1.0,20,20,20.0
                1.0,50,50,50.0
                4.5,10,10,45.0
                4.5,20,20,90.0
                4.5,50,50,225.0

                """)
        try folder.write("list.yaml", "experiment: cells.lua\nsweep: [{ scale: 2.0, steps: 3 }, { steps: 7 }]\n")
        #expect(try Child.run(["run", "list.yaml", "--out", "b"], in: folder).status == 0)
        #expect(try folder.text("b/results.jsonl").split(separator: "\n").count == 2)
        try folder.write("wrong.yaml", "experiment: cells.lua\nsweep: { stepps: [1] }\n")
        let wrong = try Child.run(["run", "wrong.yaml", "--out", "c"], in: folder)
        #expect(wrong.status == 2 && wrong.errors.contains("`steps`"), "\(wrong.text)")
    }

    @Test func aCellThatFailsDoesNotStopTheOthers() throws {
        let folder = try Scratch()
        try folder.write("cells.lua", Self.cells)
        try folder.write("sweep.yaml", "experiment: cells.lua\nsweep: { steps: [1, 2, 3] }\nparams: { fail: \"2\" }\n")
        let outcome = try Child.run(["run", "sweep.yaml", "--out", "a"], in: folder)
        #expect(outcome.status == 1, "\(outcome.text)")
        #expect(
            outcome.text.contains("cell 2 fails") && outcome.errors.contains("1 of 3 cells failed"), "\(outcome.text)")
        #expect(try folder.text("a/results.csv") == "steps,cell,product\n1,1,1.0\n3,3,3.0\n")
    }

    @Test func diffNamesWhatDiffers() throws {
        let folder = try Scratch()
        try folder.write("cells.lua", Self.cells)
        for (name, steps) in [("a", "2"), ("b", "3")] {
            let words = ["run", "cells.lua", "--out", name, "--set", "steps=\(steps)", "--set", "seed=\(steps)"]
            #expect(try Child.run(words, in: folder).status == 0)
        }
        let outcome = try Child.run(["diff", "a", "b"], in: folder)
        #expect(outcome.status == 0)
        for words in ["params.steps: 2 in a, 3 in b", "seed", "product: 2.0 in a, 3.0 in b"] {
            #expect(outcome.output.contains(words), "\(outcome.output)")
        }
    }

    /// Slips of the command line are told with what was meant.
    @Test(arguments: [
        (["-q"], "-q: unknown option; did you mean --quiet?"), (["-x"], "-x: unknown option; chexgen help"),
        (["--zzzz"], "unknown option --zzzz; chexgen help run lists the options"),
        (["--", "--quiet"], "--quiet: options stand before `--`"), (["--", "--quite"], "did you mean --quiet?"),
        (["--allow-write", "nowhere"], "--allow-write: there is no folder nowhere"),
        (["--allow-read", "nowhere"], "--allow-read: there is no folder nowhere"),
    ])
    func slipsOfTheCommandLine(words: [String], says: String) throws {
        let folder = try Scratch()
        try folder.write("e.lua", "return { run = function(run) run:record { n = 1 } end }")
        try folder.write("e.yaml", "experiment: e.lua\n")
        let outcome = try Child.run(["run", "e.yaml"] + words, in: folder)
        #expect(outcome.status == 2 && outcome.errors.contains(says), "\(outcome.text)")
        #expect(!folder.has("runs"))
    }

    @Test func aRunThatWasStartedDifferently() throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua", "return { params = { n = 1 }, run = function(run) run:record { n = run.params.n } end }")
        #expect(try Child.run(["run", "e.lua", "--out", "r", "--quiet"], in: folder).status == 0)
        let outcome = try Child.run(["run", "--resume", "r", "--set", "n=2"], in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("params.n: 1 in the run, 2 now"), "\(outcome.text)")
        #expect(outcome.errors.contains("leave --resume out"), "\(outcome.text)")
    }

    @Test func doctorLooksForGeneratorsAndGnuplot() throws {
        let outcome = try Child.run(["doctor"], in: Scratch())
        for part in ["SD-V1-5 ", "radedit ", "huggingface-cli download microsoft/radedit", "gnuplot "] {
            #expect(outcome.output.contains(part), "\(part): \(outcome.text)")
        }
    }
}

import Foundation
import TestSupport
import Testing

/// The commands that look at runs and experiments and compute nothing.
@Suite struct RunsCommandTests {
    private static let script = """
        return {
          about = "Counts.",
          params = { n = 2, fail = 0, group = { name = "x", list = {} } },
          untyped = { "free" },
          help = { n = "how far", ["group.name"] = "who" },
          run = function(run)
            local p = run.params
            if p.fail == p.n then error "on purpose" end
            for i = 1, p.n do run:record { i = i, square = i * i, who = p.group.name } end
            local f <close> = assert(io.open(run:artifact "notes/a.txt", "w"))
            f:write "x"
          end,
        }
        """

    private func folder() throws -> Scratch {
        let folder = try Scratch()
        try folder.write("count.lua", Self.script)
        return folder
    }

    private func run(_ words: String..., in folder: Scratch) throws -> Child.Outcome {
        try Child.run(words, in: folder)
    }

    /// Everything below a folder but what the tests' child prints: path, size and time of change of each file.
    private func state(_ folder: Scratch) -> [String] {
        let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return names.filter { !$0.hasPrefix("printed-") }.sorted().map { name in
            var status = stat()
            lstat("\(folder.path)/\(name)", &status)
            return "\(name) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        }
    }

    // MARK: runs

    @Test func runsAreListedTheNewestFirstWithTheirStates() throws {
        let folder = try folder()
        let none = try run("runs", in: folder)
        #expect(
            none.status == 1 && none.errors.contains("runs: ") && none.errors.contains("chexgen run"), "\(none.text)")
        #expect(try run("run", "count.lua", "--out", "runs/a", "--quiet", in: folder).status == 0)
        try folder.write("s.yaml", "experiment: count.lua\nparams: { fail: 2 }\nsweep: { n: [1, 2] }\n")
        #expect(try run("run", "s.yaml", "--out", "runs/b", "--quiet", in: folder).status == 1)
        // A name that would steer a terminal, folders that are no runs, and damaged ones.
        #expect(try run("run", "count.lua", "--out", "runs/c\u{1B}[31m", "--quiet", in: folder).status == 0)
        for name in ["other", "d", "e", "f"] { mkdir("\(folder.path)/runs/\(name)", 0o755) }
        try folder.write("runs/other/notes.txt", "x")
        try folder.write("runs/d/run.yaml", "experiment: [")
        for name in ["run.yaml", "run.json", "journal"] {
            try FileManager.default.copyItem(
                atPath: "\(folder.path)/runs/a/\(name)", toPath: "\(folder.path)/runs/e/\(name)")
        }
        try folder.write("runs/e/journal", "nothing of the kind")
        try folder.write("runs/f/run.json", "{}")
        // A process that was killed leaves a run that says that it goes on.
        let report = try folder.text("runs/a/run.json")
        mkdir("\(folder.path)/runs/g", 0o755)
        for name in ["run.yaml", "journal", "lock", "results.jsonl"] {
            try FileManager.default.copyItem(
                atPath: "\(folder.path)/runs/a/\(name)", toPath: "\(folder.path)/runs/g/\(name)")
        }
        try folder.write("runs/g/run.json", report.replacingOccurrences(of: "\"exit\": 0", with: "\"exit\": null"))
        let before = state(folder)
        let list = try run("runs", in: folder)
        #expect(list.status == 0 && list.errors.isEmpty, "\(list.text)")
        #expect(!list.output.contains("\u{1B}") && !list.output.contains("other"), "\(list.output)")
        let csv = try run("runs", "--format", "csv", in: folder).output
        let lines = csv.split(separator: "\n").map {
            $0.split(separator: ",", maxSplits: 5, omittingEmptySubsequences: false)
        }
        #expect(lines.first == ["name", "experiment", "state", "rows", "when", "note"], "\(csv)")
        let states = Dictionary(uniqueKeysWithValues: lines.dropFirst().map { (String($0[0]), $0) })
        #expect(states["a"]?[1] == "count" && states["a"]?[2] == "done" && states["a"]?[3] == "2", "\(csv)")
        #expect(states["b"]?[2] == "failed" && states["b"]?[3] == "1", "\(csv)")
        #expect(states["b"]?[5].contains("on purpose") == true, "\(csv)")
        #expect(states["g"]?[2] == "interrupted", "\(csv)")
        for name in ["d", "e", "f"] {
            #expect(states[name]?[2] == "broken" && states[name]?[3].isEmpty == true, "\(name): \(csv)")
            #expect(states[name]?[5].isEmpty == false, "\(name): \(csv)")
        }
        let json = try run("runs", "runs", "--format", "json", in: folder)
        let all = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]]
        #expect(all?.count == states.count)
        let times = all?.compactMap { $0["when"] as? String } ?? []
        #expect(times == times.sorted(by: >) && times.count == states.count, "\(times)")
        #expect(state(folder) == before)
        let wrong = try run("runs", "--format", "cvs", in: folder)
        #expect(wrong.status == 2 && wrong.errors.contains("did you mean csv?"), "\(wrong.text)")
        #expect(try run("runs", "runs/a", in: folder).output.contains("done"))
        mkdir(folder.path + "/empty", 0o755)
        #expect(try run("runs", "empty", in: folder).output.contains("no runs"))
    }

    /// A run that is going on is said to be, and goes on.
    @Test func aRunThatIsGoingOn() throws {
        let folder = try Scratch()
        try folder.write(
            "slow.lua",
            """
            return { run = function(run)
              run:record { n = 1 }
              print "recorded"
              repeat local f = io.open "go" until f
            end }
            """)
        let child = try Child(["run", "slow.lua", "--out", "runs/r"], in: folder)
        #expect(child.waits { child.output.contains("recorded") })
        #expect(try run("runs", "--format", "csv", in: folder).output.contains("r,slow,running,1,"))
        let shown = try run("show", "runs/r", in: folder)
        #expect(shown.status == 0 && shown.output.contains("it is running"), "\(shown.text)")
        try folder.write("go", "")
        #expect(try child.wait().status == 0)
        #expect(try run("runs", "--format", "csv", in: folder).output.contains("r,slow,done,1,"))
    }

    // MARK: show

    @Test func showTellsOneRun() throws {
        let folder = try folder()
        #expect(
            try run("run", "count.lua", "--out", "runs/a", "--set", "group.name=me", "--quiet", in: folder).status == 0)
        let before = state(folder)
        let shown = try run("show", "runs/a", in: folder)
        #expect(shown.status == 0 && shown.errors.isEmpty, "\(shown.text)")
        for words in [
            "state       done", "count.lua", "this one", "1 file, pinned", "params.group.name  me", "results: 2 rows",
            "square",
            "artifacts/notes/a.txt, 1 bytes", "chexgen run runs/a/run.yaml",
        ] { #expect(shown.output.contains(words), "\(words): \(shown.output)") }
        #expect(!shown.output.contains("params.n "), "\(shown.output)")
        #expect(state(folder) == before)
        #expect(try run("show", "runs/a/run.yaml", in: folder).output == shown.output)
        // The line that it prints repeats the run.
        let again = try run("run", "runs/a/run.yaml", "--out", "runs/b", "--quiet", in: folder)
        #expect(try again.status == 0 && folder.data("runs/b/results.csv") == folder.data("runs/a/results.csv"))
        // Without the experiment all parameters are told.
        try FileManager.default.removeItem(atPath: folder.path + "/count.lua")
        let bare = try run("show", "runs/a", in: folder)
        #expect(bare.status == 0 && bare.output.contains("params.n "), "\(bare.text)")
        #expect(bare.output.contains("defaults are not at hand"), "\(bare.text)")
    }

    @Test func showOfAFailedSweepAndOfManyRowsAndOfNoRun() throws {
        let folder = try folder()
        try folder.write("s.yaml", "experiment: count.lua\nparams: { fail: 2 }\nsweep: { n: [1, 2, 30] }\n")
        #expect(try run("run", "s.yaml", "--out", "runs/b", "--quiet", in: folder).status == 1)
        let shown = try run("show", "runs/b", in: folder)
        for words in [
            "3: 2 done, 1 failed", "on purpose", "sweep.n", "results: 31 rows", "and 11 rows more",
            "chexgen run --resume runs/b",
        ] { #expect(shown.output.contains(words), "\(words): \(shown.text)") }
        for line in shown.output.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
        mkdir(folder.path + "/empty", 0o755)
        for (name, words) in [("none", "chexgen runs lists"), ("empty", "not the folder of a run")] {
            let wrong = try run("show", name, in: folder)
            #expect(wrong.status == 1 && wrong.errors.contains(words), "\(wrong.text)")
        }
        try folder.write("runs/b/journal", "x")
        let broken = try run("show", "runs/b", in: folder)
        #expect(broken.status == 1 && broken.errors.contains("broken"), "\(broken.text)")
    }

    // MARK: params

    @Test func paramsOfAnExperiment() throws {
        let folder = try folder()
        let csv = try run("params", "count.lua", "--format", "csv", in: folder)
        #expect(
            csv.output == """
                name,type,default,text
                fail,integer,0,
                free,any,,
                group.list,table,{},
                group.name,text,x,who
                n,integer,2,how far

                """, "\(csv.text)")
        try folder.write("c.yaml", "experiment: count.lua\nparams: { n: 7 }\n")
        let text = try run("params", "c.yaml", in: folder)
        #expect(text.status == 0 && text.output.contains(#/n +integer +2 +7 +how far/#), "\(text.text)")
        #expect(text.output.contains("Counts."), "\(text.text)")
        try folder.write("plain.lua", "x = 1")
        let plain = try run("params", "plain.lua", in: folder)
        #expect(plain.status == 1 && plain.errors.contains("function 'run'"), "\(plain.text)")
        try folder.write("wrong.lua", "return { help = { n = 1 }, run = function() end }")
        let wrong = try run("params", "wrong.lua", in: folder)
        #expect(wrong.status == 1 && wrong.errors.contains("help.n: wanted a text"), "\(wrong.text)")
        #expect(!folder.has("runs"))
    }

    /// Every experiment that comes with the program says what each of its parameters means.
    @Test func everyShippedParameterHasItsText() throws {
        let folder = try Scratch()
        let listed = try run("params", "--format", "csv", in: folder)
        let names = listed.output.split(separator: "\n").dropFirst().map { String($0.prefix { $0 != "," }) }
        #expect(names.count >= 10 && names.contains("quickstart") && names.contains("fidelity"), "\(listed.text)")
        for name in names {
            let json = try run("params", name, "--format", "json", in: folder)
            let all = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]] ?? []
            #expect(all.count > 3, "\(name): \(json.text)")
            for parameter in all {
                let text = parameter["text"] as? String ?? ""
                #expect(!text.isEmpty, "\(name): \(parameter["name"] ?? "") has no text; see lua/chexgen/help.lua")
            }
        }
    }

    // MARK: run --check

    @Test func aCheckReadsEverythingAndLeavesNothing() throws {
        let folder = try Study.folder()
        let before = state(folder)
        let right = try run("run", "study.yaml", "--check", in: folder)
        #expect(right.status == 0 && right.errors.isEmpty, "\(right.text)")
        for words in [
            "nothing is wrong", "How close synthetic", "cells: 1", "params.real.csv: real/annotations.csv",
            "params.encoders.rad-dino.weights: weights",
        ] { #expect(right.output.contains(words), "\(words): \(right.output)") }
        #expect(state(folder) == before)
        let wrong = try run(
            "run", "study.yaml", "--check", "--set", "real.image=none", "--set", "real.csv=x.csv", in: folder)
        #expect(wrong.status == 2 && wrong.errors.contains("params.real.csv"), "\(wrong.text)")
        #expect(state(folder) == before)
    }

    @Test func aCheckOfSweepsFoldersAndPlainScripts() throws {
        let folder = try folder()
        try folder.write("s.yaml", "experiment: count.lua\nsweep: { n: [1, 2, 3] }\n")
        let sweep = try run("run", "s.yaml", "--check", in: folder)
        #expect(sweep.status == 0 && sweep.output.contains("cells: 3, from n=1 to n=3"), "\(sweep.text)")
        #expect(try run("run", "s.yaml", "--out", "r", "--quiet", in: folder).status == 0)
        let taken = try run("run", "s.yaml", "--check", "--out", "r", in: folder)
        #expect(taken.status == 2 && taken.errors.contains("--resume"), "\(taken.text)")
        // The repetition of a run is checked with its pins.
        #expect(try run("run", "r/run.yaml", "--check", in: folder).status == 0)
        try folder.write("count.lua", Self.script + "\n")
        #expect(try run("run", "r/run.yaml", "--check", in: folder).status == 3)
        // A plain script is refused before it has done anything.
        try folder.write("plain.lua", "io.write('it ran')\nlocal t = { 'return' }\n-- return")
        let plain = try run("run", "plain.lua", "--check", in: folder)
        #expect(plain.status == 2 && plain.errors.contains("plain script") && !plain.text.contains("it ran"))
        try folder.write("wrong.lua", "return {")
        #expect(try run("run", "wrong.lua", "--check", in: folder).errors.contains("wrong.lua:1"))
        let resumed = try run("run", "--resume", "r", "--check", in: folder)
        #expect(resumed.status == 2 && resumed.errors.contains("--check"), "\(resumed.text)")
        #expect(!folder.has("runs"))
    }

    // MARK: Experiments by name

    @Test func shippedExperimentsAreFoundByName() throws {
        let folder = try Scratch()
        for word in ["quickstart", "quickstart.yaml", "quickstart.lua"] {
            let found = try run("run", word, "--check", in: folder)
            #expect(found.status == 0 && found.output.contains("nothing is wrong"), "\(found.text)")
        }
        // A file or a folder of one's own comes first, or does not hide it.
        mkdir(folder.path + "/quickstart", 0o755)
        #expect(try run("run", "quickstart", "--check", in: folder).status == 0)
        try folder.write("frd.yaml", "experiment: none.lua\n")
        let own = try run("run", "frd.yaml", "--check", in: folder)
        #expect(own.status == 2 && own.errors.contains("none.lua"), "\(own.text)")
        let near = try run("run", "experiments/quikstart.yaml", in: folder)
        #expect(near.status == 2 && near.errors.contains("did you mean chexgen run quickstart"), "\(near.text)")
        let far = try run("run", "mine.yaml", in: folder)
        #expect(far.status == 2 && far.errors.contains(Places.package + "/experiments"), "\(far.text)")
        // A copy of a YAML file is enough, and modules lie beside it.
        try FileManager.default.copyItem(
            atPath: Places.package + "/experiments/quickstart.yaml", toPath: folder.path + "/mine.yaml")
        let copy = try run("run", "mine.yaml", "--check", "--set", "images=8", in: folder)
        #expect(copy.status == 0, "\(copy.text)")
        try folder.write("my_module.lua", "error 'it was found'")
        try folder.write("f.yaml", "experiment: fidelity.lua\nparams: { modules: [my_module] }\n")
        let module = try run("run", "f.yaml", "--check", in: folder)
        #expect(module.status == 2 && module.errors.contains("it was found"), "\(module.text)")
    }
}

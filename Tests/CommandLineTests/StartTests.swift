import Foundation
import TestSupport
import Testing

/// Inputs are looked at before anything begins: all that is missing is told together, each with its key, and nothing is left.
@Suite struct StartTests {
    private func occurrences(_ part: String, _ text: String) -> Int { text.components(separatedBy: part).count - 1 }

    @Test(arguments: ["fidelity", "conditional", "frd", "classification", "sweep", "generate"])
    func everyShippedExperimentNamesWhatIsMissing(name: String) throws {
        let folder = try Scratch()
        let outcome = try Child.run(["run", "\(Places.package)/experiments/\(name).yaml"], in: folder)
        #expect(outcome.status == 1, "\(outcome.text)")
        #expect(outcome.errors.contains("nothing was started"), "\(outcome.text)")
        let keys =
            switch name {
            case "classification": ["train.csv", "test.csv", "test.image_dir", "weights"]
            case "generate": ["prompts.csv"]
            case "sweep": ["prompts.csv", "real.csv", "real.image_dir"]
            case "frd": ["real.csv", "real.image_dir", "synthetic.csv", "synthetic.image_dir"]
            default:
                [
                    "real.csv", "real.image_dir", "synthetic.csv", "synthetic.image_dir",
                    "encoders.inception-v3.weights",
                    "encoders.rad-dino.weights",
                ]
            }
        for key in keys {
            // The key with the line of the YAML, once however many cells there are.
            #expect(
                occurrences("\n  params.\(key) (\(Places.package)/experiments/\(name).yaml:", outcome.errors) == 1,
                "\(key)")
        }
        for word in ["traceback", "stack", "cells done", "results:"] {
            #expect(!outcome.text.contains(word), "\(outcome.text)")
        }
        #expect(!folder.has("runs") && !folder.has("Results"))
    }

    @Test func aFaultOfSomeCellsNamesThem() throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua", "return { params = { csv = '', n = 1 }, run = function(run) run:record { n = run.params.n } end }")
        try folder.write("a.csv", "x\n1\n")
        try folder.write("s.yaml", "experiment: e.lua\nsweep: { csv: [a.csv, b.csv], n: [1, 2] }\n")
        let outcome = try Child.run(["run", "s.yaml", "--out", "r"], in: folder)
        #expect(outcome.status == 1 && !folder.has("r"), "\(outcome.text)")
        #expect(outcome.errors.contains("params.csv: b.csv: "), "\(outcome.text)")
        #expect(outcome.errors.contains("in 2 cells, the first: csv=b.csv n=1"), "\(outcome.text)")
        let set = try Child.run(["run", "e.lua", "--set", "csv=none.csv"], in: folder)
        #expect(set.status == 1 && set.errors.contains("params.csv (--set csv=none.csv"), "\(set.text)")
        // A folder is no table, and a table is no folder.
        let other = try Child.run(["run", "e.lua", "--set", "csv=."], in: folder)
        #expect(other.status == 1 && other.errors.contains("a folder, not a regular file"), "\(other.text)")
        let right = try Child.run(["run", "e.lua", "--set", "csv=a.csv", "--out", "r", "--quiet"], in: folder)
        #expect(right.status == 0, "\(right.text)")
    }

    /// An input that only the script knows ends the run without the script's calls, and leaves no folder.
    @Test func aMissingFileHasNoTraceback() throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua", "return { run = function(run) require('chexgen.dataset').csv { path = 'none.csv' } end }")
        let outcome = try Child.run(["run", "e.lua"], in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("none.csv"), "\(outcome.text)")
        #expect(!outcome.errors.contains("traceback"), "\(outcome.text)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/runs") == [])
    }

    /// What a user gave is at fault in the first three, the script in the last.
    @Test(arguments: [
        ("require('chexgen.dataset').csv { path = 'bad.csv' }", false),
        ("require('chexgen.model').load_classifier('bad.csv')", false), ("error('the table has no films', 0)", false),
        ("error('a mistake')", true),
    ])
    func tracebacksAreForMistakesOfScripts(body: String, isShown: Bool) throws {
        let folder = try Scratch()
        try folder.write("bad.csv", "a,b\n1\n\"")
        try folder.write("e.lua", "return { run = function(run) \(body) end }")
        let outcome = try Child.run(["run", "e.lua"], in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("traceback") == isShown, "\(outcome.text)")
    }
}

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
        #expect(outcome.status == 2, "\(outcome.text)")
        #expect(outcome.errors.contains("nothing was started"), "\(outcome.text)")
        let keys =
            switch name {
            case "classification": ["train.csv", "train.real_dir", "test.csv", "test.image_dir", "weights"]
            case "generate": ["prompts.csv", "model"]
            case "sweep": ["prompts.csv", "model", "real.csv", "real.image_dir"]
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
        #expect(outcome.status == 2 && !folder.has("r"), "\(outcome.text)")
        #expect(outcome.errors.contains("params.csv: b.csv: "), "\(outcome.text)")
        #expect(outcome.errors.contains("in 2 cells, the first: csv=b.csv n=1"), "\(outcome.text)")
        let set = try Child.run(["run", "e.lua", "--set", "csv=none.csv"], in: folder)
        #expect(set.status == 2 && set.errors.contains("params.csv (--set csv=none.csv"), "\(set.text)")
        // A folder is no table, and a table is no folder.
        let other = try Child.run(["run", "e.lua", "--set", "csv=."], in: folder)
        #expect(other.status == 2 && other.errors.contains("a folder, not a regular file"), "\(other.text)")
        let right = try Child.run(["run", "e.lua", "--set", "csv=a.csv", "--out", "r", "--quiet"], in: folder)
        #expect(right.status == 0, "\(right.text)")
    }

    /// What an experiment's own check finds, of several cells, is told together with what the program finds.
    @Test func anExperimentChecksItsStart() throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua",
            """
            return {
              params = { train = { csv = "", image = "path", dir = "" }, weights = "", share = 0.5, disk = 0, memory = 0 },
              check = function(start)
                local p = start.params
                if p.share > 1 then start:problem("wanted 0 to 1", "share") end
                local rows = start:table(p.train.csv, { p.train.image, "", "labels" })
                assert(rows == nil or rows == 1)
                start:folder(p.train.dir)
                start:weights(p.weights)
                start:needs(p.disk, p.memory)
              end,
              run = function(run) run:record { share = run.params.share } end,
            }

            """)
        try folder.write("a.csv", "path,labels\n1,2\n")
        try folder.write("b.csv", "file,labels\n1,2\n")
        try folder.write("w.pth", "")
        let right = [
            "--set", "train.csv=a.csv", "--set", "train.dir=.", "--set", "weights=w.pth", "--set", "disk=1000",
        ]
        let done = try Child.run(["run", "e.lua", "--out", "a", "--quiet"] + right, in: folder)
        #expect(done.status == 0, "\(done.text)")

        try folder.write(
            "s.yaml",
            """
            experiment: e.lua
            params:
              train: { csv: b.csv, dir: none }
              weights: bare
              disk: 1000000000000000000
              memory: 100000000000
            sweep: { share: [0.5, 2.0] }

            """)
        let outcome = try Child.run(["run", "s.yaml", "--out", "r", "--limit-memory", "500"], in: folder)
        #expect(outcome.status == 2 && !folder.has("r") && !folder.has("runs"), "\(outcome.text)")
        for part in [
            "params.train.image: b.csv: no column \"path\"; it has: file, labels",
            "params.train.dir (s.yaml:3:29): none: no such folder", "params.weights (s.yaml:4:12): bare",
            "params.share: wanted 0 to 1, in the cell share=2.0", "--limit-memory", "are free at",
        ] {
            #expect(occurrences(part, outcome.errors) == 1, "\(part): \(outcome.text)")
        }
        // An encoder's name is no file.
        try folder.write("w.lua", "return { params = { weights = '' }, run = function(run) run:record { n = 1 } end }")
        for (word, status) in [("rad-dino", 0), ("bare", 2)] {
            let named = try Child.run(
                ["run", "w.lua", "--out", word, "--set", "weights=\(word)", "--quiet"], in: folder)
            #expect(named.status == Int32(status), "\(named.text)")
        }
        try folder.write("wrong.lua", "return { check = 1, run = function() end }")
        let wrong = try Child.run(["run", "wrong.lua"], in: folder)
        #expect(wrong.status == 1 && wrong.errors.contains("check: wanted a function"), "\(wrong.text)")
    }

    /// A run that goes on must have room for what its cells have yet to write.
    @Test func aResumedRunNeedsRoomForTheRest() throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua",
            """
            return {
              params = { n = 1 },
              check = function(start)
                local file = io.open("needs")
                start:needs(file and tonumber(file:read("a")) or 0)
                start:needs(1)
              end,
              run = function(run)
                local file <close> = io.open(run:artifact("kept"), "w")
                file:write(("x"):rep(1000))
                run:record { n = run.params.n }
                if run.params.n == 2 and not io.open("room") then error("no more") end
              end,
            }

            """)
        try folder.write("s.yaml", "experiment: e.lua\nsweep: { n: [1, 2] }\n")
        let first = try Child.run(["run", "s.yaml", "--out", "r"], in: folder)
        #expect(first.status == 1, "\(first.text)")
        try folder.write("needs", "1000000000000000000")
        try folder.write("room", "")
        let refused = try Child.run(["run", "--resume", "r"], in: folder)
        #expect(refused.status == 2 && refused.errors.contains("has yet to write"), "\(refused.text)")
        #expect(!refused.errors.contains("--out"), "\(refused.text)")
        try folder.write("needs", "900")
        let done = try Child.run(["run", "--resume", "r"], in: folder)
        #expect(done.status == 0, "\(done.text)")
    }

    /// All that is wrong with a study is told at once, and an encoder of a module is no mistake.
    @Test func theFidelityFamilyChecksItsParameters() throws {
        let folder = try Study.folder()
        try folder.write("bad.yaml", "setting: { binWidth: [\n")
        try folder.write(
            "mine.lua",
            "require('chexgen.model').register('mine', { load = function() return {} end, outputs = { 'features' } })")
        let faults = [
            "protocol=exakt", "on_bad_image=skipp", "on_other_identity=x", "real.image=pth", "real.prompt=caption",
            "synthetic.image=pth", "synthetic.prompt=caption", "synthetic.image_dir=none", "radiomics=bad.yaml",
            "encoders.rad-dino.weights=none", "encoders.rad-dimo.weights=weights",
        ]
        for name in ["fidelity", "conditional", "frd"] {
            let outcome = try Child.run(
                ["run", "study.yaml", "--out", "r", "--set", "experiment=\(Places.package)/experiments/\(name).lua"]
                    + (faults + ["real.labels=findings"]).flatMap { ["--set", "params." + $0] }
                    + (name == "conditional" ? ["--set", "params.pathologies=[Edema, Odema]"] : []), in: folder)
            #expect(outcome.status == 2 && !folder.has("r"), "\(outcome.text)")
            for fault in faults where !fault.contains("rad-dimo") {
                let key = fault.prefix { $0 != "=" }
                #expect(occurrences("\n  params.\(key) (", outcome.errors) == 1, "\(key): \(outcome.text)")
            }
            for part in ["params.real.labels", "params.encoders.rad-dimo", "unknown encoder; known: inception-v3"] {
                #expect(outcome.errors.contains(part), "\(part): \(outcome.text)")
            }
            #expect(outcome.errors.contains("\"Odema\" is not one of") == (name == "conditional"), "\(outcome.text)")
        }
        // With a module that is not there nobody knows the encoders; with it, its own is known.
        for (module, text) in [("absent", "\"absent\" cannot be loaded"), ("mine", "params.protocol")] {
            let outcome = try Child.run(
                [
                    "run", "study.yaml", "--out", "r", "--set", "params.encoders={ mine: {} }", "--set",
                    "params.modules=[\(module)]", "--set", "params.protocol=exakt",
                ], in: folder)
            #expect(outcome.status == 2 && outcome.errors.contains(text), "\(outcome.text)")
            #expect(!outcome.errors.contains("unknown encoder"), "\(outcome.text)")
        }
        // Settings of statistics, before an image is read.
        let settings = [
            "bootstrap=-5", "floor_splits=-1", "nearest_k=9223372036854775807", "kid_subsets=0", "kid_subset_size=1",
            "inception_splits=0", "batch=0",
        ]
        let wrong = try Child.run(
            ["run", "study.yaml", "--out", "r"] + settings.flatMap { ["--set", "params." + $0] }, in: folder)
        #expect(wrong.status == 2 && !folder.has("r"), "\(wrong.text)")
        for setting in settings {
            let key = setting.prefix { $0 != "=" }
            #expect(occurrences("\n  params.\(key) (", wrong.errors) == 1, "\(key): \(wrong.text)")
        }
        let none = try Child.run(
            ["run", "study.yaml", "--out", "r", "--set", "params.encoders={}", "--set", "params.frd=false"], in: folder)
        #expect(none.status == 2 && none.errors.contains("name at least one encoder"), "\(none.text)")
    }

    /// What a sweep would find after hours of images, and a training at its end, is found at once.
    @Test func shippedExperimentsCheckTheirColumns() throws {
        let folder = try Study.generationFolder()
        let sweep = try Child.run(
            [
                "run", "sweep.yaml", "--out", "r", "--set", "real.image=pth", "--set", "subset=99", "--set",
                "protocol=exakt",
            ],
            in: folder)
        #expect(sweep.status == 2 && !folder.has("r"), "\(sweep.text)")
        for part in ["real.image", "no column \"pth\"", "params.subset", "0 (all) to", "exakt"] {
            #expect(sweep.errors.contains(part), "\(part): \(sweep.text)")
        }
        let classification = try Child.run(
            [
                "run", "\(Places.package)/experiments/classification.lua", "--out", "r", "--set",
                "train.csv=real/annotations.csv", "--set", "test.csv=real/annotations.csv", "--set",
                "train.real_dir=none",
                "--set", "setting=all", "--set", "train.real=x",
            ], in: folder)
        #expect(classification.status == 2 && !folder.has("r"), "\(classification.text)")
        for part in ["params.setting", "params.train.real_dir", "params.train.real", "synthetic_filename"] {
            #expect(classification.errors.contains(part), "\(part): \(classification.text)")
        }
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

    /// A folder for tables that runs share is there after a run that published one.
    @Test func aFolderOfResultsWithoutOneDoesNotStay() throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua",
            """
            return { params = { results = "R", way = "none" }, run = function(run)
              run:record { n = 1 }
              if run.params.way == "fail" then error("no more", 0) end
              if run.params.way == "publish" then run:publish(run.params.results .. "/a.csv", { { "n", 1 } }) end
            end }

            """)
        for (way, status) in [("none", 0), ("fail", 1), ("publish", 0), ("fail", 1)] {
            let before = folder.has("R")
            let outcome = try Child.run(["run", "e.lua", "--set", "results=R", "--set", "way=\(way)"], in: folder)
            #expect(outcome.status == Int32(status), "\(outcome.text)")
            #expect(folder.has("R") == (before || way == "publish"), "\(way)")
        }
    }

    /// Another run that ends without a table takes a folder away that it made, though this one will publish there.
    @Test func aFolderOfResultsComesBack() throws {
        let (folder, results) = (try Scratch(), try Scratch())
        try folder.write(
            "e.lua",
            """
            return { params = { results = "" }, run = function(run)
              print "ready"
              while not io.open "go" do end
              run:publish(run.params.results .. "/below/a.csv", { { "n", 1 } })
            end }
            """)
        let child = try Child(
            ["run", "e.lua", "--set", "results=\(results.path)/R", "--limit-seconds", "60"], in: folder)
        try #require(child.waits { child.output.contains("ready") && results.has("R") })
        try FileManager.default.removeItem(atPath: results.path + "/R")
        try folder.write("go", "")
        let outcome = try child.wait()
        #expect(outcome.status == 0 && results.has("R/below/a.csv"), "\(outcome.text)")
    }

    /// A folder for the run that is taken is told with all else that is wrong.
    @Test(arguments: [[], ["--check"]]) func aTakenFolderIsToldWithTheInputs(words: [String]) throws {
        let folder = try Scratch()
        try folder.write("e.lua", "return { params = { csv = '' }, run = function(run) end }")
        try folder.write("taken/a.txt", "a")
        let outcome = try Child.run(["run", "e.lua", "--set", "csv=b.csv", "--out", "taken"] + words, in: folder)
        #expect(outcome.status == 2, "\(outcome.text)")
        for text in ["2 problems", "params.csv", "--out: ", "taken: something is there already"] {
            #expect(outcome.errors.contains(text), "\(outcome.text)")
        }
        let alone = try Child.run(["run", "e.lua", "--out", "taken"] + words, in: folder)
        #expect(alone.status == 2 && alone.errors.contains("--out"), "\(alone.text)")
    }

    /// A failed cell's calls are in the log; on the terminal only where the script is at fault.
    @Test(arguments: [("require('chexgen.dataset').csv { path = 'bad.csv' }", false), ("error('a mistake')", true)])
    func failedCellsLeaveTheirCalls(body: String, isShown: Bool) throws {
        let folder = try Scratch()
        try folder.write("bad.csv", "a,b\n1\n\"")
        try folder.write(
            "e.lua",
            """
            local function inner() \(body) end
            return {
              params = { n = 1 },
              run = function(run)
                run:record { n = run.params.n }
                if run.params.n == 2 then inner() end
              end,
            }

            """)
        try folder.write("s.yaml", "experiment: e.lua\nsweep: { n: [1, 2, 3] }\n")
        let outcome = try Child.run(["run", "s.yaml", "--out", "r"], in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("1 of 3 cells failed"), "\(outcome.text)")
        #expect(outcome.text.contains("traceback") == isShown, "\(outcome.text)")
        let log = try folder.text("r/run.log")
        #expect(log.contains("traceback") && log.contains("'inner'"), "\(log)")
        try folder.write("one.yaml", "experiment: e.lua\nparams: { n: 2 }\n")
        _ = try Child.run(["run", "one.yaml", "--out", "one"], in: folder)
        #expect(try folder.text("one/run.log").contains("'inner'"))
    }

    /// Settings that no run can have are told with their keys, all of them, before a folder is made.
    @Test(arguments: [
        ("fidelity", ["batch=0", "bootstrap=-1", "floor_splits=-2", "nearest_k=0", "modules=[nowhere]"]),
        ("frd", ["shown=0", "batch=9999"]), ("quickstart", ["size=10", "images=0", "floor_splits=-1"]),
        ("generate", ["model=SD-V1-6", "modules=[nowhere]", "steps=0"]), ("sweep", ["shard=0", "nearest_k=0"]),
        (
            "classification",
            [
                "optimizer=adma", "schedule=slow", "epochs=0", "batch=0", "uncertain=2", "missing=skip", "bootstrap=-1",
                "validation=1.5", "test_missing=2",
            ]
        ),
    ])
    func settingsThatNoRunCanHave(name: String, settings: [String]) throws {
        let folder = try Scratch()
        let outcome = try Child.run(
            ["run", "\(Places.package)/experiments/\(name).yaml"] + settings.flatMap { ["--set", "params.\($0)"] },
            in: folder)
        #expect(outcome.status == 2 && !outcome.text.contains("traceback"), "\(outcome.text)")
        for setting in settings where !(name == "generate" && setting.hasPrefix("model")) {
            let key = setting.prefix { $0 != "=" }
            #expect(occurrences("\n  params.\(key) (--set params.\(setting)", outcome.errors) == 1, "\(outcome.text)")
        }
        #expect(!folder.has("runs"))
    }

    /// Weights are looked at as far as that is cheap: headers, names and shapes, and the files that belong to them.
    @Test func weightsOfAnotherNetworkAreFoundBeforeTheStart() throws {
        let folder = try Study.folder()
        for name in ["broken", "other", "text"] {
            try FileManager.default.copyItem(atPath: folder.path + "/weights", toPath: "\(folder.path)/\(name)")
        }
        try folder.write("broken/model.safetensors", "xx")
        let config = try folder.text("other/config.json")
        let deeper = config.replacingOccurrences(
            of: "\"num_hidden_layers\": *[0-9]+", with: "\"num_hidden_layers\": 7", options: .regularExpression)
        try #require(deeper != config)
        try folder.write("other/config.json", deeper)
        for (encoders, key, says) in [
            ("rad-dino: {weights: broken}", "rad-dino.weights", "broken/model.safetensors: a safetensors file has"),
            ("rad-dino: {weights: other}", "rad-dino.weights", "missing: encoder.layer."),
            ("biovil-t: {weights: text}", "biovil-t.weights", "biovil_t_image_model_proj_size_128.pt: no such file"),
            ("inception-v3: {weights: text}", "inception-v3.weights", "0 of "),
            ("patient-reid: {weights: text}", "patient-reid.weights", "0 of "),
            ("rad-dino: {weights: weights, device: cuda}", "rad-dino.device", "the device \"cuda\" is not known"),
        ] {
            let outcome = try Child.run(
                ["run", "study.yaml", "--set", "encoders={\(encoders)}", "--set", "results=R"], in: folder)
            #expect(outcome.status == 2 && outcome.errors.contains(says), "\(encoders): \(outcome.text)")
            #expect(occurrences("\n  params.encoders.\(key) ", outcome.errors) == 1, "\(outcome.text)")
            #expect(!outcome.errors.contains("traceback"), "\(outcome.text)")
            #expect(!folder.has("runs") && !folder.has("R"))
        }
    }

    /// Where results cannot stand, and where films do not lie.
    @Test func placesAreTriedBeforeTheStart() throws {
        let folder = try Study.folder()
        for (setting, says) in [
            ("results=/proc/x", "no folder can be made in /proc"),
            ("results=real/annotations.csv", "it is not a folder"),
            ("results=real/annotations.csv/below", "real/annotations.csv is not a folder"),
            ("real.image_dir=weights", "weights: none of the 10 images of column \"path\" is there, such as weights/"),
        ] {
            let outcome = try Child.run(["run", "study.yaml", "--out", "o", "--set", setting], in: folder)
            #expect(outcome.status == 2 && outcome.errors.contains(says), "\(setting): \(outcome.text)")
            let key = setting.prefix { $0 != "=" }
            #expect(occurrences("\n  params.\(key) (--set \(setting))", outcome.errors) == 1, "\(outcome.text)")
            #expect(!folder.has("o") && !folder.has("runs"))
        }
        for place in ["/proc/x", "real/annotations.csv/o"] {
            let outcome = try Child.run(["run", "study.yaml", "--out", place], in: folder)
            #expect(outcome.status == 2 && outcome.errors.contains("\n  --out: "), "\(outcome.text)")
        }
        let all = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(!all.contains { $0.hasPrefix(".chexgen") })
        // Without a folder of images, they lie beside the table.
        try folder.write("away.csv", folder.text("real/annotations.csv"))
        let beside = try Child.run(
            ["run", "study.yaml", "--set", "real={csv: away.csv, image_dir: ''}"], in: folder)
        #expect(beside.status == 2 && beside.errors.contains("params.real.csv"), "\(beside.text)")
        #expect(beside.errors.contains("image_dir says where they lie"), "\(beside.text)")
        // The standard folder, where a file has its name.
        try folder.write("Results", "")
        let standard = try Child.run(["run", "study.yaml"], in: folder)
        #expect(standard.status == 2 && standard.errors.contains("params.results: Results: "), "\(standard.text)")
        // What a pass finds leaves no folder without a table.
        try FileManager.default.removeItem(atPath: folder.path + "/Results")
        try folder.write("real/broken.png", "no picture")
        try folder.write("films.csv", "path,annotated_prompt\nreal/broken.png,a\nreal/none.png,b\n")
        let late = try Child.run(
            [
                "run", "study.yaml", "--out", "o", "--set", "results=R/deep", "--set",
                "real={csv: films.csv, image_dir: ''}",
            ], in: folder)
        #expect(late.status == 1 && late.errors.contains("broken.png"), "\(late.text)")
        #expect(!folder.has("R") && !folder.has("o"), "\(late.text)")
    }

    /// A script whose function `run` is spelt otherwise must not do nothing.
    @Test func anExperimentWithoutRun() throws {
        let folder = try Scratch()
        for (text, says) in [
            ("return { rum = function(run) end }", "did you mean 'rum'"), ("return { params = { n = 1 } }", "'run'"),
            ("return { run = 5 }", "'run'"),
        ] {
            try folder.write("e.lua", text)
            let outcome = try Child.run(["run", "e.lua"], in: folder)
            #expect(outcome.status == 1 && outcome.errors.contains(says), "\(outcome.text)")
            #expect(!outcome.errors.contains("traceback"), "\(outcome.text)")
        }
        try folder.write("e.lua", "print 'plain' return { value = 1, add = function() end }")
        let plain = try Child.run(["run", "e.lua"], in: folder)
        #expect(plain.status == 0 && plain.output == "plain\n", "\(plain.text)")
        for name in ["none.lua", "none.yaml"] {
            let outcome = try Child.run(["run", name], in: folder)
            #expect(outcome.status == 2 && outcome.errors.contains(name), "\(outcome.text)")
        }
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

import Foundation
import Imaging
import TestSupport
import Testing

/// Inputs that are broken, changed or missing are named, and never taken for others.
@Suite struct InputTests {
    private func study(_ folder: Scratch, _ out: String, _ more: [String] = []) throws -> Child.Outcome {
        try Child.run(["run", "study.yaml", "--out", out, "--quiet"] + more, in: folder)
    }

    @Test func aStudyIsTheSameAgainAndRefusesOneFlippedBit() throws {
        let folder = try Study.folder()
        let first = try study(folder, "a")
        #expect(first.status == 0, "\(first.text)")
        let rows = try folder.text("a/results.csv").split(separator: "\n")
        // What only other encoders would tell has no column.
        #expect(rows.count == 2 && rows[0].hasPrefix("FID (RadDino),KID (RadDino),Precision,"))
        let long = try folder.text("a/results_long.csv").split(separator: "\n")
        #expect(long[0].hasPrefix("pathology,metric,value,low,high,floor,std,n,statistic,protocol,encoder,weights,"))
        #expect(long[1].hasPrefix(",FID (RadDino),") && long[1].contains(",fid,exact,rad-dino,"))

        let again = try Child.run(["run", "a/run.yaml", "--out", "b"], in: folder)
        #expect(again.status == 0, "\(again.text)")
        #expect(try folder.data("a/results.csv") == folder.data("b/results.csv"))
        #expect(try folder.data("a/results_long.csv") == folder.data("b/results_long.csv"))
        let same = try Child.run(["diff", "a", "b"], in: folder)
        #expect(same.status == 0 && same.output == "no difference\n")

        // One bit of the weights, of an image, of a table: refused by name, before anything is computed.
        for (name, byte) in [
            ("weights/model.safetensors", 9000), ("real/r00004.png", 500), ("synthetic/annotations.csv", 90),
        ] {
            try folder.flip(name, byte: byte)
            let refused = try Child.run(["run", "a/run.yaml", "--out", "c"], in: folder)
            #expect(refused.status == 3, "\(refused.text)")
            #expect(
                refused.errors.contains("\(name): this is not the file that the run is pinned to"), "\(refused.text)")
            #expect(!folder.has("c"))
            try folder.flip(name, byte: byte)
        }
        let last = try Child.run(["run", "a/run.yaml", "--out", "c"], in: folder)
        #expect(last.status == 0, "\(last.text)")
        #expect(try folder.data("a/results.csv") == folder.data("c/results.csv"))
    }

    @Test func modulesOfAnExperimentArePinned() throws {
        let folder = try Scratch()
        try folder.write("early.lua", "return { value = 1 }")
        try folder.write("late.lua", "return { value = 2 }")
        try folder.write(
            "sum.lua",
            "local early = require 'early'\nreturn { run = function(run) "
                + "run:record { sum = early.value + require('late').value } end }")
        #expect(try Child.run(["run", "sum.lua", "--out", "a"], in: folder).status == 0)
        #expect(try Child.run(["run", "a/run.yaml", "--out", "b"], in: folder).status == 0)
        for name in ["early.lua", "late.lua"] {
            let text = try folder.text(name)
            try folder.write(name, text + " -- changed")
            let refused = try Child.run(["run", "a/run.yaml", "--out", "c"], in: folder)
            #expect(refused.status == 3 && refused.errors.contains(name), "\(refused.text)")
            try folder.write(name, text)
        }
    }

    @Test func aStudyThatIsKilledGoesOn() throws {
        let folder = try Study.folder()
        let whole = try study(folder, "a")
        #expect(whole.status == 0, "\(whole.text)")
        // Killed while nothing is kept, while features come in, and behind the last of them.
        for size in [0, 1, 60_000] {
            try? FileManager.default.removeItem(atPath: folder.path + "/cache")
            try? FileManager.default.removeItem(atPath: folder.path + "/run")
            let child = try Child(["run", "study.yaml", "--out", "run"], in: folder)
            _ = child.waits {
                let kept = ["", "-wal"].compactMap { try? folder.data("cache/features.sqlite" + $0).count }
                return folder.has("run/journal") && kept.reduce(0, +) >= size
            }
            child.signal(SIGKILL)
            _ = try child.wait()
            let resumed = try Child.run(["run", "--resume", "run"], in: folder)
            #expect(resumed.status == 0, "\(resumed.text)")
            #expect(try folder.data("run/results.csv") == folder.data("a/results.csv"))
        }
    }

    /// An encoder that a script registers stands in a study beside the program's own, with columns of its own.
    @Test func aRegisteredEncoderIsPartOfAStudy() throws {
        let folder = try Study.folder()
        try FileManager.default.copyItem(
            atPath: "\(Places.package)/Tests/Lua/command_line/levels.lua", toPath: folder.path + "/levels.lua")
        try FileManager.default.copyItem(
            atPath: "\(Places.package)/experiments/fidelity.lua", toPath: folder.path + "/fidelity.lua")
        let text = try folder.text("study.yaml")
            .replacingOccurrences(of: "\(Places.package)/experiments/fidelity.lua", with: "fidelity.lua")
            .replacingOccurrences(
                of: "{ rad-dino: { weights: weights } }", with: "{ rad-dino: { weights: weights }, levels: {} }")
        try folder.write("mine.yaml", text + "  modules: [levels]\n")
        let outcome = try Child.run(["run", "mine.yaml", "--out", "a"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let row = try folder.text("a/results.jsonl")
        for column in [
            "FID (RadDino)", "FID (Levels)", "KID (Levels)", "Precision", "Precision (Levels)",
            "Inception Score (Levels)",
        ] {
            #expect(row.contains("\"\(column)\":") && row.contains("\"\(column) identity\":"), "\(column): \(row)")
        }
        // Its features lie in the run alone, as no hash covers what a script does.
        #expect(folder.has("a/features.sqlite"))
        let again = try Child.run(["run", "a/run.yaml", "--out", "b", "--quiet"], in: folder)
        #expect(again.status == 0, "\(again.text)")
        #expect(try folder.data("a/results.csv") == folder.data("b/results.csv"))
        try folder.write("levels.lua", folder.text("levels.lua") + "-- changed")
        #expect(try Child.run(["run", "a/run.yaml", "--out", "c"], in: folder).status == 3)
    }

    /// Why a metric has no value is told without a place in the library, so that results do not differ by where it lies.
    @Test func notesNameNoPlaceInTheLibrary() throws {
        let folder = try Study.folder()
        let film = try #require(
            FileManager.default.contentsOfDirectory(atPath: folder.path + "/real").sorted().first {
                $0.hasSuffix(".png")
            })
        // Features that do not vary: no distance.
        try folder.write("same.csv", "path,annotated_prompt\n\(film),a\n\(film),b\n")
        let outcome = try Child.run(
            ["run", "study.yaml", "--out", "r", "--set", "real.csv=same.csv", "--set", "encoders={}"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let results = try folder.text("r/results.csv")
        #expect(results.contains(",frd: ") && !results.contains(".lua"), "\(results)")
    }

    /// Films of 16 bits are not cut to white in silence, a row without a film is a bad one, and a flat picture is left out of
    /// radiomics only: both experiments, both protocols.
    @Test func filmsThatAreNoneAreSaid() throws {
        let folder = try Study.folder()
        try FileManager.default.copyItem(
            atPath: "\(Places.package)/Tests/Lua/command_line/odd_films.lua", toPath: folder.path + "/odd_films.lua")
        let made = try Child.run(["run", "odd_films.lua", "--allow-write", ".", folder.path], in: folder)
        #expect(made.status == 0, "\(made.text)")
        try folder.write("deep.png", Self.deepFilm(side: 64))
        let text = try folder.text("study.yaml")
        try folder.write(
            "frd.yaml",
            text.replacingOccurrences(of: "fidelity.lua", with: "frd.lua")
                .replacingOccurrences(of: "encoders: { rad-dino: { weights: weights } }", with: "shown: 3"))
        for experiment in ["study.yaml", "frd.yaml"] {
            func run(_ table: String, _ more: [String]) throws -> Child.Outcome {
                try? FileManager.default.removeItem(atPath: folder.path + "/out")
                return try Child.run(
                    [
                        "run", experiment, "--out", "out", "--set", "synthetic.csv=\(table).csv", "--set",
                        "synthetic.image_dir=.", "--set", "results=out/tables",
                    ]
                        + more.flatMap { ["--set", $0] }, in: folder)
            }
            let blank = try run("blank", [])
            #expect(
                blank.status == 1 && blank.errors.contains("1 of 20") && blank.errors.contains("blank.csv"),
                "\(blank.text)")
            let skipped = try run("blank", ["on_bad_image=skip"])
            #expect(skipped.status == 0, "\(skipped.text)")
            #expect(try folder.text("out/results.jsonl").contains("\"Images left out\":1"))

            let flat = try run("flat", [])
            #expect(flat.status == 0, "\(flat.text)")
            let log = try folder.text("out/run.log")
            #expect(log.contains("1 of 10 synthetic images are of one grey level"), "\(log)")
            #expect(log.contains("FRD leaves out 1 images without radiomic features"), "\(log)")
            let row = try folder.text("out/results.jsonl")
            #expect(row.contains("one grey level") && row.contains("\"Images left out\":0"), "\(row)")
            #expect(row.contains("\"FRD images left out\":1") && row.contains("\"Synthetic images\":10"), "\(row)")

            let refused = try run("deep", [])
            #expect(refused.status == 1 && refused.errors.contains("16-bit samples reach 40"), "\(refused.text)")
            let clipped = try run("deep", ["protocol=chexgenbench"])
            #expect(clipped.status == 0, "\(clipped.text)")
            #expect(try folder.text("out/results.jsonl").contains("1 of 10 synthetic images have 16-bit samples"))
        }
    }

    /// A gray PNG of 16 bits whose samples go up to 4095, as exports of DICOM have them.
    static func deepFilm(side: Int) throws -> [UInt8] {
        let samples = (0..<side * side).map { UInt16(($0 * 37) % 4096) }
        let pixels = samples.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        let path = NSTemporaryDirectory() + "chexgen-\(UUID().uuidString).png"
        defer { unlink(path) }
        try Image(width: side, height: side, mode: .gray16, pixels: pixels).save(path)
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Features are kept once: in the cache, or in the run's folder where the cache cannot be used.
    @Test func featuresAreKeptOnce() throws {
        let folder = try Study.folder()
        let whole = try study(folder, "a")
        #expect(whole.status == 0, "\(whole.text)")
        #expect(!folder.has("a/once") && !folder.has("a/features.sqlite"))
        try? FileManager.default.removeItem(atPath: folder.path + "/cache")
        try folder.write("cache", "a file where the cache should lie")
        let without = try Child.run(["run", "study.yaml", "--out", "b"], in: folder)
        #expect(without.status == 0 && without.text.contains("the feature cache is not used"), "\(without.text)")
        #expect(folder.has("b/features.sqlite") && !folder.has("b/once"))
        #expect(try folder.data("a/results.csv") == folder.data("b/results.csv"))
    }

    @Test func brokenImagesStopTheRunOrAreRecorded() throws {
        let folder = try Study.folder()
        try folder.cut("synthetic/g00003.png", to: 700)
        try folder.write("synthetic/g00007.png", "no image")
        let stopped = try study(folder, "a")
        #expect(stopped.status == 1)
        #expect(!stopped.errors.contains("traceback"), "\(stopped.text)")
        for words in ["2 of 20 images", "synthetic/g00003.png", "synthetic/g00007.png", "on_bad_image: skip"] {
            #expect(stopped.errors.contains(words), "\(stopped.text)")
        }
        let skipped = try study(folder, "b", ["--set", "on_bad_image=skip"])
        #expect(skipped.status == 0, "\(skipped.text)")
        let list = try folder.text("b/artifacts/skipped.csv")
        #expect(list.contains("synthetic/g00003.png") && list.contains("synthetic/g00007.png"))
        let row = try folder.text("b/results.jsonl")
        #expect(row.contains("\"Images left out\":2") && row.contains("\"Synthetic images\":8"), "\(row)")
        // They are left out again where they are broken still, and an image that was mended is another input.
        let again = try Child.run(["run", "b/run.yaml", "--out", "c"], in: folder)
        #expect(again.status == 0, "\(again.text)")
        #expect(try folder.data("b/results.csv") == folder.data("c/results.csv"))
        try FileManager.default.removeItem(atPath: folder.path + "/synthetic/g00007.png")
        try FileManager.default.copyItem(
            atPath: folder.path + "/synthetic/g00006.png", toPath: folder.path + "/synthetic/g00007.png")
        let mended = try Child.run(["run", "b/run.yaml", "--out", "d"], in: folder)
        #expect(mended.status == 3 && mended.errors.contains("g00007.png"), "\(mended.text)")
    }

    @Test func missingWeightsSayHowToGetThem() throws {
        let folder = try Study.folder()
        let named = try study(folder, "a", ["--set", "encoders.rad-dino.weights=nowhere"])
        #expect(named.status == 2)
        #expect(named.errors.contains("nowhere was not found; looked for:"), "\(named.text)")
        #expect(named.errors.contains("huggingface-cli download microsoft/rad-dino"), "\(named.text)")
        let usual = try study(folder, "b", ["--set", "encoders={inception-v3: {}}"])
        #expect(usual.status == 2)
        #expect(usual.errors.contains("curl -LO https://") && usual.errors.contains(".pth"), "\(usual.text)")
        try folder.cut("weights/model.safetensors", to: 5000)
        let cut = try study(folder, "c")
        #expect(cut.status == 2 && cut.errors.contains("params.encoders.rad-dino.weights"), "\(cut.text)")
        #expect(cut.errors.contains("weights/model.safetensors"), "\(cut.text)")
    }

    @Test(arguments: [
        ("protcol=exact", "protocol"), ("params.encoders.rad-dyno={}", "rad-dino"),
        ("encoders.rad-dino.weigths=x", "params.encoders.rad-dino.weigths"), ("real.imgae=path", "image"),
        ("encoders.rad-dino.dtype=bf17", "wanted f32 or bf16"), ("encoders.rad-dino=weights", "wanted options"),
        ("encoders.rad-dino.device=1", "wanted a text"), ("encoders.rad-dino.device=cuda", "known are cpu"),
    ])
    func misspeltParametersAreErrors(setting: String, right: String) throws {
        let folder = try Study.folder()
        let outcome = try study(folder, "a", ["--set", setting])
        #expect(outcome.status == 2, "\(outcome.text)")
        #expect(outcome.errors.contains(right), "\(outcome.text)")
    }

    /// A column that the YAML names and the table lacks.
    @Test(arguments: [
        ("real.image=pth", "real/annotations.csv: no column \"pth\"; did you mean \"path\"?"),
        ("real.prompt=prompt", "real/annotations.csv: no column \"prompt\""),
        ("real.labels=chexpert_label", "real/annotations.csv: no column"),
        ("synthetic.image=img_savename", "synthetic/annotations.csv: no column"),
        ("synthetic.prompt=annotated_promt", "synthetic/annotations.csv: no column \"annotated_promt\"; did you mean"),
        ("synthetic.csv=none.csv", "none.csv: no such file"),
    ])
    func missingColumnsAreNamedWithTheirKey(setting: String, says: String) throws {
        let folder = try Study.folder()
        let outcome = try study(folder, "a", ["--set", setting])
        let key = setting.prefix { $0 != "=" }
        #expect(outcome.status == 2, "\(outcome.text)")
        #expect(outcome.errors.contains("params.\(key) (--set \(setting)): \(says)"), "\(outcome.text)")
    }

    @Test func misspeltKeysOfTheYAMLAreErrors() throws {
        let folder = try Study.folder()
        let text = try folder.text("study.yaml")
        for (wrong, right) in [("protcol: exact", "protocol"), ("nearest_k: many", "integer")] {
            let key = wrong.contains("protcol") ? "protocol: exact" : "nearest_k: 3"
            try folder.write("wrong.yaml", text.replacingOccurrences(of: key, with: wrong))
            let outcome = try Child.run(["run", "wrong.yaml"], in: folder)
            #expect(outcome.status == 2, "\(outcome.text)")
            #expect(outcome.errors.contains("wrong.yaml:") && outcome.errors.contains(right), "\(outcome.text)")
        }
        try folder.write("wrong.yaml", text.replacingOccurrences(of: "seed:", with: "sead:"))
        let outcome = try Child.run(["run", "wrong.yaml"], in: folder)
        #expect(outcome.status == 2 && outcome.errors.contains("did you mean `seed`?"), "\(outcome.text)")
        #expect(!folder.has("runs"))
    }

    /// A pickle that would call `os.system` where PyTorch without `weights_only` reads it.
    @Test func maliciousPicklesAreRefusedByTheNameOfTheirGlobal() throws {
        let folder = try Study.folder()
        let magic: [UInt8] = [
            0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
        ]
        let version: [UInt8] = [0x80, 2, 0x4D, 0xE9, 3, 0x2E]
        let system: [UInt8] = [0x80, 2, 0x7D, 0x2E]
        let command = "touch \(folder.path)/owned"
        let object = Array("cposix\nsystem\nX".utf8) + [UInt8(command.utf8.count), 0, 0, 0] + Array(command.utf8)
        let bytes = magic + version + system + [0x80, 2] + object + [0x85, 0x52, 0x2E]
        try Data(bytes).write(to: URL(fileURLWithPath: folder.path + "/evil.pth"))
        let outcome = try study(folder, "a", ["--set", "encoders={inception-v3: {weights: evil.pth}}"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("evil.pth") && outcome.errors.contains("posix.system"), "\(outcome.text)")
        #expect(!folder.has("owned"))
    }

    // MARK: Files that change while they are in use

    @Test func aFileThatIsCutWhileItIsReadEndsTheRun() throws {
        let folder = try Scratch()
        let script = try folder.write(
            "reads.lua",
            """
            local tensor = require "chexgen.tensor"
            tensor.save("big.safetensors", { t = tensor.ones { 1 << 20 } })
            local t = tensor.load("big.safetensors").t
            print "ready"
            while true do pcall(function() assert(t:sum():item() == 1 << 20, "zeros went unnoticed") end) end
            """)
        let child = try Child(["run", script, "--allow-write", ".", "--limit-seconds", "60"], in: folder)
        try #require(child.waits { child.output.contains("ready") })
        try folder.cut("big.safetensors", to: 8192)
        let outcome = try child.wait()
        #expect(outcome.status == 1, "\(outcome.text)")
        #expect(outcome.errors.contains("big.safetensors was cut short by another process"), "\(outcome.text)")
    }

    @Test func weightsThatAreWrittenToWhileTheyAreInUse() throws {
        let folder = try Study.folder()
        let script = try folder.write(
            "embeds.lua",
            """
            local model, image = require "chexgen.model", require "chexgen.image"
            local encoder = model.encoder("rad-dino", { weights = "weights" })
            local film = image.load("real/r00001.png")
            encoder:features { film }
            print "ready"
            while true do encoder:features { film } end
            """)
        let child = try Child(["run", script, "--limit-seconds", "60"], in: folder)
        try #require(child.waits { child.output.contains("ready") })
        try folder.flip("weights/model.safetensors", byte: 9000)
        let outcome = try child.wait()
        #expect(outcome.status == 1, "\(outcome.text)")
        #expect(
            outcome.errors.contains("weights/model.safetensors: cannot be read: it changed while it was in use"),
            "\(outcome.text)")
    }
}

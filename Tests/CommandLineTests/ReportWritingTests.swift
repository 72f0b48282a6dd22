import Files
import Foundation
import TestSupport
import Testing

/// The experiment `report` on phantoms, with a small LLaVA-Rad of random weights, and on reports that exist.
@Suite(.serialized) struct ReportWritingTests {
    private static let inputs = Result { () -> Scratch in
        let folder = try Scratch(isShared: true)
        mkdir("\(folder.path)/films", 0o755)
        for file in [
            "command_line/reports.lua", "small_vision.lua", "small_language.lua", "small_labeler.lua",
        ] {
            let name = (file as NSString).lastPathComponent
            try FileManager.default.copyItem(
                atPath: "\(Places.package)/Tests/Lua/\(file)", toPath: "\(folder.path)/\(name)")
        }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/chexgen", withDestinationPath: Places.package + "/lua/chexgen")
        let outcome = try Child.run(["run", "reports.lua", "--allow-write", ".", folder.path], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return folder
    }

    private func folder() throws -> Scratch {
        let source = try Self.inputs.get().path
        let folder = try Scratch()
        try folder.write(
            "report.yaml",
            """
            experiment: \(Places.package)/experiments/report.lua
            seed: 3
            params:
              name: phantoms
              percentage: 50
              films: { csv: \(source)/films.csv, image_dir: \(source)/films }
              model: { base: \(source)/base, vision: \(source)/vision, projector: \(source)/mm_projector.safetensors }
              labelers: { chexbert: { weights: \(source)/chexbert.safetensors, tokenizer: \(source) } }
              max_new_tokens: 12
              batch: 2
              bootstrap: 40

            """)
        return folder
    }

    private func run(_ folder: Scratch, _ settings: [String] = [], out: String = "run") throws -> Child.Outcome {
        try Child.run(
            ["run", "report.yaml", "--out", out, "--quiet"] + settings.flatMap { ["--set", $0] }, in: folder)
    }

    /// The header, with pandas' name for one that is empty, and the cells.
    private func rows(_ text: String) throws -> [[String]] {
        let table = try CSVReader.parse(text, name: "table")
        return [table.columns]
            + (0..<table.rowCount).map { row in table.columns.indices.map { table.text(row, $0) } }
    }

    @Test func filmsOfTheRightRowsGetReports() throws {
        let folder = try folder()
        let outcome = try run(folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        // Row 3 has no report, row 5 is a lateral film, row 6 was not made by rules.
        let reports = try rows(folder.text("run/artifacts/reports.csv"))
        #expect(reports.count == 6 && reports[0] == ["image", "prompt", "reference", "report", "rouge", "radgraph"])
        let question = "Provide a description of the findings in the radiology image"
        #expect(
            reports.dropFirst().map { $0[1] } == [
                question + ".", question + " given the following indication: Cough and fever",
                question + " given the following indication: Cough and fever", question + ".",
                question + " given the following indication: Cough and fever",
            ])
        let table = try rows(folder.text("Results/main_phantoms_percentage_50.csv"))
        #expect(
            table[0] == [
                "Unnamed: 0", "BLEU-1", "BLEU-4", "ROUGE-L", "Micro-F1-14", "Macro-F1-14", "Micro-F1-5", "Macro-F1-5",
                "Micro-F1-4", "Macro-F1-4", "Micro-F1-14+", "Macro-F1-14+", "Micro-F1-5+", "Macro-F1-5+",
                "Micro-F1-4+", "Macro-F1-4+",
            ])
        #expect(table.dropFirst().map { $0[0] } == ["median", "ci_l", "ci_h"])
        for treatment in ["n", "p"] {
            let findings = try rows(folder.text("Results/breakdown_\(treatment)_phantoms_percentage_50.csv"))
            #expect(findings.count == 15 && findings[0] == ["Unnamed: 0", "precision", "recall", "f1", "support"])
        }
        let results = try rows(folder.text("run/results.csv"))
        #expect(results.count == 2 && results[0].contains("Micro-F1-14 identity"))
        #expect(try folder.text("run/artifacts/films.csv").split(separator: "\n").count == 6)

        // One question, and no filter where no column is named.
        let exact = try run(
            folder, ["params.protocol=exact", "params.films.method=\"\"", "params.films.view=\"\""], out: "exact")
        #expect(exact.status == 0, "\(exact.text)")
        let own = try rows(folder.text("exact/artifacts/reports.csv"))
        #expect(own.count == 8 && Set(own.dropFirst().map { $0[1] }) == ["Describe the findings of the chest x-ray."])
        let scores = try rows(folder.text("exact/results.csv"))
        for name in table[0].dropFirst() {
            let (value, low, high) = try (
                number(scores, name), number(scores, name + " low"), number(scores, name + " high")
            )
            #expect(0 <= low && low <= value && value <= high && high <= 100, "\(name): \(value) [\(low), \(high)]")
        }
    }

    private func number(_ table: [[String]], _ column: String) throws -> Double {
        let place = try #require(table[0].firstIndex(of: column), "\(column)")
        return try #require(Double(table[1][place]))
    }

    /// The results say of films of 16 bits that they were cut to white, as those of other experiments do.
    @Test func filmsThatAreCutAreNoted() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        try FileManager.default.copyItem(atPath: "\(source)/films", toPath: "\(folder.path)/films")
        let table = try rows(String(contentsOfFile: "\(source)/films.csv", encoding: .utf8))
        try folder.write("films/\(try #require(table[1].first))", InputTests.deepFilm(side: 64))
        let outcome = try run(folder, ["params.films.image_dir=films"])
        #expect(outcome.status == 0, "\(outcome.text)")
        let results = try rows(folder.text("run/results.csv"))
        #expect(results[0].last == "Note", "\(results)")
        #expect(results[1].last?.hasSuffix("real images have 16-bit samples that were cut to white at 255") == true)

        try folder.write(
            "training.yaml",
            """
            experiment: \(Places.package)/experiments/report_training.lua
            params:
              films: { csv: \(source)/films.csv, image_dir: films }
              held_out: { csv: \(source)/films.csv, image_dir: \(source)/films }
              model: { base: \(source)/base, vision: \(source)/vision, projector: \(source)/mm_projector.safetensors }
              rank: 2
              epochs: 1

            """)
        let trained = try Child.run(["run", "training.yaml", "--out", "trained", "--quiet"], in: folder)
        #expect(trained.status == 0, "\(trained.text)")
        let epochs = try rows(folder.text("trained/results.csv"))
        #expect(epochs[0].last == "Note" && epochs[1].last?.hasPrefix("train: 1 of ") == true, "\(epochs)")
    }

    /// Which film is the third depends on which can be used: a report is kept by its films, not by its place.
    @Test func aMendedFilmMovesNoReport() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        try FileManager.default.copyItem(atPath: "\(source)/films", toPath: "\(folder.path)/films")
        let films = ["params.films.image_dir=films", "params.on_bad_image=skip"]
        let first = try #require(rows(try String(contentsOfFile: "\(source)/films.csv", encoding: .utf8))[1].first)
        try folder.write("films/\(first)", "no picture")
        // As if it had been killed after the first reports: an error ends it, and what came after them is cut off.
        for name in ["Results", "Results/main_phantoms_percentage_50.csv"] { mkdir("\(folder.path)/\(name)", 0o755) }
        let broken = try run(folder, films, out: "cut")
        #expect(broken.status == 1 && broken.errors.contains("Results"), "\(broken.text)")
        try FileManager.default.removeItem(atPath: "\(folder.path)/Results")
        let journal = try folder.data("cut/journal")
        let third = try #require(journal.range(of: Data("reports/3".utf8)))
        try folder.write("cut/journal", [UInt8](journal[..<third.lowerBound]))
        try FileManager.default.removeItem(atPath: "\(folder.path)/films/\(first)")
        try FileManager.default.copyItem(
            atPath: "\(source)/films/\(first)", toPath: "\(folder.path)/films/\(first)")
        let resumed = try Child.run(["run", "--resume", "cut", "--quiet"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        #expect(try run(folder, films, out: "whole").status == 0)
        for file in ["results.csv", "artifacts/reports.csv"] {
            #expect(try folder.text("cut/" + file) == folder.text("whole/" + file), "\(file)")
        }
    }

    @Test func aKilledRunGoesOnFilmByFilm() throws {
        let folder = try folder()
        #expect(try run(folder, out: "whole").status == 0)
        #expect(try run(folder, out: "cut").status == 0)
        // As if it had been killed while the third pair of reports was written.
        let journal = try folder.data("cut/journal")
        let third = try #require(journal.range(of: Data("reports/5".utf8)))
        try folder.write("cut/journal", [UInt8](journal[..<third.upperBound]))
        let resumed = try Child.run(["run", "--resume", "cut", "--quiet"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        for file in ["results.csv", "artifacts/reports.csv", "run.yaml"] {
            #expect(try folder.text("cut/" + file) == folder.text("whole/" + file), "\(file)")
        }
    }

    @Test func reportsThatExistAreScored() throws {
        let folder = try folder()
        try folder.write(
            "written.csv",
            """
            mine,theirs
            No pleural effusion. The heart is enlarged.,No pleural effusion. The heart is normal.
            Mild edema.,"Mild edema, 1.5 cm nodule."
            Clear lungs.,
            ,The lungs are clear.

            """)
        let given = [
            "params.reports={csv: written.csv, report: mine, reference: theirs}", "params.films={csv: \"\"}",
            "params.labelers={}", "params.bootstrap=0",
        ]
        let both = try run(folder, given.filter { !$0.contains("films") }, out: "both")
        #expect(both.status == 2 && both.text.contains("there are films, too"), "\(both.text)")
        let outcome = try run(folder, given)
        #expect(outcome.status == 0, "\(outcome.text)")
        let table = try rows(folder.text("Results/main_phantoms_percentage_50.csv"))
        #expect(table[0] == ["Unnamed: 0", "BLEU-1", "BLEU-4", "ROUGE-L"] && table[2] == ["ci_l", "", "", ""])
        // (6/7 + 1/2 + 0) / 3; the row without a reference does not count.
        #expect(abs((Double(table[1][3]) ?? 0) - (6.0 / 7 + 0.5) / 3) < 1e-12)
        #expect(try rows(folder.text("run/artifacts/reports.csv")).count == 4)
    }

    @Test func cellsOfASweepHaveTheirOwnTables() throws {
        let folder = try Scratch()
        try folder.write("mine.csv", "report,reference\nClear lungs.,The lungs are clear.\n")
        try folder.write(
            "report.yaml",
            """
            experiment: \(Places.package)/experiments/report.lua
            params: { reports: { csv: mine.csv }, bootstrap: 0 }
            sweep: { protocol: [chexgenbench, exact] }

            """)
        let outcome = try Child.run(["run", "report.yaml", "--out", "run"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(!folder.has("Results"))
        let said = outcome.text.components(separatedBy: "scores: ").dropFirst().compactMap {
            $0.split(separator: "\n").first
        }
        #expect(Set(said).count == 2, "\(said)")
        for path in said { #expect(FileManager.default.fileExists(atPath: String(path)), "\(path)") }
    }

    /// The shipped parameters want no more than a table of reports.
    @Test func theShippedParametersScoreReports() throws {
        let folder = try Scratch()
        try folder.write("mine.csv", "report,reference\nClear lungs.,The lungs are clear.\n")
        let words = ["run", "\(Places.package)/experiments/report.yaml", "--out", "run", "--quiet"]
        let settings = ["params.reports.csv=mine.csv", "params.labelers={}", "params.bootstrap=0"]
        let outcome = try Child.run(words + settings.flatMap { ["--set", $0] }, in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(try folder.text("run/results.jsonl").contains("\"Reports\":1"))
    }

    @Test func allThatIsWrongIsToldAtOnce() throws {
        let folder = try folder()
        let outcome = try run(
            folder,
            [
                "params.films.report=Report", "params.model.vision=nowhere", "params.labelers={radchex: {}}",
                "params.batch=40", "params.name=a/b", "params.reports.csv=none.csv",
            ])
        #expect(outcome.status == 2)
        for word in ["params.batch", "params.name", "radchex", "params.reports.csv", "none.csv"] {
            #expect(outcome.text.contains(word), "\(word): \(outcome.text)")
        }
        let neither = try run(folder, ["params.films.csv=\"\""])
        #expect(
            neither.status == 2 && neither.text.contains("params.films.csv") && neither.text.contains("is not set"),
            "\(neither.text)")
        #expect(neither.text.contains("params.reports.csv"), "\(neither.text)")
        let other = try run(folder, ["params.films.report=Report", "params.model.vision=nowhere"])
        #expect(other.status == 2 && other.text.contains("Report") && other.text.contains("nowhere"), "\(other.text)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/run"))
        // A labeler's own weights are not here, and that is no surprise for the end of a run.
        let labelers = try run(folder, ["params.labelers={radgraph: {}}", "params.model.base="])
        #expect(labelers.status == 2 && labelers.text.contains("an empty one is \"\""), "\(labelers.text)")
        let missing = try run(folder, ["params.labelers={radgraph: {}}"])
        #expect(missing.status == 2 && missing.text.contains("params.labelers.radgraph"), "\(missing.text)")
        #expect(missing.text.contains("radgraph-xl.tar.gz"), "\(missing.text)")
        try folder.write("header.csv", "report,reference\n")
        let none = try run(folder, ["params.reports.csv=header.csv", "params.films.csv=''"])
        #expect(none.status == 2 && none.text.contains("header.csv has no rows"), "\(none.text)")
        let source = try Self.inputs.get().path
        try folder.write("films/broken.png", "no film")
        try folder.write(
            "broken.csv",
            "path,annotated_prompt\n\(folder.path)/films/broken.png,Clear lungs.\n"
                + "\(source)/films/000.png,Clear lungs.\n")
        let bad = ["params.films={csv: broken.csv, image_dir: \"\", reason: \"\", view: \"\", method: \"\"}"]
        let stopped = try run(folder, bad, out: "stopped")
        #expect(stopped.status == 1 && stopped.text.contains("broken.png"), "\(stopped.text)")
    }

    @Test func trainingWritesAnAdapterThatReportsAreWrittenWith() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        try folder.write(
            "training.yaml",
            """
            experiment: \(Places.package)/experiments/report_training.lua
            seed: 3
            params:
              films: { csv: \(source)/films.csv, image_dir: \(source)/films }
              held_out: { csv: \(source)/films.csv, image_dir: \(source)/films }
              percentage: 60
              model: { base: \(source)/base, vision: \(source)/vision, projector: \(source)/mm_projector.safetensors }
              rank: 4
              epochs: 6
              batch: 1
              learning_rate: 1.0e-3
              checkpoint_every: 1

            """)
        func train(_ out: String, _ settings: [String] = []) throws -> Child.Outcome {
            try Child.run(["run", "training.yaml", "--out", out, "--quiet"] + settings, in: folder)
        }
        let outcome = try train("whole")
        #expect(outcome.status == 0, "\(outcome.text)")
        // Three of the five films that count, six times.
        #expect(try rows(folder.text("whole/artifacts/steps.csv")).count == 19)
        let results = try rows(folder.text("whole/results.csv"))
        #expect(results.count == 7)
        #expect(results[0].starts(with: ["Epoch", "Training loss", "Held-out loss", "Percentage"]))
        #expect(!folder.has("whole/artifacts/checkpoint.safetensors"))
        // The films are pinned as those of every experiment are.
        let manifests = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/whole/manifests")
        #expect(manifests.contains { $0.hasPrefix("films-") }, "\(manifests)")
        let report = try run(folder, ["params.model.adapter=whole/artifacts/adapter", "params.model.projector=\"\""])
        #expect(report.status == 0, "\(report.text)")
        // Killed behind a checkpoint, it goes on to the same bytes.
        let child = try Child(["run", "training.yaml", "--out", "cut", "--quiet"], in: folder)
        try #require(child.waits { folder.has("cut/artifacts/checkpoint.safetensors") })
        child.signal(SIGKILL)
        #expect(try child.wait().status == 128 + SIGKILL)
        let resumed = try Child.run(["run", "--resume", "cut", "--quiet"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        #expect(try folder.text("cut/run.log").contains("training goes on"))
        for file in [
            "results.csv", "artifacts/steps.csv", "artifacts/adapter/adapter_model.safetensors",
            "artifacts/adapter/non_lora_trainables.bin",
        ] {
            #expect(try folder.data("cut/" + file) == folder.data("whole/" + file), "\(file)")
        }
        // Films that cannot be used are told before anything is trained, or left out.
        try folder.write("films/broken.png", "no film")
        try folder.write("films/other.png", "nor this")
        let good = try CSVReader.parse(String(contentsOfFile: source + "/films.csv", encoding: .utf8), name: "films")
            .text(0, 0)
        try folder.write(
            "broken.csv",
            "path,annotated_prompt\n\(folder.path)/films/broken.png,Clear.\n\(source)/films/\(good),Clear.\n"
                + "\(folder.path)/films/other.png,Clear.\n")
        let bad = [
            "--set", "params.films={csv: broken.csv, image_dir: \"\", view: \"\", method: \"\"}", "--set",
            "params.percentage=100",
        ]
        let stopped = try train("stopped", bad)
        #expect(stopped.status == 1 && stopped.text.contains("2 of 8 images"), "\(stopped.text)")
        #expect(stopped.text.contains("broken.png") && stopped.text.contains("other.png"), "\(stopped.text)")
        let skipping = try train("skipping", bad + ["--set", "params.on_bad_image=skip"])
        #expect(skipping.status == 0, "\(skipping.text)")
        #expect(try rows(folder.text("skipping/artifacts/skipped.csv")).count == 3)
        #expect(try folder.text("skipping/results.jsonl").contains("\"Images left out\":2"))
        let faults = ["params.protocol=inexact", "params.rank=0", "params.percentage=0", "params.model.projector=\"\""]
        let wrong = try train("wrong", faults.flatMap { ["--set", $0] })
        #expect(wrong.status == 2)
        for word in ["params.protocol", "params.rank", "params.percentage", "params.model.projector"] {
            #expect(wrong.text.contains(word), "\(word): \(wrong.text)")
        }
    }
}

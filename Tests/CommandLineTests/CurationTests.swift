import Foundation
import TestSupport
import Testing

/// The experiment `curate` on phantoms, with random weights.
@Suite(.serialized) struct CurationTests {
    /// A folder with `films.csv`: the synthetic phantoms with their labels, a quality, a score, and a film that is a real one's copy;
    /// and `curate.yaml`, which asks for columns alone.
    private func folder() throws -> Scratch {
        let source = try PrivacyTests.inputs.get().path
        let folder = try Scratch()
        try folder.write(
            "tables.lua",
            """
            local dataset = require "chexgen.dataset"
            local films = dataset.csv { path = arg[1] .. "/synthetic/annotations.csv" }
            local columns, rows = { "path", "annotated_prompt", "chexpert_labels", "quality", "score" }, {}
            local words = { "High Quality", "Medium Quality", "Low Quality", "Not Relevant" }
            for i, row in films:rows() do
              rows[i] = { row.path, row.annotated_prompt, row.chexpert_labels, words[(i - 1) % 4 + 1], i / 10 }
            end
            rows[#rows + 1] = { "copy.png", rows[2][2], rows[2][3], "High Quality", false }
            dataset.table(columns, rows):write "films.csv"

            """)
        let made = try Child.run(["run", "tables.lua", "--allow-write", ".", source], in: folder)
        try #require(made.status == 0, "\(made.text)")
        try folder.write(
            "curate.yaml",
            """
            experiment: \(Places.package)/experiments/curate.lua
            seed: 3
            params:
              name: phantoms
              synthetic: { csv: films.csv, image_dir: \(source)/synthetic, image: path }
              real: { csv: \(source)/real/annotations.csv, image_dir: \(source)/real, image: path }
              columns: { quality: { none_of: [Low Quality, Not Relevant] } }

            """)
        return folder
    }

    private var weights: [String] {
        get throws {
            let source = try PrivacyTests.inputs.get().path
            return [
                "params.encoders={biovil-t: {weights: \(source)/biovil}, patient-reid: {weights: \(source)/reid.safetensors}, "
                    + "rad-dino: {weights: \(source)/weights}}"
            ]
        }
    }

    private func run(_ folder: Scratch, _ settings: [String] = [], out: String = "run") throws -> Child.Outcome {
        try Child.run(
            ["run", "curate.yaml", "--out", out, "--quiet"] + settings.flatMap { ["--set", $0] }, in: folder)
    }

    private func lines(_ folder: Scratch, _ file: String) throws -> [String] {
        try folder.text(file).split(separator: "\n").map(String.init)
    }

    private func inode(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : 0
    }

    /// As SynthCheX-75K was made: by a column of words, without any weights.
    @Test func columnsOfTheTableNeedNoWeights() throws {
        let folder = try folder()
        let outcome = try run(folder, ["params.columns.score={at_least: 0.2, at_most: 0.6}"])
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(
            try folder.text("run/results.csv") == """
                Step,Films,Kept,Dropped,Reason,Protocol,Extra Info
                images,9,9,0,cannot be used,exact,phantoms
                columns.quality,9,5,4,"quality is one of Low Quality, Not Relevant",exact,phantoms
                columns.score,5,3,2,"score below 0.2 or above 0.6, or none",exact,phantoms
                all,9,3,6,,exact,phantoms

                """)
        let table = try lines(folder, "run/artifacts/curated/films.csv")
        #expect(table[0] == "path,annotated_prompt,chexpert_labels,quality,score" && table.count == 4)
        let source = try PrivacyTests.inputs.get().path
        for line in table.dropFirst() {
            #expect(line.hasPrefix("images/"))
            let name = String(line.prefix { $0 != "," }.dropFirst("images/".count))
            // Links take no room: the film is the same file.
            #expect(
                inode("\(folder.path)/run/artifacts/curated/images/\(name)") == inode("\(source)/synthetic/\(name)"))
        }
        let verdicts = try lines(folder, "run/artifacts/scores.csv")
        #expect(verdicts[0] == "film,dropped by" && verdicts.count == 10)
        #expect(verdicts.last == "copy.png,columns.score")
    }

    @Test func everyScoreDropsWhatItShould() throws {
        let folder = try folder()
        let settings =
            try [
                "params.columns={}", "params.alignment={at_least: -1}", "params.reid={at_most: 1}",
                "params.distance={at_least: 0.000001}", "params.radiomics={at_most: 1, quantile: 0.1}",
                "params.files=copy",
            ] + weights
        let outcome = try run(folder, settings)
        #expect(outcome.status == 0, "\(outcome.text)")
        let rows = try lines(folder, "run/results.csv").dropFirst().map { $0.split(separator: ",").map(String.init) }
        #expect(rows.map { $0[0] } == ["images", "alignment", "reid", "distance", "radiomics", "all"])
        #expect(rows.map { $0[2] } == ["9", "9", "9", "8", "8", "8"])
        let verdicts = try lines(folder, "run/artifacts/scores.csv")
        #expect(
            verdicts[0] == "film,Alignment_score,Reid_score,Reid_score film,Latent_distance,Latent_distance film,"
                + "Radiomics_outside,dropped by")
        // The copy lies at no distance of its real film, which is named; what comes later is not asked of it.
        let copy = try #require(verdicts.last)
        #expect(copy.hasPrefix("copy.png,") && copy.hasSuffix(".png,,distance"), "\(copy)")
        let table = try lines(folder, "run/artifacts/curated/films.csv")
        #expect(
            table[0].hasSuffix(
                ",score,Alignment_score,Reid_score,Reid_score film,Latent_distance,Latent_distance film,Radiomics_outside"
            ))
        #expect(table.count == 9 && !folder.has("run/artifacts/curated/images/copy.png"))
        // The numbers are those of the experiments that they come from.
        let real = try run(folder, settings + ["params.protocol=chexgenbench"], out: "other")
        #expect(real.status == 0, "\(real.text)")
        let rounded = try lines(folder, "other/artifacts/scores.csv")[1].split(separator: ",")
        #expect(rounded[1].count <= 6 && rounded[2].count <= 6, "\(rounded)")
    }

    @Test func pathologiesAreCapped() throws {
        let folder = try folder()
        let settings = ["params.columns={}", "params.balance={cap: 1}", "params.files=symlink"]
        let outcome = try run(folder, settings)
        #expect(outcome.status == 0, "\(outcome.text)")
        let rows = try lines(folder, "run/results.csv")
        #expect(rows[0] == "Step,Pathology,Films,Kept,Dropped,Reason,Protocol,Extra Info")
        let kept = rows.filter { $0.hasPrefix("balance,") && !$0.hasPrefix("balance,,") }
        #expect(kept.count == 14)
        for row in kept {
            let cells = row.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            let (films, left) = (Int(cells[2]) ?? -1, Int(cells[3]) ?? -1)
            #expect(left <= 1 && left <= films, "\(row)")
        }
        let again = try run(folder, settings, out: "again")
        #expect(again.status == 0, "\(again.text)")
        #expect(try folder.data("run/artifacts/curated/films.csv") == folder.data("again/artifacts/curated/films.csv"))
        let name = try #require(lines(folder, "run/artifacts/curated/films.csv").last).prefix { $0 != "," }
        let link = try FileManager.default.destinationOfSymbolicLink(
            atPath: "\(folder.path)/run/artifacts/curated/\(name)")
        #expect(link.hasPrefix("/") && link.hasSuffix(".png"))
    }

    @Test func aKilledCurationGoesOn() throws {
        let folder = try folder()
        let settings =
            try ["params.columns={}", "params.distance={at_least: 0.000001}", "params.balance={cap: 4}"] + weights
        let whole = try run(folder, settings, out: "whole")
        #expect(whole.status == 0, "\(whole.text)")
        for place in ["run/journal", "run/artifacts/curated/images", "run/artifacts/scores.csv"] {
            let child = try Child(
                ["run", "curate.yaml", "--out", "run", "--quiet"] + settings.flatMap { ["--set", $0] }, in: folder)
            _ = child.waits { folder.has(place) }
            child.signal(SIGKILL)
            _ = try child.wait()
            let resumed = try Child.run(["run", "--resume", "run", "--quiet"], in: folder)
            #expect(resumed.status == 0, "\(resumed.text)")
            for file in ["results.csv", "artifacts/curated/films.csv", "artifacts/scores.csv"] {
                #expect(try folder.data("run/\(file)") == folder.data("whole/\(file)"), "\(place) \(file)")
            }
            try FileManager.default.removeItem(atPath: "\(folder.path)/run")
        }
    }

    @Test func badFilmsAreCountedOrStopTheRun() throws {
        let folder = try folder()
        let source = try PrivacyTests.inputs.get().path
        try FileManager.default.copyItem(atPath: "\(source)/synthetic", toPath: "\(folder.path)/own")
        try folder.write("own/copy.png", "<html>not found</html>")
        let outcome = try run(folder, ["params.synthetic.image_dir=own"])
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(try lines(folder, "run/results.csv")[1] == "images,9,8,1,cannot be used,exact,phantoms")
        #expect(try lines(folder, "run/artifacts/scores.csv").last == "copy.png,images")
        let stopped = try run(folder, ["params.synthetic.image_dir=own", "params.on_bad_image=stop"], out: "stopped")
        #expect(stopped.status == 1 && stopped.errors.contains("copy.png"), "\(stopped.text)")
        let none = try run(folder, ["params.columns.score={at_least: 7}"], out: "none")
        #expect(none.status == 1 && none.errors.contains("no film of 9 is left"), "\(none.text)")
        #expect(try lines(folder, "none/results.csv").last?.hasPrefix("all,9,0,9,") == true)
        let words = try run(folder, ["params.columns={quality: {at_least: 1}}"], out: "words")
        #expect(
            words.status == 1 && words.errors.contains("params.columns.quality: row 1 has \"High Quality\""),
            "\(words.text)")
    }

    /// A row without a film is left out of either table, whatever is asked of the others.
    @Test func rowsWithoutAFilmAreLeftOut() throws {
        let folder = try folder()
        let source = try PrivacyTests.inputs.get().path
        let real = try String(contentsOfFile: "\(source)/real/annotations.csv", encoding: .utf8)
        try folder.write("real.csv", real.replacing(#/r00003\.png/#, with: ""))
        try folder.write("films.csv", folder.text("films.csv").replacing(#/g00005\.png/#, with: ""))
        let outcome = try run(
            folder,
            [
                "params.real.csv=real.csv", "params.columns={}", "params.reid={at_most: 1}",
                "params.distance={at_least: 0.000001}", "params.radiomics={at_most: 1, quantile: 0.1}",
            ] + weights)
        #expect(outcome.status == 0, "\(outcome.text)")
        let log = try folder.text("run/run.log")
        #expect(log.contains("real film left out: real.csv: row") && log.contains("left out: films.csv: row"), "\(log)")
        // The neighbours' names are those of their own rows.
        let names = try lines(folder, "run/artifacts/scores.csv").dropFirst().compactMap { line in
            line.split(separator: ",").first { $0.contains("/real/") }
        }
        #expect(names.count == 8 && !names.contains { $0.hasSuffix("r00003.png") }, "\(names)")
    }

    @Test func labelsMayBeFourteenColumns() throws {
        let folder = try folder()
        let settings = ["params.columns={}", "params.balance={cap: 1}"]
        let outcome = try run(folder, settings)
        #expect(outcome.status == 0, "\(outcome.text)")
        try Study.spreadLabels("films.csv", to: "spread.csv", in: folder)
        for (name, labels) in [("b", "chexpert_labels"), ("c", "''")] {
            let other = try run(
                folder, settings + ["params.synthetic.csv=spread.csv", "params.synthetic.labels=\(labels)"], out: name)
            #expect(other.status == 0, "\(other.text)")
            #expect(try folder.data("\(name)/results.csv") == folder.data("run/results.csv"))
        }
    }

    @Test func whatIsWrongIsSaidBeforeTheRun() throws {
        let folder = try folder()
        try folder.write("header.csv", "path,annotated_prompt,chexpert_labels,quality,score\n")
        try folder.write("bad.csv", "path,annotated_prompt,chexpert_labels,quality,score\na.png,x,{'Edema': 7},y,1\n")
        for (settings, parts) in [
            (["params.columns={}"], ["params.columns", "nothing is asked"]),
            (
                ["params.columns={qualty: {one_of: [x]}}"],
                ["params.columns.qualty (", "no column \"qualty\"", "quality"]
            ),
            (["params.real.prompt=nop"], ["params.real.prompt (", "no column \"nop\""]),
            (
                ["params.synthetic.labels=nolab", "params.synthetic.prompt=nolab"],
                ["params.synthetic.labels (", "params.synthetic.prompt (", "no column \"nolab\""]
            ),
            (["params.synthetic.csv=header.csv"], ["params.synthetic.csv (", "header.csv has no rows"]),
            (
                ["params.balance={cap: 1}", "params.synthetic.csv=bad.csv"],
                ["params.synthetic.labels: bad.csv: row 1", "no CheXpert label"]
            ),
            (
                ["params.columns={quality: {noneof: [x]}}"],
                ["params.columns.quality", "unknown key \"noneof\"", "none_of"]
            ),
            (["params.columns={quality: {}}"], ["params.columns.quality", "is empty"]),
            (["params.columns={score: {at_least: 1, at_most: 0}}"], ["params.columns.score", "no film passes"]),
            (["params.columns={score: {at_least: x}}"], ["params.columns.score.at_least", "wanted a number"]),
            (["params.alignment={at_least: 0.3}"], ["params.alignment", "encoders names no biovil-t"]),
            (["params.reid={at_most: 0.5}", "params.real.csv=''"], ["params.reid", "patient-reid", "real.folder"]),
            (
                ["params.radiomics={quantile: 0.7}"],
                ["params.radiomics", "at_least or at_most", "params.radiomics.quantile"]
            ),
            (["params.balance={cap: 0}"], ["params.balance.cap", "1 or more"]),
            (["params.balance={cap: 2, pathologies: [Edama]}"], ["params.balance.pathologies", "Edama"]),
            (["params.files=link"], ["params.files", "hardlink, symlink, copy, none"]),
            (["params.encoders={inception-v3: {weights: w}}"], ["params.encoders.inception-v3"]),
        ] {
            let outcome = try run(folder, settings)
            #expect(outcome.status == 2, "\(settings): \(outcome.text)")
            for part in parts { #expect(outcome.errors.contains(part), "\(settings): \(outcome.text)") }
            #expect(!folder.has("run"))
        }
        let shipped = try Child.run(["run", "\(Places.package)/experiments/curate.yaml"], in: folder)
        #expect(shipped.status == 2, "\(shipped.text)")
        for key in [
            "synthetic.csv", "real.csv", "encoders.biovil-t.weights", "encoders.patient-reid.weights",
            "encoders.rad-dino.weights",
        ] {
            #expect(shipped.errors.contains("params.\(key)"), "\(key): \(shipped.text)")
        }
    }
}

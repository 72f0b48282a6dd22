import Foundation
import TestSupport
import Testing

/// Two folders of films in place of tables.
@Suite(.serialized) struct FolderTests {
    /// The films of the study in folders of their own, one of them nested, with `films.yaml`.
    private func folder() throws -> Scratch {
        let folder = try Study.folder()
        try folder.write(
            "films.yaml",
            """
            experiment: \(Places.package)/experiments/fidelity.lua
            seed: 7
            threads: 1
            params:
              protocol: exact
              bootstrap: 10
              floor_splits: 2
              real: { folder: real }
              synthetic: { folder: synthetic, pattern: "*.png" }

            """)
        return folder
    }

    private func rows(_ folder: Scratch, _ file: String) throws -> [[String: String]] {
        let lines = try folder.text(file).split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        return lines.dropFirst().map { line in
            Dictionary(zip(lines[0], line).map { (String($0), String($1)) }) { first, _ in first }
        }
    }

    @Test func twoFoldersAreEnough() throws {
        let folder = try folder()
        let outcome = try Child.run(["run", "films.yaml", "--out", "a", "--quiet"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let row = try #require(rows(folder, "a/results.csv").first)
        #expect(row["Real images"] == "10" && row["Synthetic images"] == "10")
        #expect(row["FRD"].flatMap(Double.init) != nil && row["Caption Type"] == nil)
        #expect(try folder.text("a/run.yaml").contains("real/**"))
        // The same films by tables give the same number.
        try folder.write(
            "tables.lua",
            """
            local dataset = require "chexgen.dataset"
            for _, side in ipairs { "real", "synthetic" } do
              dataset.write(dataset.folder { path = side, prompts = "name" }, side .. "/films.csv")
            end

            """)
        let made = try Child.run(["run", "tables.lua", "--allow-write", "."], in: folder)
        #expect(made.status == 0, "\(made.text)")
        let sets = ["real", "synthetic"].flatMap { side in
            ["--set", "params.\(side)={csv: \(side)/films.csv, image_dir: \(side), image: path, prompt: prompt}"]
        }
        let tables = try Child.run(["run", "films.yaml", "--out", "b", "--quiet"] + sets, in: folder)
        #expect(tables.status == 0, "\(tables.text)")
        #expect(try rows(folder, "b/results.csv").first?["FRD"] == row["FRD"])
    }

    /// A folder on the command line takes the place of the tables of a shipped YAML; the run is pinned to its list of files.
    @Test func aFolderTakesThePlaceOfATable() throws {
        let folder = try folder()
        let words = [
            "run", "study.yaml", "--quiet", "--set", "params.real.csv=none.csv", "--set", "params.real.folder=real",
        ]
        let outcome = try Child.run(words + ["--out", "a"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let again = try Child.run(["run", "a/run.yaml", "--out", "b", "--quiet"], in: folder)
        #expect(again.status == 0, "\(again.text)")
        #expect(try folder.data("a/results.csv") == folder.data("b/results.csv"))
        let film = try #require(
            FileManager.default.enumerator(atPath: "\(folder.path)/real")?.compactMap { $0 as? String }
                .first { $0.hasSuffix(".png") })
        try FileManager.default.copyItem(
            atPath: "\(folder.path)/real/\(film)", toPath: "\(folder.path)/real/one_more.png")
        let more = try Child.run(["run", "a/run.yaml", "--out", "c", "--quiet"], in: folder)
        #expect(more.status == 3 && more.errors.contains("some were added, removed or renamed"), "\(more.text)")
        // No table of the YAML is read, neither by --set nor by name.
        #expect(try !folder.text("a/run.yaml").contains("none.csv: "))
    }

    @Test func aKilledRunOfFoldersGoesOn() throws {
        let folder = try folder()
        for side in ["real", "synthetic"] {
            for film in FileManager.default.enumerator(atPath: "\(folder.path)/\(side)")?.compactMap({ $0 as? String })
                ?? []
            where film.hasSuffix(".png") {
                try folder.write("\(side)/\(film.dropLast(4)).txt", "A film of \(film).")
            }
        }
        let sets = ["real", "synthetic"].flatMap { ["--set", "params.\($0).prompts=txt"] }
        let inputs = ["real", "synthetic"].flatMap { ["--allow-read", $0] }
        let whole = try Child.run(["run", "films.yaml", "--out", "a", "--quiet"] + sets + inputs, in: folder)
        #expect(whole.status == 0, "\(whole.text)")
        let child = try Child(["run", "films.yaml", "--out", "run"] + sets + inputs, in: folder)
        _ = child.waits { folder.has("run/journal") }
        child.signal(SIGKILL)
        _ = try child.wait()
        let shut = try Child.run(["run", "--resume", "run", "--sealed"], in: folder)
        #expect(shut.status != 0 && shut.errors.contains("may not read there"), "\(shut.text)")
        let resumed = try Child.run(["run", "--resume", "run", "--sealed"] + inputs, in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        for file in ["results.csv", "results_long.csv"] {
            #expect(try folder.data("run/\(file)") == folder.data("a/\(file)"))
        }
        // A text is an input as an image is.
        let text = try #require(
            FileManager.default.enumerator(atPath: "\(folder.path)/real")?.compactMap { $0 as? String }
                .first { $0.hasSuffix(".txt") })
        try folder.write("real/\(text)", "Another film.")
        let changed = try Child.run(["run", "a/run.yaml", "--out", "b", "--quiet"], in: folder)
        #expect(changed.status == 3 && changed.errors.contains(text), "\(changed.text)")
    }

    @Test func whatIsWrongWithAFolderIsSaidBeforeTheRun() throws {
        let folder = try folder()
        try folder.write("empty/readme.txt", "x")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/empty/back", withDestinationPath: "..")
        for (settings, parts) in [
            (["real.folder=nowhere"], ["params.real.folder", "films.yaml", "there is no such folder"]),
            (["real.folder=films.yaml"], ["params.real.folder", "a folder is wanted"]),
            (["real.folder=empty", "real.pattern='*.jpg'"], ["params.real.folder", "it leads back to"]),
            (["synthetic.pattern='*.gif'"], ["params.synthetic.folder", "that fits the pattern"]),
            (["synthetic.pattern='['"], ["params.synthetic.pattern", "is not closed"]),
            (["synthetic.prompts=text"], ["params.synthetic.prompts", "none, txt, name"]),
            (["synthetic.prompts=txt"], ["params.synthetic.folder", "10 of 10 images have no .txt file"]),
            (["real.labels=finding"], ["params.real.folder", "no column \"finding\""]),
            (["encoders.biovil-t.weights=weights"], ["params.real.prompts", "params.synthetic.prompts", "txt"]),
            (["real.folder=''", "real.csv=''"], ["params.real.csv", "--set params.real.folder=FOLDER"]),
        ] {
            let outcome = try Child.run(
                ["run", "films.yaml", "--out", "run", "--quiet"] + settings.flatMap { ["--set", "params." + $0] },
                in: folder)
            #expect(outcome.status == 2, "\(settings): \(outcome.text)")
            for part in parts { #expect(outcome.errors.contains(part), "\(settings): \(outcome.text)") }
            #expect(!folder.has("run"))
        }
        // Pathologies are labels, which a folder's films do not have.
        for name in ["conditional", "alignment"] {
            let outcome = try Child.run(
                [
                    "run", "\(Places.package)/experiments/\(name).yaml", "--set", "params.real.folder=real", "--set",
                    "params.pathologies=[Edema]",
                ], in: folder)
            #expect(outcome.status == 2 && outcome.errors.contains("params.real.folder"), "\(outcome.text)")
        }
    }
}

import Foundation
import TestSupport
import Testing

/// The experiments `privacy` and `alignment` on phantoms, with random weights.
@Suite(.serialized) struct PrivacyTests {
    static let inputs = Result { () -> Scratch in
        let folder = try Scratch(isShared: true)
        for name in ["real", "synthetic", "weights", "biovil"] { mkdir("\(folder.path)/\(name)", 0o755) }
        for file in ["command_line/pairs.lua", "small_encoder.lua", "small_pairs.lua"] {
            let name = (file as NSString).lastPathComponent
            try FileManager.default.copyItem(
                atPath: "\(Places.package)/Tests/Lua/\(file)", toPath: "\(folder.path)/\(name)")
        }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/chexgen", withDestinationPath: Places.package + "/lua/chexgen")
        let outcome = try Child.run(["run", "pairs.lua", "--allow-write", ".", folder.path], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return folder
    }

    /// A folder with `privacy.yaml` and `alignment.yaml`; inputs are read where they are.
    private func folder() throws -> Scratch {
        let source = try Self.inputs.get().path
        let folder = try Scratch()
        let tables = """
              name: phantoms
              real: { csv: \(source)/real/annotations.csv, image_dir: \(source)/real, image: path, id: id }
              synthetic: { csv: \(source)/synthetic/films.csv, image_dir: \(source)/synthetic, image: path }

            """
        try folder.write(
            "privacy.yaml",
            "experiment: \(Places.package)/experiments/privacy.lua\nseed: 3\nparams:\n  n: 0\n  search: true\n  compat: true\n"
                + "  calibration_films: 4\n  gallery: 3\n" + tables
                + "  encoders: { patient-reid: { weights: \(source)/reid.safetensors }, rad-dino: { weights: \(source)/weights } }\n"
        )
        try folder.write(
            "alignment.yaml",
            "experiment: \(Places.package)/experiments/alignment.lua\nparams:\n  pathologies: all\n"
                + tables.replacingOccurrences(of: ", id: id", with: "")
                + "  encoders: { biovil-t: { weights: \(source)/biovil } }\n")
        return folder
    }

    private func run(_ folder: Scratch, _ file: String, _ settings: [String] = []) throws -> Child.Outcome {
        try Child.run(
            ["run", file, "--out", "run", "--quiet"] + settings.flatMap { ["--set", $0] }, in: folder)
    }

    private func lines(_ folder: Scratch, _ file: String) throws -> [String] {
        try folder.text(file).split(separator: "\n").map(String.init)
    }

    @Test func aCopyIsFoundAmongAllFilms() throws {
        let folder = try folder()
        let outcome = try run(folder, "privacy.yaml")
        #expect(outcome.status == 0, "\(outcome.text)")
        let table = try lines(folder, "Results/privacy_metrics_phantoms.csv")
        #expect(
            table[0] == "Real Path,Prompt,Mean_reid_scores,Max_reid_scores,Mean_pixel_distance,Min_pixel_distance,"
                + "Mean_latent_distance,Min_latent_distance,Wrapped pixel distance of the last film")
        let found = try #require(
            lines(folder, "Results/privacy_search_phantoms.csv").first { $0.contains("copy.png") })
        let source = try #require(lines(folder, "run/artifacts/suspicious_pairs.csv").dropFirst().first)
        // By features the copy is the film itself, at no distance.
        let first = try lines(Self.inputs.get(), "real/annotations.csv")[1].split(separator: ",").map(String.init)
        #expect(found.hasSuffix(",0.0") && found.contains(first[1]), "\(found)")
        #expect(source.contains("copy.png") || !source.isEmpty)
        let results = try lines(folder, "run/results.csv")
        #expect(
            results[0].hasPrefix("Threshold,Count_max,Count_mean,Prompts,Films,Prompts left out,Protocol,Extra Info,"))
        #expect(results.count == 2 && results[1].contains(",chexgenbench,phantoms,"))
        for file in ["reid_scores.svg", "suspicious_pairs.png", "nearest.csv", "calibration.csv"] {
            #expect(FileManager.default.fileExists(atPath: "\(folder.path)/run/artifacts/\(file)"), "\(file)")
        }
        // A second run writes the tables anew, and finds the same.
        let again = try Child.run(["run", "privacy.yaml", "--out", "again", "--quiet"], in: folder)
        #expect(again.status == 0, "\(again.text)")
        #expect(try lines(folder, "Results/privacy_metrics_phantoms.csv") == table)
    }

    @Test func exactScoresAreNotRounded() throws {
        let folder = try folder()
        let outcome = try run(
            folder, "privacy.yaml",
            ["params.protocol=exact", "params.search=false", "params.compat=false", "params.thresholds=[0.1,0.5,0.99]"])
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(try lines(folder, "run/results.csv").count == 4)
        let row = try lines(folder, "Results/privacy_metrics_phantoms.csv")[1].split(separator: ",")
        #expect(row.last.map { $0.count > 8 } ?? false, "\(row)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/Results/privacy_search_phantoms.csv"))
    }

    @Test func whatIsWrongIsSaidBeforeTheRun() throws {
        let folder = try folder()
        for (settings, parts) in [
            (["params.model=SD-V1-5"], ["params.model", "params.synthetic.csv"]),
            (["params.synthetic.csv=nowhere.csv", "params.n=9"], ["nowhere.csv", "params.n", "8 rows"]),
            (["params.encoders={}"], ["params.encoders", "patient-reid"]),
            (["params.thresholds=[1.5]", "params.protocol=ex"], ["params.thresholds", "params.protocol"]),
            (["params.encoders.patient-reid.weights=none.pth"], ["none.pth"]),
        ] {
            let outcome = try run(folder, "privacy.yaml", settings)
            #expect(outcome.status == 1 || outcome.status == 2)
            for part in parts { #expect(outcome.errors.contains(part), "\(part) in \(outcome.errors)") }
            #expect(!outcome.errors.contains("stack traceback"))
            #expect(!FileManager.default.fileExists(atPath: folder.path + "/run"))
        }
    }

    @Test func alignmentOfAllAndByPathology() throws {
        let folder = try folder()
        let outcome = try run(folder, "alignment.yaml")
        #expect(outcome.status == 0, "\(outcome.text)")
        let all = try lines(folder, "Results/img_text_alignment.csv")
        #expect(all[0] == "Alignment_score,Extra Info" && all.count == 2 && all[1].hasSuffix(",phantoms"))
        let parts = try lines(folder, "Results/conditional_img_text_alignment.csv")
        #expect(parts[0] == "Alignment_score,Extra Info,Pathology" && parts.count > 2)
        let results = try lines(folder, "run/results.csv")
        let columns = results[0].split(separator: ",", omittingEmptySubsequences: false)
        #expect(columns[0] == "Alignment_score" && results.count == 16)
        for name in [
            "Images", "Protocol", "Extra Info", "Pathology", "Alignment_score floor", "Alignment_score chance",
        ] {
            #expect(columns.contains { $0 == name }, "\(name)")
        }
        // Nine films: eight, and the copy.
        #expect(results[1].contains(",9,"))
    }

    @Test func captionsThatCannotBeReadAreListed() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        let long = String(repeating: "effusion ", count: 600)
        try folder.write(
            "films.csv",
            try lines(Self.inputs.get(), "synthetic/films.csv").joined(separator: "\n")
                + "\ncopy.png,\ncopy.png,\(long)\n")
        let settings = ["params.synthetic.csv=films.csv", "params.synthetic.image_dir=\(source)/synthetic"]
        let stopped = try run(folder, "alignment.yaml", settings)
        #expect(stopped.status == 1)
        for part in ["2 of 11", "row 10", "no caption", "row 11", "512", "on_bad_image: skip"] {
            #expect(stopped.errors.contains(part), "\(part) in \(stopped.errors)")
        }
        let skipped = try Child.run(
            ["run", "alignment.yaml", "--out", "skipped", "--quiet"]
                + (settings + ["params.on_bad_image=skip", "params.pathologies=[]"]).flatMap { ["--set", $0] },
            in: folder)
        #expect(skipped.status == 0, "\(skipped.text)")
        #expect(try lines(folder, "skipped/results.csv")[1].contains(",9,"))
    }

    @Test func fidelityHasTheAlignmentWhereItsEncoderIsConfigured() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        let text = try folder.text("alignment.yaml").replacingOccurrences(of: "alignment.lua", with: "fidelity.lua")
            .replacingOccurrences(of: "  pathologies: all\n", with: "  frd: false\n  bootstrap: 0\n  floor_splits: 0\n")
            .replacingOccurrences(of: "{ biovil-t:", with: "{ rad-dino: { weights: \(source)/weights }, biovil-t:")
        try folder.write("fidelity.yaml", text)
        let outcome = try run(folder, "fidelity.yaml")
        #expect(outcome.status == 0, "\(outcome.text)")
        let line = try lines(folder, "run/results.jsonl")[0]
        let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let score = try #require(row["Alignment_score"] as? Double)
        let (low, high) = try (
            #require(row["Alignment_score low"] as? Double), #require(row["Alignment_score high"] as? Double)
        )
        #expect(low <= score && score <= high && row["Alignment_score floor"] as? Double != nil)
        // It tells of single films: no distance of sets is taken of its vectors.
        #expect(row.keys.allSatisfy { !$0.contains("BioViL") } && row["FID (RadDino)"] as? Double != nil)
    }
}

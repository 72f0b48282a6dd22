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
                + "Mean_latent_distance,Min_latent_distance,Mean wrapped pixel distance,Min wrapped pixel distance,"
                + "Pixel distance of the last film,Wrapped pixel distance of the last film")
        // The reference keeps four decimals of every score.
        for cell in table[1].split(separator: ",").suffix(4) {
            #expect((cell.split(separator: ".").last?.count ?? 9) <= 4, "\(table[1])")
        }
        let found = try #require(
            lines(folder, "Results/privacy_search_phantoms.csv").first { $0.contains("copy.png") })
        // By features the copy is the film itself, at no distance; by re-identification it is the most suspicious of all.
        let first = try lines(Self.inputs.get(), "real/annotations.csv")[1].split(separator: ",").map(String.init)
        #expect(found.hasSuffix(",0.0") && found.contains(first[1]), "\(found)")
        let source = try #require(lines(folder, "run/artifacts/suspicious_pairs.csv").dropFirst().first)
        #expect(source.hasPrefix("1,reid,0.95") && source.contains("copy.png"), "\(source)")
        #expect(source.contains(first[1]), "\(source)")
        let results = try lines(folder, "run/results.csv")
        #expect(
            results[0].hasPrefix("Threshold,Count_max,Count_mean,Prompts,Films,Prompts left out,Protocol,Extra Info,"))
        #expect(results.count == 2 && results[1].contains(",chexgenbench,phantoms,"))
        for name in [
            "Calibrated threshold", "True-positive rate", "Search rate above it floor", "Rate below latent limit high",
        ] {
            #expect(results[0].contains(name), "\(name)")
        }
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

    /// The first row of a run's results.
    private func row(_ folder: Scratch, _ path: String = "run/results.jsonl") throws -> [String: Any] {
        let line = try lines(folder, path)[0]
        return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    @Test func patientsComeFromPathsToo() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        let outcome = try run(
            folder, "privacy.yaml",
            [
                "params.real.csv=\(source)/mimic/annotations.csv", "params.real.image_dir=\(source)/mimic",
                "params.real.id=''", "params.calibration_films=100", "params.false_positive_rate=0.25",
            ])
        #expect(outcome.status == 0, "\(outcome.text)")
        let calibration = try lines(folder, "run/artifacts/calibration.csv")
        // Four patients of two films: four pairs of one, and 8 · 6 / 2 of two, each once.
        #expect(calibration[1].hasPrefix("threshold that a share of 0.25 of real pairs"))
        #expect(calibration[1].hasSuffix(",24"))
        #expect(calibration[2].hasPrefix("real pairs of one patient above it") && calibration[2].hasSuffix(",4"))
        let row = try row(folder)
        #expect(row["Floor films"] as? Int == 8 && row["Floor patients"] as? Int == 4)
        #expect(row["Floor films of a film's own patient"] as? Int == 0 && row["Floor copies left out"] as? Int == 0)
        #expect(row["True-positive rate low"] as? Double != nil)
        // A share with its interval: what is rare is not certain.
        let rate = try #require(row["Rate below latent limit"] as? Double)
        let (low, high) = try (
            #require(row["Rate below latent limit low"] as? Double),
            #require(row["Rate below latent limit high"] as? Double)
        )
        #expect(low <= rate && rate <= high && high - low > 0.2)
    }

    @Test(arguments: [
        ("unnamed", ["not calibrated: the real table names no patients", "no floor"], false),
        ("single", ["there are no pairs of one patient", "floor: 4 real films of 4 patients"], true),
        ("one", ["all real films are of one patient", "no floor"], false),
        // Six of eight films name a patient, two of them each the same one: 2 pairs of one, and 15 less those.
        (
            "some",
            [
                "2 of 8 real films name no patient: they are in no pair",
                "there are 13: the limit is passed by 1 of them",
                "floor: 4 real films of", "not looked for among 2 real films",
            ], true
        ),
    ])
    func whatATableOfPatientsLacksIsSaid(table: String, says: [String], isCalibrated: Bool) throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        let outcome = try Child.run(
            ["run", "privacy.yaml", "--out", "run", "--set", "params.real.csv=\(source)/real/\(table).csv"]
                + ["--set", "params.real.id=''"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        for part in says { #expect(outcome.text.contains(part), "\(part) in \(outcome.text)") }
        #expect(folder.has("run/artifacts/calibration.csv") == isCalibrated)
        #expect(try row(folder)["Calibrated threshold"] as? Double != nil || !isCalibrated)
    }

    @Test func heldOutFilmsAreTheFloor() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        let outcome = try Child.run(
            ["run", "privacy.yaml", "--out", "run", "--set", "params.held_out.csv=\(source)/held/films.csv"]
                + ["--set", "params.held_out.image_dir=\(source)/held", "--set", "params.calibration_films=100"],
            in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        for part in [
            "floor: 4 held-out films of 4 patients", "patients in both tables: 1", "floor: 1 films left out",
            "found beside one of their own: 0",
        ] { #expect(outcome.text.contains(part), "\(part) in \(outcome.text)") }
        let row = try row(folder)
        #expect(row["Search rate above it direction"] as? String == "lower" && row["Search limit direction"] == nil)
        #expect(row["Floor patients trained on"] as? Int == 1 && row["Floor copies left out"] as? Int == 1)
        #expect((row["Search rate above it identity"] as? String)?.contains("4 held_out films") == true)
    }

    /// What cannot be known is not told as proven.
    @Test(arguments: [
        (
            "annotations", "unnamed", 4, 2, nil,
            ["not shown: the held-out table names no patients", "1 films left out"]
        ),
        ("unnamed", "films", 4, 4, nil, ["not shown: the real table names no patients", "byte for byte, too"]),
        (
            "some", "some", 2, 2, 0,
            ["floor: 3 held-out films left out, whose patients are unknown", "among 2 real films"]
        ),
    ])
    func aFloorOfUnknownPatientsIsNoProof(
        real: String, heldOut: String, films: Int, patients: Int, own: Int?, says: [String]
    ) throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        let outcome = try Child.run(
            ["run", "privacy.yaml", "--out", "run", "--set", "params.held_out.csv=\(source)/held/\(heldOut).csv"]
                + ["--set", "params.held_out.image_dir=\(source)/held", "--set", "params.calibration_films=100"]
                + ["--set", "params.real.csv=\(source)/real/\(real).csv", "--set", "params.real.id=''"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        for part in says { #expect(outcome.text.contains(part), "\(part) in \(outcome.text)") }
        let row = try row(folder)
        #expect(row["Floor films"] as? Int == films)
        #expect(row["Floor films of a film's own patient"] as? Int == own)
        #expect((row["Floor patients trained on"] as? Int == nil) == (own == nil))
        let identity = try #require(row["Search limit identity"] as? String)
        #expect(identity.contains("of unknown patients") == (own == nil), "\(identity)")
        #expect(row["Floor patients"] as? Int == (heldOut == "unnamed" ? nil : patients), "\(outcome.text)")
    }

    /// Where films are alike, less of them pass a limit than the rate says, and it is said.
    @Test func limitsTellWhatPassesThem() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        let outcome = try Child.run(
            ["run", "privacy.yaml", "--out", "run", "--set", "params.real.csv=\(source)/alike/films.csv"]
                + ["--set", "params.real.image_dir=\(source)/alike", "--set", "params.real.id=''"]
                + ["--set", "params.false_positive_rate=0.34"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(outcome.text.contains("passed by 0 of them, others are level with it"), "\(outcome.text)")
        let calibration = try lines(folder, "run/artifacts/calibration.csv")
        #expect(calibration[1].hasPrefix("threshold that a share of 0 of real pairs"), "\(calibration)")
        let row = try row(folder)
        for name in ["Rate above it floor", "Rate above search limit floor", "Rate below latent limit floor"] {
            #expect(row[name] as? Double == 0, "\(name)")
        }
    }

    @Test func filmsOfPromptsThatAreLeftOutAreNotCounted() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        let table = try lines(Self.inputs.get(), "real/annotations.csv")
        let cells = table[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let first = table[1].replacingOccurrences(of: cells[1], with: "none.png")
        try folder.write("real.csv", ([table[0], first] + table[2...]).joined(separator: "\n"))
        let outcome = try Child.run(
            ["run", "privacy.yaml", "--out", "run", "--set", "params.real.csv=real.csv"]
                + ["--set", "params.real.image_dir=\(source)/real", "--set", "params.on_bad_image=skip"]
                + ["--set", "params.real.id=''", "--set", "params.search=false"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(outcome.text.contains("7 prompts with 8 films; prompts left out: 1, with 1 films"), "\(outcome.text)")
        let row = try row(folder)
        #expect(row["Films"] as? Int == 8 && row["Prompts"] as? Int == 7)
        #expect((row["Max_reid_scores identity"] as? String)?.contains("n_synthetic=8") == true)
    }

    @Test func anEncoderOfOnesOwnComparesFilms() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        try FileManager.default.copyItem(
            atPath: "\(Places.package)/Tests/Lua/command_line/levels.lua", toPath: folder.path + "/levels.lua")
        let first = try lines(Self.inputs.get(), "real/annotations.csv")[1].split(separator: ",").map(String.init)
        for role in ["reid", "latent"] {
            let other =
                role == "reid"
                ? "rad-dino: {weights: \(source)/weights}" : "patient-reid: {weights: \(source)/reid.safetensors}"
            let outcome = try Child.run(
                ["run", "privacy.yaml", "--out", role, "--set", "params.modules=[levels]"]
                    + ["--set", "params.\(role)_encoder=levels", "--set", "params.encoders={levels: {}, \(other)}"],
                in: folder)
            #expect(outcome.status == 0, "\(outcome.text)")
            // The copy is the film itself.
            let found = try #require(
                lines(folder, "Results/privacy_search_phantoms.csv").first { $0.contains("copy.png") })
            #expect(found.contains(first[1]) && found.contains(role == "reid" ? ",1.0," : ",0.0"), "\(found)")
            let row = try row(folder, "\(role)/results.jsonl")
            let column = role == "reid" ? "Max_reid_scores" : "Min_latent_distance"
            #expect((row[column + " identity"] as? String)?.contains("encoder=levels") == true)
        }
        for (settings, parts) in [
            (
                ["params.reid_encoder=rad-dino", "params.latent_encoder=inception-v3"],
                ["params.reid_encoder", "compares no images"]
            ),
            (["params.latent_encoder=patient-reid"], ["params.reid_encoder", "two encoders"]),
            (["params.latent_encoder=rad-dyno"], ["params.latent_encoder", "rad-dyno"]),
        ] {
            let outcome = try run(
                folder, "privacy.yaml", settings + ["params.encoders={rad-dino: {weights: \(source)/weights}}"])
            #expect(outcome.status != 0)
            for part in parts { #expect(outcome.errors.contains(part), "\(part) in \(outcome.errors)") }
            #expect(!outcome.errors.contains("stack traceback"))
        }
    }

    @Test func namesThatMayMeanOnePatientAreAnErrorBeforeFilmsAreMade() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        for (settings, parts) in [
            (["params.real.csv=\(source)/real/unclear.csv"], ["params.real.patient", "may be one patient or two"]),
            (
                ["params.held_out.csv=\(source)/held/unclear.csv", "params.real.csv=\(source)/real/single.csv"],
                ["params.held_out.patient", "may be one patient or two"]
            ),
        ] {
            let outcome = try Child.run(
                ["run", "privacy.yaml", "--out", "run"]
                    + (settings + ["params.real.id=''"]).flatMap { ["--set", $0] }, in: folder)
            #expect(outcome.status == 1)
            for part in parts { #expect(outcome.errors.contains(part), "\(part) in \(outcome.errors)") }
            #expect(!outcome.errors.contains("stack traceback") && !outcome.text.contains("synthetic films have"))
        }
    }

    @Test func aKilledRunGoesOn() throws {
        let folder = try folder()
        let whole = try run(folder, "privacy.yaml")
        #expect(whole.status == 0, "\(whole.text)")
        let tables = ["Results/privacy_metrics_phantoms.csv", "Results/privacy_search_phantoms.csv"]
        let expected = try tables.map { try folder.text($0) }
        let child = try Child(["run", "privacy.yaml", "--out", "killed"], in: folder)
        try #require(child.waits { folder.has("killed/journal") && folder.size("killed/journal") > 0 })
        child.signal(SIGKILL)
        _ = try child.wait()
        let resumed = try Child.run(["run", "privacy.yaml", "--resume", "killed"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        #expect(try tables.map { try folder.text($0) } == expected)
        #expect(try folder.text("killed/results.csv") == folder.text("run/results.csv"))
    }

    /// Features take 300 MB, all distances at once would take 1.6 GB.
    @Test func theNearestOfManyFilmsAreFoundInLittleMemory() throws {
        let folder = try Scratch()
        try folder.write(
            "nearest.lua",
            """
            local metric, tensor = require "chexgen.metric", require "chexgen.tensor"
            local random = tensor.generator(5)
            local films, queries = tensor.randn({ 100000, 768 }, random), tensor.randn({ 2000, 768 }, random)
            local distances, rows = metric.nearest(queries, films, { k = 5 })
            local last = films:narrow(1, rows[2000][5]:item(), 1) - queries:narrow(1, 2000, 1)
            print(("%.3f"):format(math.abs((last * last):sum():item() ^ 0.5 - distances[2000][5]:item())))

            """)
        let child = try Child(["run", "nearest.lua"], in: folder)
        var peak = 0
        _ = child.waits {
            peak = max(peak, child.peak)
            return false
        }
        let outcome = try child.wait()
        #expect(outcome.status == 0 && outcome.output.hasSuffix("0.000\n"), "\(outcome.text)")
        #expect(peak > 300 << 20 && peak < 1 << 30, "\(peak >> 20) MB")
    }

    @Test func withoutAnyFilmItSaysSo() throws {
        let folder = try folder()
        let source = try Self.inputs.get().path
        let outcome = try run(
            folder, "privacy.yaml",
            ["params.synthetic.csv=\(source)/synthetic/broken.csv", "params.on_bad_image=skip"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("none of the 1 synthetic images can be used"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("stack traceback"))
    }

    @Test func aSweepShowsItsOwnNumbers() throws {
        let folder = try Study.generationFolder()
        let source = try Self.inputs.get().path
        try folder.write(
            "privacy.yaml",
            """
            experiment: \(Places.package)/experiments/privacy.lua
            params:
              model: SD-V1-5
              weights: pipeline
              n: 2
              width: 16
              height: 16
              real: { csv: real/annotations.csv, image_dir: real }
              encoders: { rad-dino: { weights: \(source)/weights } }
            sweep: { guidance_scale: [1.0, 5.0], steps: [2], seeds: [[1], [2, 3]] }

            """)
        let outcome = try Child.run(["run", "privacy.yaml", "--out", "run"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let cells = try lines(folder, "run/artifacts/sweep/cells.csv")
        #expect(cells.count == 5, "\(cells)")
        #expect(
            cells[0] == "row,guidance_scale,seeds,steps,state,message,Mean_pixel_distance,Min_pixel_distance,"
                + "Mean_latent_distance,Min_latent_distance")
        #expect(cells[1].hasPrefix("1,1,1,2,done,,") && cells[2].hasPrefix("2,1,2 3,2,done,,"), "\(cells)")
        #expect(folder.size("run/artifacts/sweep/heatmap_Mean_latent_distance_1.svg") > 100)
    }

    @Test func whatIsWrongIsSaidBeforeTheRun() throws {
        let folder = try folder()
        try folder.write("other.csv", "path,annotated_prompt\ng00001.png,another prompt\n")
        try folder.write("header.csv", "path,annotated_prompt\n")
        for (settings, parts) in [
            (["params.model=SD-V1-5"], ["params.model", "params.synthetic.csv"]),
            (["params.synthetic.csv=nowhere.csv", "params.n=9"], ["nowhere.csv", "params.n", "8 rows"]),
            (["params.encoders={}"], ["params.encoders", "patient-reid"]),
            (["params.thresholds=[1.5]", "params.protocol=ex"], ["params.thresholds", "params.protocol"]),
            (["params.encoders.patient-reid.weights=none.pth"], ["none.pth"]),
            (["params.encoders.biovil-t.weights=none"], ["params.encoders.biovil-t", "not used here"]),
            (["params.name=a/b"], ["params.name", "slash"]),
            (["params.seeds=[3,3]"], ["params.seeds", "twice"]),
            (["params.held_out.csv=nowhere.csv"], ["params.held_out.csv", "nowhere.csv"]),
            (["params.held_out.csv=nowhere.csv", "params.search=false"], ["params.search"]),
            (
                ["params.synthetic.csv=other.csv"],
                ["params.synthetic.csv", "no film has one of the real films' prompts"]
            ),
            (["params.synthetic.csv=header.csv"], ["params.synthetic.csv", "has no rows"]),
            (["params.real.prompt=''"], ["params.real.prompt", "is empty: name the column"]),
        ] {
            let outcome = try run(folder, "privacy.yaml", settings)
            #expect(outcome.status == 2)
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
        // The floor of a pathology is that of its own real films.
        let place = try #require(columns.firstIndex(of: "Alignment_score floor"))
        let floors = results.dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false)[place] }
        #expect(Set(floors).count > 2, "\(floors)")
        // Nine films: eight, and the copy.
        #expect(results[1].contains(",9,"))
    }

    @Test func theLookBeforeARunSeesTheColumnsOfRealFilms() throws {
        let folder = try folder()
        for (settings, parts) in [
            (["params.real.image=nowhere"], ["params.real.image (", "nowhere"]),
            // One that nobody asks for is misspelt all the same.
            (["params.real.labels=nowhere", "params.pathologies=[]"], ["params.real.labels (", "nowhere"]),
            (
                ["params.real.labels=''", "params.pathologies=[Edema]"],
                ["params.real.labels (", "without a label column"]
            ),
        ] {
            let outcome = try run(folder, "alignment.yaml", settings)
            #expect(outcome.status == 2, "\(outcome.text)")
            for part in parts { #expect(outcome.errors.contains(part), "\(outcome.errors)") }
            #expect(!folder.has("run") && !outcome.errors.contains("stack traceback"))
        }
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
        let row = try row(folder, "skipped/results.jsonl")
        #expect(row["Images"] as? Int == 9 && row["Images left out"] as? Int == 2)
        let left = try lines(folder, "skipped/artifacts/skipped.csv")
        #expect(left.count == 3 && left[1].contains("it has no caption") && left[2].contains("512"), "\(left)")
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
        #expect(row["Alignment_score chance"] as? Double != nil)
        #expect((row["Alignment_score identity"] as? String)?.contains("texts=") == true)
        // It tells of single films: no distance of sets is taken of its vectors.
        #expect(row.keys.allSatisfy { !$0.contains("BioViL") } && row["FID (RadDino)"] as? Double != nil)
    }
}

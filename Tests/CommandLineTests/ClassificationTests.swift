import Foundation
import TestSupport
import Testing

/// The classification experiment on small films of noise: what it leaves behind, and that killed training goes on.
@Suite struct ClassificationTests {
    private static let films = Result { () -> Scratch in
        let folder = try Scratch(isShared: true)
        let script = "\(Places.package)/Tests/Lua/command_line/films.lua"
        let outcome = try Child.run(["run", script, "--allow-write", ".", folder.path], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return folder
    }

    /// A folder with `study.yaml`.
    private func study() throws -> Scratch {
        let films = try Self.films.get().path
        let folder = try Scratch()
        try folder.write(
            "study.yaml",
            """
            experiment: \(Places.package)/experiments/classification.lua
            seed: 42
            threads: 2
            params:
              setting: augmented
              results: Results
              train: { csv: \(films)/train.csv, real_dir: \(films), synthetic_dir: \(films) }
              test: { csv: \(films)/test.csv, image_dir: \(films) }
              network: resnet18
              validation: 0.2
              epochs: 2
              batch: 8
              bootstrap: 20
              save_predictions: true

            """)
        return folder
    }

    private func run(_ folder: Scratch, _ arguments: String...) throws -> String {
        let outcome = try Child.run(["run"] + arguments, in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return outcome.text
    }

    @Test func killedTrainingGoesOnToTheSameBits() throws {
        let folder = try study()
        let text = try run(folder, "study.yaml", "--out", "whole")
        // The reference's split of rows lets twins and patients stand on both sides, which is said.
        #expect(text.contains("10 real and 10 synthetic films; 16 to train on, 4 for validation, 6 real ones to test"))
        #expect(!text.contains(" 0 studies with a film on both sides"))
        #expect(text.contains("test: 1 patients shared"))
        #expect(text.contains("uncertain ones are 0"))

        let child = try Child(["run", "study.yaml", "--out", "killed"], in: folder)
        try #require(child.waits { folder.has("killed/artifacts/checkpoint.safetensors") })
        child.signal(SIGKILL)
        #expect(try child.wait().status == 128 + SIGKILL)
        let resumed = try run(folder, "--resume", "killed")
        #expect(!resumed.contains("epoch 1 of 2: training loss"))
        for file in ["results.csv", "artifacts/classifier.safetensors", "artifacts/predictions.csv"] {
            #expect(try folder.data("killed/\(file)") == folder.data("whole/\(file)"), "\(file)")
        }

        let metrics = try folder.text("whole/artifacts/metrics.csv").split(separator: "\n")
        #expect(metrics.count == 2)
        let columns = metrics[0].split(separator: ",")
        #expect(columns.count == 8 + 4 * 14 && columns[0] == "accuracy" && columns[7] == "auc_macro")
        #expect(columns[8] == "precision_Atelectasis" && columns[63] == "auc_Support Devices")
        let classes = try folder.text("whole/artifacts/per_class_metrics.csv").split(separator: "\n")
        #expect(classes.count == 15 && classes[0] == "class,precision,recall,f1,auc")
        let predictions = try folder.text("whole/artifacts/predictions.csv").split(separator: "\n")
        #expect(predictions.count == 7 && predictions[0].hasPrefix("path,Atelectasis_prob,Atelectasis_pred,"))
        #expect(try folder.text("whole/results.csv").split(separator: "\n").count == 16)
        #expect(try folder.text("Results/classification_metrics.csv").split(separator: "\n").count == 3)
        for plot in ["losses.svg", "roc_curves.svg", "confusion/edema.svg"] {
            #expect(folder.has("whole/artifacts/\(plot)"), "\(plot)")
        }
        #expect(!folder.has("whole/artifacts/checkpoint.safetensors"))
        // Every score says what it is, and the table takes no score of another test.
        #expect(try folder.text("whole/results.jsonl").contains("\"auc_macro identity\":"))
        #expect(try folder.text("Results/classification_metrics.identities.jsonl").contains("multi-label scores"))
        let other = try Child.run(["run", "whole/run.yaml", "--out", "other", "--set", "threshold=0.4"], in: folder)
        #expect(other.status == 1 && other.errors.contains("threshold 0.4, not 0.5"), "\(other.text)")
        // The images are pinned, each under its hash.
        #expect(try folder.text("whole/run.yaml").contains("train.csv"))
    }

    /// The choices of rows are the reference's: Tests/Parity/generators/training_rows.py.
    @Test func rowsAreTheReferences() throws {
        let folder = try Scratch()
        let fixtures = "\(Places.package)/Tests/Parity/fixtures/training"
        try folder.write(
            "rows.yaml",
            """
            experiment: \(Places.package)/Tests/Lua/command_line/rows.lua
            seed: 42
            params:
              train: { csv: \(fixtures)/studies.csv, real_dir: real, synthetic_dir: synthetic }
              test: { csv: \(fixtures)/studies.csv }
            sweep: { setting: [all_original, all_synthetic, mixed, augmented] }

            """)
        _ = try run(folder, "rows.yaml", "--out", "run", "--quiet")
        let rows = try folder.text("run/results.csv").split(separator: "\n").dropFirst()
        let wanted = try String(contentsOfFile: fixtures + "/rows.txt", encoding: .utf8).split(separator: "\n")
        #expect(rows.count == wanted.count && wanted.count == 8)
        for (row, films) in zip(rows, wanted) { #expect(row.hasSuffix(films), "\(row)") }
    }

    @Test func theExactProtocolProvesItsSplit() throws {
        let folder = try study()
        let text = try run(
            folder, "study.yaml", "--out", "run", "--set", "params.protocol=exact", "--set", "params.epochs=1")
        #expect(text.contains("left out of training: 2 studies"))
        #expect(text.contains("split: 0 studies with a film on both sides (6 train / 2 validation)"))
        #expect(text.contains("split: 0 patients on both sides (3 train / 1 validation)"))
        #expect(text.contains("test: 0 patients shared (4 train and validation / 4 test)"))
    }

    @Test func filmsThatTurnWhiteAreRefusedByTheExactProtocol() throws {
        let folder = try study()
        let films = folder.path + "/films"
        try FileManager.default.copyItem(atPath: Self.films.get().path, toPath: films)
        let table = try folder.text("films/test.csv").split(separator: "\n")
        let name = try #require(table.dropFirst().first?.split(separator: ",").first { $0.hasSuffix(".png") })
        try folder.write("films/\(name)", InputTests.deepFilm(side: 64))
        for (way, status) in [("exact", 1), ("chexgenbench", 0)] {
            let outcome = try Child.run(
                [
                    "run", "study.yaml", "--out", way, "--set", "params.protocol=\(way)", "--set", "params.epochs=1",
                    "--set",
                    "params.test.csv=films/test.csv", "--set", "params.test.image_dir=films",
                ], in: folder)
            #expect(outcome.status == Int32(status), "\(outcome.text)")
            #expect(outcome.text.contains("16-bit samples"), "\(outcome.text)")
        }
        // The results say it, as those of other experiments do.
        let results = try folder.text("chexgenbench/results.csv").split(separator: "\n")
        #expect(results[0].hasSuffix(",Note"), "\(results[0])")
        for row in results.dropFirst() {
            #expect(row.hasSuffix(",1 of 6 test images have 16-bit samples that were cut to white at 255"), "\(row)")
        }
        try folder.write("films/real1.png", InputTests.deepFilm(side: 64))
        let trained = try Child.run(
            [
                "run", "study.yaml", "--out", "trained", "--set", "params.epochs=1", "--set",
                "params.train.csv=films/train.csv", "--set", "params.train.real_dir=films", "--set",
                "params.results=trained/tables",
            ], in: folder)
        #expect(trained.status == 0, "\(trained.text)")
        #expect(
            try folder.text("trained/results.csv").contains(
                ",1 of 20 training and validation images have 16-bit samples that were cut to white at 255\n"))
    }

    /// Rows without a film are left out like films that are not there, whoever looks at them first.
    @Test func rowsWithoutAFilmAreLeftOut() throws {
        let folder = try study()
        let films = try Self.films.get().path
        func table(_ name: String, _ blanks: [String]) throws {
            var text = try String(contentsOfFile: "\(films)/\(name).csv", encoding: .utf8)
            for film in blanks { text = text.replacingOccurrences(of: ",\(film).png,", with: ",,") }
            for film in blanks { text = text.replacingOccurrences(of: "\n\(film).png,", with: "\n,") }
            try folder.write("\(name).csv", text)
        }
        try table("train", ["real3", "synthetic3", "real8", "synthetic8"])
        try table("test", ["real13"])
        for (setting, protocolName, images) in [
            ("all_original", "chexgenbench", 3), ("all_synthetic", "chexgenbench", 3), ("augmented", "chexgenbench", 5),
            ("mixed", "exact", 3),
        ] {
            let outcome = try Child.run(
                ["run", "study.yaml", "--out", "run"]
                    + [
                        "setting=\(setting)", "protocol=\(protocolName)", "epochs=1", "train.csv=train.csv",
                        "test.csv=test.csv", "on_bad_image=skip", "results=run/tables",
                    ].flatMap { ["--set", "params.\($0)"] }, in: folder)
            #expect(outcome.status == 0, "\(setting): \(outcome.text)")
            #expect(outcome.text.contains("test.csv: row 3: no image path"), "\(setting): \(outcome.text)")
            let row = try folder.text("run/results.jsonl")
            #expect(row.contains("\"Images left out\":\(images)"), "\(setting): \(row)")
            try FileManager.default.removeItem(atPath: folder.path + "/run")
        }
        let stopped = try Child.run(
            ["run", "study.yaml", "--out", "run", "--set", "params.train.csv=train.csv"], in: folder)
        #expect(stopped.status == 1 && stopped.errors.contains("4 of 20 images cannot be used"), "\(stopped.text)")
    }

    /// A table with a column for each of the fourteen findings is read as one of dictionaries.
    @Test func labelsMayBeFourteenColumns() throws {
        let folder = try study()
        let films = try Self.films.get().path
        try Study.spreadLabels("\(films)/train.csv", to: "train.csv", in: folder)
        try Study.spreadLabels("\(films)/test.csv", to: "test.csv", in: folder)
        _ = try run(folder, "study.yaml", "--out", "a", "--set", "params.epochs=1")
        for (name, labels) in [("b", "chexpert_labels"), ("c", "''")] {
            _ = try run(
                folder, "study.yaml", "--out", name, "--set", "params.epochs=1", "--set", "params.train.csv=train.csv",
                "--set", "params.test.csv=test.csv", "--set", "params.train.labels=\(labels)", "--set",
                "params.test.labels=\(labels)")
            #expect(try folder.data("\(name)/results.csv") == folder.data("a/results.csv"))
        }
    }

    /// What training would find after the start is found before it, and nothing is left behind.
    @Test func whatTrainingWouldFindIsSaidBeforeIt() throws {
        let folder = try study()
        let films = try Self.films.get().path
        let text = try String(contentsOfFile: "\(films)/train.csv", encoding: .utf8)
        try folder.write("bad.csv", text.replacingOccurrences(of: "'Edema': 1.0", with: "'Edema': x"))
        try folder.write("unnamed.csv", text.replacingOccurrences(of: ",patientID\n", with: ",person\n"))
        try folder.write("header.csv", "id,path,synthetic_filename,chexpert_labels,patientID\n")
        try folder.write("config.json", "{\"a\": 1}")
        for (settings, wanted) in [
            (["weights=config.json"], ["params.weights (", "config.json"]),
            (["validation=500"], ["params.validation (", "500 of 20 rows"]),
            (["validation=20"], ["params.validation (", "20 of 20 rows"]),
            (["protocol=exact", "validation=0.99"], ["params.validation (", "groups of"]),
            (["train.csv=bad.csv"], ["params.train.labels: bad.csv: row", "no CheXpert label"]),
            (["test.csv=bad.csv"], ["params.test.labels: bad.csv: row", "no CheXpert label"]),
            (["train.labels=''"], ["params.train.labels (", "without a label column"]),
            (["train.csv=header.csv"], ["params.train.csv (", "header.csv has no rows"]),
            (["test.csv=header.csv"], ["params.test.csv (", "header.csv has no rows"]),
            (["protocol=exact", "train.csv=unnamed.csv"], ["params.train.patient: protocol exact splits by patient"]),
            (["protocol=exact", "test.csv=unnamed.csv"], ["params.test.patient: protocol exact keeps"]),
        ] {
            let outcome = try Child.run(
                ["run", "study.yaml", "--out", "run"] + settings.flatMap { ["--set", "params.\($0)"] }, in: folder)
            #expect(outcome.status == 2, "\(settings): \(outcome.text)")
            for part in wanted { #expect(outcome.errors.contains(part), "\(settings): \(outcome.text)") }
            #expect(!folder.has("run") && !folder.has("Results"), "\(settings)")
        }
    }

    /// A broken film of the test is left out of it, with its labels, by the pass that computes the probabilities.
    @Test func brokenTestFilmsAreLeftOut() throws {
        let folder = try study()
        let films = folder.path + "/films"
        try FileManager.default.copyItem(atPath: Self.films.get().path, toPath: films)
        let table = try folder.text("films/test.csv").split(separator: "\n")
        let name = try #require(table.dropFirst().first?.split(separator: ",").first { $0.hasSuffix(".png") })
        try folder.write("films/\(name)", "no film")
        let words = [
            "--set", "params.epochs=1", "--set", "params.test.csv=films/test.csv", "--set",
            "params.test.image_dir=films",
        ]
        let stopped = try Child.run(["run", "study.yaml", "--out", "stopped"] + words, in: folder)
        #expect(stopped.status == 1 && stopped.errors.contains(String(name)), "\(stopped.text)")
        let outcome = try Child.run(
            ["run", "study.yaml", "--out", "left", "--set", "params.on_bad_image=skip"] + words, in: folder)
        #expect(outcome.status == 0 && outcome.text.contains("left out of the test"), "\(outcome.text)")
        #expect(try folder.text("left/artifacts/predictions.csv").split(separator: "\n").count == 6)
        #expect(try folder.text("left/results.jsonl").contains("\"Images left out\":1"))
    }

    /// Opens a study of eight training and six test films, of which the first six patients are the same.
    /// - Parameters:
    ///   - train, test: the patient of each row, from 0; nil leaves the column out.
    ///   - path: the path of a film of a patient.
    private func opened(
        train: ((Int) -> String)?, test: ((Int) -> String)?, path: (_ patient: Int, _ isTest: Bool) -> String
    ) throws -> Child.Outcome {
        let folder = try Scratch()
        func table(_ count: Int, _ names: ((Int) -> String)?, isTest: Bool) -> String {
            var lines = ["id,path,synthetic_filename,chexpert_labels" + (names == nil ? "" : ",subject_id")]
            for row in 0..<count {
                lines.append("\(row),\(path(row, isTest)),g\(row).png,{}" + (names.map { "," + $0(row) } ?? ""))
            }
            return lines.joined(separator: "\n") + "\n"
        }
        try folder.write("train.csv", table(8, train, isTest: false))
        try folder.write("test.csv", table(6, test, isTest: true))
        for name in ["a", "b"] { try folder.write("films/\(name).png", "the same bytes") }
        try folder.write(
            "rows.yaml",
            """
            experiment: \(Places.package)/Tests/Lua/command_line/rows.lua
            params:
              protocol: exact
              validation: 0.5
              train: { csv: train.csv, real_dir: films, synthetic_dir: made }
              test: { csv: test.csv, image_dir: films }

            """)
        return try Child.run(["run", "rows.yaml", "--out", "run"], in: folder)
    }

    private static func mimic(_ patient: Int, _ isTest: Bool) -> String {
        "files/p10/p1000003\(patient)/s\(isTest ? 6 : 5)000000\(patient)/\(isTest ? "g" : "f").png"
    }

    @Test func aPatientIsOnePersonHoweverSpelt() throws {
        let number = { (patient: Int) in "1000003\(patient)" }
        let float = { (patient: Int) in "1000003\(patient).0" }
        let letter = { (patient: Int) in "p1000003\(patient)" }
        let anonymous = { (patient: Int) in "case \(patient) of two" }
        for (train, test) in [
            (nil, number), (number, float), (letter, nil), (float, letter),
            // Other names in the column, and the person in the path.
            (number, anonymous),
        ] as [(((Int) -> String)?, ((Int) -> String)?)] {
            let outcome = try opened(train: train, test: test, path: Self.mimic)
            #expect(outcome.status == 0, "\(outcome.text)")
            #expect(outcome.text.contains("left out of training: 6 studies"), "\(outcome.text)")
            #expect(
                outcome.text.contains("test: 0 patients shared (2 train and validation / 6 test)"), "\(outcome.text)")
        }
        let unclear = try opened(
            train: { "\($0)" }, test: { "patient000\($0)" }, path: { "\($1 ? "t" : "r")\($0).png" })
        #expect(unclear.status == 1 && unclear.text.contains("may be one patient or two"), "\(unclear.text)")
    }

    @Test func aBlankPatientOpensNoLeak() throws {
        let number = { (patient: Int) in "1000003\(patient)" }
        for blank in [0, 2, 5] {
            let test = { (patient: Int) in patient == blank ? "" : number(patient) }
            // The path tells whose film it is.
            let told = try opened(train: number, test: test, path: Self.mimic)
            #expect(told.text.contains("left out of training: 6 studies"), "\(told.text)")
            #expect(told.text.contains("test: 0 patients shared (2 train and validation / 6 test)"), "\(told.text)")
            // Nothing does: that film's patient is one of its own, which is said, and all others are left out.
            let untold = try opened(train: number, test: test) { "\($1 ? "t" : "r")\($0).png" }
            #expect(untold.text.contains("left out of training: 5 studies"), "\(untold.text)")
            #expect(untold.text.contains("test: 0 patients shared (3 train and validation / 6 test)"), "\(untold.text)")
            #expect(untold.text.contains("test: 1 films without a patient, each counted as"), "\(untold.text)")
        }
    }

    @Test func aFilmOnBothSidesFailsTheProof() throws {
        func path(_ same: (String, String)) -> (Int, Bool) -> String {
            { patient, isTest in patient == 3 ? (isTest ? same.1 : same.0) : "\(isTest ? "t" : "r")\(patient).png" }
        }
        // Other patients, but one film: by its path, by its bytes.
        for same in [("a.png", "a.png"), ("a.png", "./a.png"), ("a.png", "b.png")] {
            let outcome = try opened(train: { "A\($0)x" }, test: { "B\($0)x" }, path: path(same))
            #expect(outcome.status == 1, "\(outcome.text)")
            #expect(outcome.text.contains("test: 1 films on both sides, by path or by bytes"), "\(outcome.text)")
            #expect(outcome.text.contains("films/a.png (training) is films/\(same.1) (test)"), "\(outcome.text)")
            #expect(outcome.text.contains("the split is not clean"), "\(outcome.text)")
        }
    }

    @Test func shares() throws {
        let folder = try study()
        try folder.write(
            "sweep.yaml",
            try folder.text("study.yaml").replacingOccurrences(of: "setting: augmented", with: "setting: mixed")
                .replacingOccurrences(of: "epochs: 2", with: "epochs: 1")
                + "sweep: { synthetic_share: [0.0, 0.7, 1.0] }\n")
        let text = try run(folder, "sweep.yaml", "--out", "run")
        for films in ["10 real and 0 synthetic", "3 real and 7 synthetic", "0 real and 10 synthetic"] {
            #expect(text.contains("mixed: \(films) films"), "\(films)")
        }
    }

    @Test func whatIsMissingIsSaid() throws {
        let folder = try study()
        for (setting, wanted) in [
            ("params.setting=half", "augmented"), ("params.network=resnet52", "resnet50"),
            ("params.train.csv=''", "params.train.csv"), ("params.synthetic_share=2", "0 to 1"),
            ("params.uncertain=drop", "ignore"), ("params.clip_norm=-1", "params.clip_norm"),
            ("params.bootstrap=-1", "params.bootstrap"), ("params.threshold=2", "params.threshold"),
            ("params.threshold=.nan", "params.threshold"), ("params.epochs=0", "params.epochs"),
            ("params.learning_rate=-1", "params.learning_rate"), ("params.optimizer=adm", "params.optimizer"),
            ("params.test_missing=2", "params.test_missing"), ("params.validation=-1", "params.validation"),
            ("params.test.csv=none.csv", "params.test.csv (--set params.test.csv=none.csv): none.csv: no such file"),
            ("params.train.id=ids", "params.train.id ("), ("params.train.real=pth", "did you mean \"path\""),
            ("params.train.synthetic=synthetic", "params.train.synthetic ("),
            ("params.train.patient=patient_ID", "did you mean \"patientID\""),
            ("params.test.labels=labels", "params.test.labels ("), ("params.test.image=paths", "params.test.image ("),
        ] {
            let outcome = try Child.run(["run", "study.yaml", "--out", "run", "--set", setting], in: folder)
            #expect([1, 2].contains(outcome.status) && outcome.text.contains(wanted), "\(setting): \(outcome.text)")
            #expect(!outcome.text.contains("epoch 1"), "\(setting): \(outcome.text)")
            try? FileManager.default.removeItem(atPath: folder.path + "/run")
        }
    }
}

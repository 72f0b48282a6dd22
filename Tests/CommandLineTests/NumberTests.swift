import Foundation
import TestSupport
import Testing

/// What stands beside a number: an interval that holds it, a floor, an identity; in a run's own results and in shared tables.
@Suite struct NumberTests {
    /// The first row of a run's results.
    private func row(_ folder: Scratch, _ out: String) throws -> [String: Any] {
        let line = try folder.text(out + "/results.jsonl").split(separator: "\n")[0]
        return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    private func run(
        _ folder: Scratch, _ out: String, _ settings: [String] = [], file: String = "study.yaml"
    ) throws -> Child.Outcome {
        try Child.run(
            ["run", file, "--out", out, "--quiet"] + settings.flatMap { ["--set", $0] }, in: folder)
    }

    /// A study whose script and modules lie in its own folder, with the encoder and the statistic of a script.
    private func folderWithModules() throws -> Scratch {
        let folder = try Study.folder()
        for file in ["Tests/Lua/command_line/levels.lua", "Tests/Lua/command_line/mean_shift.lua"] {
            try FileManager.default.copyItem(
                atPath: "\(Places.package)/\(file)", toPath: "\(folder.path)/\((file as NSString).lastPathComponent)")
        }
        for name in ["fidelity", "conditional"] {
            try FileManager.default.copyItem(
                atPath: "\(Places.package)/experiments/\(name).lua", toPath: "\(folder.path)/\(name).lua")
        }
        let text = try folder.text("study.yaml")
            .replacingOccurrences(of: "\(Places.package)/experiments/fidelity.lua", with: "fidelity.lua")
            .replacingOccurrences(
                of: "{ rad-dino: { weights: weights } }", with: "{ rad-dino: { weights: weights }, levels: {} }")
        try folder.write("mine.yaml", text + "  modules: [levels, mean_shift]\n")
        try folder.write(
            "parts.yaml",
            (text + "  modules: [levels]\n  pathologies: [Edema, Fracture]\n")
                .replacingOccurrences(of: "fidelity.lua", with: "conditional.lua"))
        return folder
    }

    @Test func everyValueIsInItsIntervalAndHasAFloor() throws {
        let folder = try folderWithModules()
        let outcome = try run(folder, "a", file: "mine.yaml")
        #expect(outcome.status == 0, "\(outcome.text)")
        let row = try row(folder, "a")
        let names =
            ["FID", "KID", "Mean shift"].flatMap { [$0 + " (RadDino)", $0 + " (Levels)"] }
            + ["Precision", "Recall", "Density", "Coverage", "Precision (Levels)", "FRD"]
        for name in names + ["FID (RadDino) at infinity", "Mean shift (Levels) at infinity"] {
            let value = try #require(row[name] as? Double, "\(name)")
            let (low, high) = (row[name + " low"] as? Double, row[name + " high"] as? Double)
            let ends = (try #require(low, "\(name)"), try #require(high, "\(name)"))
            #expect(ends.0 <= value && value <= ends.1, "\(name)")
            let identity = try #require(row[name + " identity"] as? String)
            #expect(identity.contains("n_real=") && identity.contains("device=cpu"), "\(identity)")
        }
        for name in ["KID (Levels)", "FRD"] {
            let floor = try #require(row[name + " floor"] as? Double, "\(name)")
            let value = try #require(row[name] as? Double)
            #expect(floor < value, "\(name): \(floor), \(value)")
        }
        #expect((row["Mean shift (Levels) identity"] as? String)?.contains("metric=mean-shift") == true)
        #expect((row["Precision identity"] as? String)?.contains("details.k=3") == true)
        #expect(row["Mean shift (Levels) direction"] as? String == "lower")
        #expect(row["Precision direction"] as? String == "higher" && row["Real images direction"] == nil)
        let log = try folder.text("a/run.log")
        #expect(log.contains("Mean shift (Levels)") && log.contains("of endless sets"), "\(log)")
        // The shared table keeps the reference's columns.
        #expect(
            try folder.text("Results/image_generation_metrics.csv").hasPrefix(
                "FID,FID (RadDino),Inception Score,KID,KID (RadDino),Precision,Recall,Density,Coverage,FRD,Extra Info,"
                    + "Caption Type\n"))
    }

    @Test func anInceptionScoreOfFewImagesIsLeftOutAndSaid() throws {
        let folder = try folderWithModules()
        let outcome = try run(folder, "a", ["inception_splits=400"], file: "mine.yaml")
        #expect(outcome.status == 0, "\(outcome.text)")
        let exact = try row(folder, "a")
        #expect(exact["Inception Score (Levels)"] == nil || exact["Inception Score (Levels)"] is NSNull)
        let note = try #require(exact["Note"] as? String)
        #expect(note.contains("Inception Score (Levels): needs 401 images"), "\(note)")
        // The reference prints 1 all the same, and so does its protocol, with a note.
        let reference = try run(
            folder, "b", ["inception_splits=400", "protocol=chexgenbench", "results=R"], file: "mine.yaml")
        #expect(reference.status == 0, "\(reference.text)")
        let row = try row(folder, "b")
        #expect(row["Inception Score (Levels)"] as? Double == 1)
        #expect((row["Note"] as? String)?.contains("in 400 splits is 1 whatever they show") == true)
    }

    @Test func rarePathologiesSayWhatTheyAreTooFewFor() throws {
        let folder = try folderWithModules()
        let outcome = try run(folder, "a", file: "parts.yaml")
        #expect(outcome.status == 0, "\(outcome.text)")
        let lines = try folder.text("a/results.jsonl").split(separator: "\n")
        #expect(
            lines.count == 2 && lines[1].contains("\"Pathology\":\"Fracture\"") && lines[1].contains("too few images"))
        // Both rows stand in one table, as they are of two pathologies.
        let again = try run(folder, "b", ["name=other"], file: "parts.yaml")
        #expect(again.status == 0, "\(again.text)")
        #expect(
            try folder.text("Results/conditional_image_generation_metrics.csv").split(separator: "\n").count == 5)
    }

    /// A script's encoder and a script's statistic are what their files say, and those that these require.
    @Test func anotherFormulaIsAnotherIdentity() throws {
        let folder = try folderWithModules()
        let statistic = try folder.text("mean_shift.lua")
        try folder.write("factor.lua", "return 1.0\n")
        try folder.write(
            "mean_shift.lua",
            statistic.replacingOccurrences(of: "):sum():item() end", with: "):sum():item() * require \"factor\" end")
                .replacingOccurrences(of: "metric.register", with: "local factor = require \"factor\"\nmetric.register")
        )
        let settings = ["frd=false", "bootstrap=0", "floor_splits=0"]
        #expect(try run(folder, "a", settings, file: "mine.yaml").status == 0)
        let first = try row(folder, "a")
        let shift = try #require(first["Mean shift (Levels) identity"] as? String)
        #expect(
            shift.contains(#/; estimator=script [0-9a-f]{12};/#) && shift.contains(#/; weights=script [0-9a-f]{12};/#))
        // Where its folder lies, and what else is required, is no part of a formula.
        try folder.write("further.lua", "return true\n")
        let same = try run(
            folder, "b", settings + ["name=b", "modules=[further, levels, mean_shift]"], file: "mine.yaml")
        #expect(same.status == 0, "\(same.text)")
        #expect(try row(folder, "b")["Mean shift (Levels) identity"] as? String == shift)
        // A module that the statistic requires, and the encoder's own.
        try folder.write("factor.lua", "return 2.0\n")
        let other = try run(folder, "c", settings + ["results=New", "name=c"], file: "mine.yaml")
        #expect(other.status == 0, "\(other.text)")
        let second = try #require(try row(folder, "c")["Mean shift (Levels) identity"] as? String)
        #expect(second != shift && second.contains("n_real="), "\(second)")
        try folder.write("levels.lua", folder.text("levels.lua").replacingOccurrences(of: "x:std()", with: "x:mean()"))
        let changed = try run(folder, "d", settings + ["name=d", "results=New"], file: "mine.yaml")
        #expect(changed.status == 0, "\(changed.text)")
        let difference = try Child.run(["diff", "c", "d", "--all"], in: folder)
        #expect(
            difference.output.contains(
                #/FID \(Levels\) identity, weights: script [0-9a-f]{12} in c, script [0-9a-f]{12} in d/#),
            "\(difference.text)")
    }

    @Test func aTableRefusesNumbersOfOtherIdentitiesOrMarksThem() throws {
        let folder = try Study.folder()
        #expect(try run(folder, "a").status == 0)
        let table = try folder.text("Results/image_generation_metrics.csv")
        let refused = try run(folder, "b", ["nearest_k=4", "name=other"])
        #expect(refused.status == 1, "\(refused.text)")
        for word in ["image_generation_metrics.csv", "Precision", "details.k 4, not 3", "on_other_identity: mark"] {
            #expect(refused.errors.contains(word), "\(refused.text)")
        }
        // The fault is the user's: no line of the library's is named, on the terminal or in the run.
        let isPlain = refused.errors.hasPrefix("chexgen: /") && !refused.errors.contains(".lua")
        #expect(isPlain && !refused.errors.contains("traceback"), "\(refused.errors)")
        #expect(try !folder.text("b/run.json").contains("study.lua"))
        #expect(try folder.text("Results/image_generation_metrics.csv") == table)
        let own = try row(folder, "b")
        #expect(own["Precision"] is Double)
        let marked = try run(folder, "c", ["nearest_k=4", "name=other", "on_other_identity=mark"])
        #expect(marked.status == 0, "\(marked.text)")
        let lines = try folder.text("Results/image_generation_metrics.csv").split(separator: "\n")
        #expect(lines[0].hasSuffix(",Other identity") && lines[2].contains("details.k 4, not 3"), "\(lines)")
        let diff = try Child.run(["diff", "a", "b"], in: folder)
        #expect(diff.output.contains("Precision identity, details.k: 3 in a, 4 in b"), "\(diff.text)")
        let wrong = try run(folder, "d", ["on_other_identity=allow"])
        #expect(wrong.status == 2 && wrong.errors.contains("refuse, mark"), "\(wrong.text)")
    }

    /// Case 2: rows without a patient are patients of their own, wherever they stand.
    @Test(arguments: ["none", "first", "last", "all"])
    func rowsWithoutAPatientAreMeasured(_ blank: String) throws {
        let folder = try Study.folder()
        var lines = try folder.text("real/annotations.csv").split(separator: "\n").map(String.init)
        lines[0] += ",subject_id"
        for row in 1..<lines.count {
            let isBlank = blank == "all" || blank == "first" && row == 1 || blank == "last" && row == lines.count - 1
            lines[row] += isBlank ? "," : ",\(100 + row / 2)"
        }
        try folder.write("real/annotations.csv", lines.joined(separator: "\n") + "\n")
        let outcome = try run(folder, "a")
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(try row(folder, "a")["FID (RadDino) low"] is Double)
    }
}

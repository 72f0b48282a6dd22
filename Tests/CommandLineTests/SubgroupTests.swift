import Foundation
import TestSupport
import Testing

/// `conditional` over columns of the table, bands of numbers, and crosses.
@Suite struct SubgroupTests {
    /// A study of phantoms whose real table also has an age; the third film's is missing.
    private func folder(_ parameters: String) throws -> Scratch {
        let folder = try Study.folder()
        let table = try folder.text("real/annotations.csv").split(separator: "\n").map(String.init)
        let ages = ["age", "31", "45", "", "62", "64", "70", "39.5", "81", "40", "79"]
        try folder.write("real/annotations.csv", zip(table, ages).map { "\($0),\($1)\n" }.joined())
        try folder.write(
            "parts.yaml",
            try folder.text("study.yaml").replacingOccurrences(of: "fidelity.lua", with: "conditional.lua")
                .replacingOccurrences(of: "bootstrap: 10", with: "bootstrap: 0") + parameters)
        return folder
    }

    private func run(_ folder: Scratch) throws -> Child.Outcome {
        try Child.run(["run", "parts.yaml", "--out", "run", "--quiet"], in: folder)
    }

    @Test func everyValueAndEveryCrossIsARow() throws {
        let folder = try folder(
            """
              pathologies: [Edema]
              subgroups: [view, age]
              crosses: [[view, age]]
              bands: { age: [40, 65] }

            """)
        let outcome = try run(folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let rows = try folder.text("run/results.jsonl").split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let counts = Dictionary(
            uniqueKeysWithValues: rows.map { ($0["Subgroup"] as? String ?? "", $0["Real images"] as? Int ?? -1) })
        // 31, 39.5; 45, 62, 64, 40; 70, 81, 79: an edge belongs to the band that begins with it.
        #expect(counts["age=<40"] == 2 && counts["age=40-65"] == 4 && counts["age=>=65"] == 3)
        let views = counts.filter { $0.key.hasPrefix("view=") && !$0.key.contains(",") }
        #expect(views.values.reduce(0, +) == 10, "\(views)")
        let crosses = counts.filter { $0.key.contains(", age=") }
        #expect(crosses.count == 3 * views.count && crosses.values.reduce(0, +) == 9)
        #expect(rows[0]["Pathology"] as? String == "Edema" && rows[0]["Subgroup"] as? String == "")
        let published = try folder.text("Results/subgroup_image_generation_metrics.csv").split(separator: "\n")
        #expect(published.count == 1 + 3 + views.count + crosses.count && published[0].contains("Subgroup"))
        #expect(try folder.text("Results/conditional_image_generation_metrics.csv").split(separator: "\n").count == 2)
    }

    @Test func whatCannotBeIsSaidBeforeTheRun() throws {
        for (parameters, parts) in [
            ("  subgroups: [sex]\n", ["params.subgroups (", "no column \"sex\""]),
            ("  crosses: [[sex, Edema]]\n", ["params.crosses (", "no column \"sex\""]),
            // No other parameter with the same value is at fault.
            ("  subgroups: [phantoms]\n", ["params.subgroups (", "no column \"phantoms\""]),
            ("  crosses: [[1, view]]\n", ["params.crosses (", "pairs"]),
            ("  subgroups: [view]\n  bands: { viewe: [3, 4] }\n", ["params.bands.viewe (", "they are by: view"]),
            ("  pathologies: []\n", ["params.pathologies (", "nothing is asked for"]),
            ("  subgroups: [Edema]\n", ["pathologies"]),
            ("  crosses: [[view]]\n", ["crosses", "pairs"]), ("  bands: { age: [60, 40] }\n", ["bands.age", "rising"]),
            ("  bands: { age: [] }\n", ["bands.age"]),
        ] {
            let folder = try folder(parameters)
            let outcome = try run(folder)
            #expect(outcome.status == 2, "\(outcome.text)")
            for part in parts { #expect(outcome.errors.contains(part), "\(part) in \(outcome.errors)") }
            #expect(!FileManager.default.fileExists(atPath: folder.path + "/run"))
        }
    }

    /// Tables that could only give blanks, and labels that cannot be read, are told before the run; nothing is published.
    @Test func tablesThatGiveNothingAreSaid() throws {
        let folder = try folder("  pathologies: [Edema]\n")
        let real = try folder.text("real/annotations.csv")
        try folder.write("header.csv", real.prefix { $0 != "\n" } + "\n")
        try folder.write("one.csv", real.split(separator: "\n").prefix(2).joined(separator: "\n") + "\n")
        try folder.write("bad.csv", real.replacingOccurrences(of: "'Edema': None", with: "'Edema': x"))
        try folder.write("other.csv", "path,annotated_prompt\ng00001.png,one\ng00002.png,two\n")
        for (setting, parts) in [
            ("real.csv=header.csv", ["params.real.csv (", "header.csv has no rows"]),
            ("synthetic.csv=header.csv", ["params.synthetic.csv (", "header.csv has no rows"]),
            ("real.csv=one.csv", ["params.real.csv (", "too few images: 1"]),
            ("real.csv=bad.csv", ["params.real.labels: bad.csv: row", "no CheXpert label"]),
            ("real.labels=''", ["params.real.labels (", "without a label column"]),
            ("synthetic.csv=other.csv", ["params.synthetic.csv (", "no film has one of the real films' prompts"]),
            ("synthetic.prompt=''", ["params.synthetic.prompt (", "is empty: name the column"]),
            ("synthetic={folder: real, prompts: none}", ["params.synthetic.prompts (", "is none, and"]),
        ] {
            let outcome = try Child.run(
                ["run", "parts.yaml", "--out", "run", "--set", "params.\(setting)"], in: folder)
            #expect(outcome.status == 2, "\(setting): \(outcome.text)")
            for part in parts { #expect(outcome.errors.contains(part), "\(setting): \(outcome.text)") }
            #expect(!folder.has("run") && !folder.has("Results"))
        }
        // What only the films tell ends the run, and publishes nothing either.
        try folder.write("some.csv", real.split(separator: "\n").prefix(4).joined(separator: "\n") + "\n")
        let films = real.split(separator: "\n").dropFirst().prefix(3).compactMap { line in
            line.split(separator: ",").map(String.init).first { $0.hasSuffix(".png") }
        }
        for film in films.dropFirst() { try folder.write("real/\(film)", "no film") }
        for yaml in ["parts.yaml", "study.yaml"] {
            let outcome = try Child.run(
                ["run", yaml, "--out", "run", "--set", "on_bad_image=skip", "--set", "real.csv=some.csv"], in: folder)
            #expect(outcome.status == 1 && outcome.errors.contains("a distance needs"), "\(outcome.text)")
            #expect(!folder.has("Results"))
            try? FileManager.default.removeItem(atPath: folder.path + "/run")
        }
    }

    @Test func labelsMayBeFourteenColumns() throws {
        let folder = try folder("  pathologies: [Edema, Pneumonia]\n  crosses: [[Edema, view]]\n")
        let outcome = try run(folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        try Study.spreadLabels("\(folder.path)/real/annotations.csv", to: "spread.csv", in: folder)
        for (name, labels) in [("b", "chexpert_labels"), ("c", "''")] {
            let other = try Child.run(
                [
                    "run", "parts.yaml", "--out", name, "--quiet", "--set", "real.csv=spread.csv", "--set",
                    "real.labels=\(labels)",
                ], in: folder)
            #expect(other.status == 0, "\(other.text)")
            #expect(try folder.data("\(name)/results.csv") == folder.data("run/results.csv"))
        }
        let fidelity = try Child.run(
            ["run", "study.yaml", "--out", "d", "--set", "real.csv=spread.csv", "--set", "real.labels=''"], in: folder)
        #expect(fidelity.status == 0, "\(fidelity.text)")
    }
}

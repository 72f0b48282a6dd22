import Files
import Foundation
import Identity
import Runs
import TestSupport
import Testing

/// Numbers of other identities do not come into a table, or only with a mark.
@Suite struct PublishedRowTests {
    private func identity(_ metric: String = "fid", synthetic: Int = 2000, seed: UInt64? = nil) -> MetricIdentity {
        MetricIdentity(
            metric: metric, definition: .exact,
            features: FeatureIdentity(
                encoder: "e", source: .formula, preprocessing: "p; with = signs", output: "o", dtype: "f32"),
            estimator: "plain", realCount: 3000, syntheticCount: synthetic, seed: seed)
    }

    private func row(
        _ name: String, _ fid: Double, synthetic: Int = 2000, pathology: String? = nil,
        _ policy: PublishedRow.OtherIdentity = .refuse
    ) -> PublishedRow {
        PublishedRow(
            [("FID", .number(fid)), ("Extra Info", .string(name))]
                + (pathology.map { [("Pathology", .string($0))] } ?? []),
            identities: [("FID", identity(synthetic: synthetic))], among: pathology == nil ? [] : ["Pathology"],
            onOtherIdentity: policy)
    }

    private struct Table {
        let scratch: Scratch
        let folder: RunFolder
        let cell: Cell
        var path: String { scratch.path + "/Results/t.csv" }

        init() throws {
            scratch = try Scratch()
            let plan = try scratch.plan()
            folder = try RunFolder.create(
                at: scratch.path + "/run", plan: plan, command: ["chexgen"], console: quietConsole)
            cell = plan.cells[0]
            try folder.begin(cell)
        }

        func publish(_ row: PublishedRow) throws { try folder.append(toTable: path, row, cell: cell) }
        func text() throws -> String { try scratch.text("Results/t.csv") }
        func identities() throws -> String { try scratch.text("Results/t.identities.jsonl") }
    }

    @Test func numbersOfOneIdentityStandTogether() throws {
        let table = try Table()
        try table.publish(row("a", 1.5))
        try table.publish(row("b", 2.5))
        #expect(try table.text() == "FID,Extra Info\n1.5,a\n2.5,b\n")
        let lines = try table.identities().split(separator: "\n")
        #expect(lines.count == 2)
        let first = try JSON.parse(String(lines[0]), name: "line")
        #expect(first["row"]?["Extra Info"]?.string == "a" && first["row"]?["FID"]?.string == "1.5")
        let kept = try #require(first["identities"]?["FID"])
        #expect(try MetricIdentity(json: kept) == identity())
    }

    @Test func othersAreRefused() throws {
        let table = try Table()
        try table.publish(row("a", 1.5))
        let said = message { try table.publish(row("b", 2.5, synthetic: 1950)) }
        for word in ["t.csv", "FID: n_synthetic 1950, not 2000", "on_other_identity: mark"] {
            #expect(said.contains(word), "\(said)")
        }
        #expect(try table.text() == "FID,Extra Info\n1.5,a\n")
        #expect(try table.identities().split(separator: "\n").count == 1)
    }

    @Test func orMarked() throws {
        let table = try Table()
        try table.publish(row("a", 1.5))
        try table.publish(row("b", 2.5, synthetic: 1950, .mark))
        // The marked row is no measure for others.
        try table.publish(row("c", 3.5))
        #expect(
            try table.text()
                == "FID,Extra Info,Other identity\n1.5,a,\n2.5,b,\"FID: n_synthetic 1950, not 2000\"\n3.5,c,\n")
        #expect(message { try table.publish(row("d", 1, synthetic: 1950)) }.contains("1950, not 2000"))
    }

    @Test func aMarkedRowComesOnceAfterACrash() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan()
        let (cell, path) = (plan.cells[0], scratch.path + "/Results/t.csv")
        let (first, second) = (row("a", 1.5), row("b", 2.5, synthetic: 1950, .mark))
        do {
            let folder = try RunFolder.create(
                at: scratch.path + "/run", plan: plan, command: ["chexgen"], console: quietConsole)
            try folder.begin(cell)
            for row in [first, second] { try folder.append(toTable: path, row, cell: cell) }
        }
        let (table, identities) = (try scratch.text("Results/t.csv"), try scratch.text("Results/t.identities.jsonl"))
        let journal = URL(fileURLWithPath: scratch.path + "/run/journal")
        let whole = try Data(contentsOf: journal)
        // As if the process had died after the row, after its identities, and before both.
        for (rows, lines) in [(table, identities), ("", identities), ("", "")] {
            try whole.prefix(journalRecords(whole).last?.lowerBound ?? 0).write(to: journal)
            let before = table.split(separator: "\n").prefix(2).joined(separator: "\n").replacing(
                ",Other identity", with: "")
            try scratch.write("Results/t.csv", rows.isEmpty ? before.replacing("1.5,a,", with: "1.5,a") + "\n" : rows)
            let kept = identities.split(separator: "\n").prefix(1).joined() + "\n"
            try scratch.write("Results/t.identities.jsonl", lines.isEmpty ? kept : lines)
            let folder = try RunFolder.resume(
                scratch.path + "/run", plan: plan, command: ["chexgen"], console: quietConsole)
            try folder.begin(cell)
            for row in [first, second] { try folder.append(toTable: path, row, cell: cell) }
            #expect(try scratch.text("Results/t.csv") == table)
            #expect(try scratch.text("Results/t.identities.jsonl") == identities)
        }
    }

    @Test func onlyRowsOfOneKindAreCompared() throws {
        let table = try Table()
        try table.publish(row("a", 1.5, pathology: "Edema"))
        try table.publish(row("a", 2.5, synthetic: 300, pathology: "Pneumonia"))
        #expect(message { try table.publish(row("b", 1, synthetic: 300, pathology: "Edema")) }.contains("not 2000"))
        try table.publish(row("b", 1, synthetic: 300, pathology: "Pneumonia"))
    }

    @Test func otherColumnsAreNotCompared() throws {
        let table = try Table()
        try table.publish(row("a", 1.5))
        try table.publish(
            PublishedRow([("FRD", .number(2))], identities: [("FRD", identity("frd", synthetic: 7))]))
        #expect(throws: RunsError.self) {
            try table.publish(PublishedRow([("FRD", .number(2))], identities: [("FRD", identity("frd", synthetic: 8))]))
        }
    }

    /// Rows of other programs, rows that somebody changed, and those whose identities were lost: of what they are nothing is known.
    @Test func rowsWithoutIdentitiesStandWithNoOthers() throws {
        let table = try Table()
        let theirs = "FID,Extra Info\n9.5,theirs\n"
        try table.scratch.write("Results/t.csv", theirs)
        let said = message { try table.publish(row("a", 1.5)) }
        for word in ["t.csv: 1 of its rows", "(FID)", "t.identities.jsonl", "on_other_identity: mark"] {
            #expect(said.contains(word), "\(said)")
        }
        #expect(try table.text() == theirs && !table.scratch.has("Results/t.identities.jsonl"))
        try table.publish(row("a", 1.5, .mark))
        #expect(
            try table.text()
                == "FID,Extra Info,Other identity\n9.5,theirs,\n1.5,a,FID: of 1 rows before it is not known what they are\n"
        )
        // The marked row is no measure for others: theirs still is.
        #expect(throws: RunsError.self) { try table.publish(row("b", 1.5)) }
    }

    @Test func identitiesThatAreGoneAreMissed() throws {
        let table = try Table()
        try table.publish(row("a", 1.5))
        try table.publish(row("b", 2.5))
        let kept = try table.identities()
        try FileManager.default.removeItem(atPath: table.scratch.path + "/Results/t.identities.jsonl")
        #expect(message { try table.publish(row("c", 3.5)) }.contains("2 of its rows"))
        // Fewer of them are not enough, and a changed row is not the one that they speak of.
        try table.scratch.write("Results/t.identities.jsonl", String(kept.split(separator: "\n")[0]) + "\n")
        #expect(message { try table.publish(row("c", 3.5)) }.contains("1 of its rows"))
        try table.scratch.write("Results/t.identities.jsonl", kept)
        try table.scratch.write("Results/t.csv", "FID,Extra Info\n1.5,a\n2.75,b\n")
        #expect(message { try table.publish(row("c", 3.5)) }.contains("1 of its rows"))
        try table.scratch.write("Results/t.csv", "FID,Extra Info\n1.5,a\n2.5,b\n")
        try table.publish(row("c", 3.5))
        // Rows without a number in a column, and rows of another kind, are not asked there.
        try table.publish(PublishedRow([("KID", .number(1))], identities: [("KID", identity("kid"))]))
        try table.scratch.write("Results/t.csv", "FID,Extra Info,Pathology\n,none,\n2.5,b,Edema\n")
        try table.publish(row("d", 1, pathology: "Pneumonia"))
        #expect(throws: RunsError.self) { try table.publish(row("d", 1, pathology: "Edema")) }
    }

    @Test func aTableWithoutTheRowThatItWasComparedWithBeginsAnew() throws {
        let table = try Table()
        try table.publish(row("a", 1.5))
        try table.scratch.write("Results/t.csv", "FID,Extra Info\n")
        try table.publish(row("b", 2.5, synthetic: 1950))
        #expect(try table.text() == "FID,Extra Info\n2.5,b\n")
        try table.scratch.write("Results/t.identities.jsonl", "{\"row\": {}}\n")
        #expect(message { try table.publish(row("c", 1)) }.contains("t.identities.jsonl:1"))
    }
}

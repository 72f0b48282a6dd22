import Files
import Foundation
import Identity
import Runs
import TestSupport
import Testing

@Suite struct LongTableTests {
    static func identity(_ metric: String, n: Int, seed: UInt64? = nil, details: [String: String] = [:]) -> JSON {
        .string(
            MetricIdentity(
                metric: metric, definition: .exact,
                features: FeatureIdentity(
                    encoder: "rad-dino", source: .formula, preprocessing: "518 px; bicubic", output: "features",
                    dtype: "f32"), estimator: "frechet", realCount: n + 1, syntheticCount: n, seed: seed,
                details: details
            ).text)
    }

    func create(_ scratch: Scratch, _ yaml: String) throws -> RunFolder {
        try RunFolder.create(
            at: scratch.path + "/run", plan: try scratch.plan(yaml), command: ["chexgen"], console: quietConsole)
    }

    func rows(_ scratch: Scratch) throws -> [[String: String]] {
        let table = try CSVReader.read(scratch.path + "/run/results_long.csv")
        return (0..<table.rowCount).map { row in
            Dictionary(uniqueKeysWithValues: table.columns.enumerated().map { ($1, table.text(row, $0)) })
        }
    }

    func column(_ name: String, _ rows: [[String: String]]) -> [String] { rows.map { $0[name] ?? "absent" } }

    @Test func aNumberIsALineWithEachPartOfItsIdentity() throws {
        let scratch = try Scratch()
        let folder = try create(scratch, "sweep: {seed: [1, 2]}")
        for cell in folder.remainingCells {
            try folder.begin(cell)
            try folder.record(
                [
                    ("Pathology", .string("Edema, \"mild\"")), ("FID", .number(1.5)), ("KID", .integer(2)),
                    ("Extra Info", .string("m")), ("Images", .integer(9)), ("Protocol", .string("exact")),
                    ("FID low", .number(1)), ("FID high", .null), ("KID floor", .number(.infinity)),
                    ("KID std", .number(3)),
                    ("FID identity", Self.identity("fid", n: 7, details: ["half_samples": "100"])),
                    ("KID identity", Self.identity("kid", n: 8, seed: 5)), ("Note", .string("a remark")),
                ], cell: cell)
            try folder.record([("FID", .null), ("Extra Info", .string("nothing measured"))], cell: cell)
            try folder.finish(cell)
        }
        let text = try scratch.text("run/results_long.csv")
        let header =
            "pathology,metric,value,low,high,floor,std,n,statistic,protocol,encoder,weights,preprocessing,output,dtype,"
            + "device,estimator,n_real,n_synthetic,seed,details.half_samples,row.seed,Extra Info,Images\n"
        #expect(text.hasPrefix(header))
        let found = try rows(scratch)
        #expect(column("metric", found) == ["FID", "KID", "FID", "KID"])
        #expect(column("row.seed", found) == ["1", "1", "2", "2"])
        let fid = try #require(found.first)
        for (name, value) in [
            ("pathology", "Edema, \"mild\""), ("value", "1.5"), ("low", "1.0"), ("high", ""), ("floor", ""), ("n", "7"),
            ("statistic", "fid"), ("preprocessing", "518 px; bicubic"), ("n_real", "8"), ("seed", ""),
            ("details.half_samples", "100"), ("Extra Info", "m"), ("Images", "9"), ("protocol", "exact"),
        ] { #expect(fid[name] == value, "\(name)") }
        let kid = found[1]
        for (name, value) in [
            ("value", "2"), ("floor", "inf"), ("std", "3.0"), ("seed", "5"), ("details.half_samples", ""),
        ] { #expect(kid[name] == value, "\(name)") }
    }

    @Test func aRowMayHaveOneIdentityForAllAndATextThatIsNoneSaysNothing() throws {
        let scratch = try Scratch()
        let folder = try create(scratch, "")
        let cell = folder.plan.cells[0]
        try folder.begin(cell)
        try folder.record(
            [
                ("Count", .integer(3)), ("Count low", .number(1)), ("Threshold", .number(0.85)),
                ("Identity", Self.identity("privacy", n: 4)),
            ], cell: cell)
        try folder.record(
            [("Count", .string("three")), ("Other", .number(1)), ("Other identity", .string("none of ours"))],
            cell: cell)
        try folder.finish(cell)
        let found = try rows(scratch)
        #expect(column("metric", found) == ["Count", "Other"])
        #expect(column("statistic", found) == ["privacy", ""])
        #expect(column("Threshold", found) == ["0.85", ""])
    }

    /// Wherever a run was cut, both tables end in the bytes of the unbroken run, and are readable before.
    @Test func aCutRunEndsInTheSameBytes() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan("sweep: {seed: [1, 2]}")
        func work(_ folder: RunFolder) throws -> [String] {
            for cell in folder.remainingCells {
                try folder.begin(cell)
                for n in 1...3 {
                    // Each row brings a column that those before it lack.
                    try folder.record(
                        [
                            ("m\(n)", .number(Double(cell.seed) / 3)), ("m\(n) low", .integer(n)),
                            ("m\(n) identity", Self.identity("m", n: n, details: ["k\(n)": "1"])),
                        ], cell: cell)
                }
                try folder.finish(cell)
            }
            try folder.finish(exit: .done)
            return [try scratch.text("run/results.csv"), try scratch.text("run/results_long.csv")]
        }
        let whole = try work(
            RunFolder.create(at: scratch.path + "/run", plan: plan, command: [], console: quietConsole))
        let file = URL(fileURLWithPath: scratch.path + "/run/journal")
        let journal = try Data(contentsOf: file)
        for cut in journalRecords(journal).dropFirst().map(\.lowerBound) {
            try journal.prefix(cut).write(to: file)
            let folder = try RunFolder.resume(scratch.path + "/run", plan: plan, command: [], console: quietConsole)
            #expect(try work(folder) == whole, "cut at \(cut)")
        }
    }
}

import Files
import Foundation
import Results
import TestSupport
import Testing

@Suite struct LeaderboardTests {
    private func board(_ rows: [LeaderboardRow], _ metric: String, isMixed: Bool = false) throws -> LeaderboardText {
        LeaderboardText(
            rows, try Leaderboard(rows, by: metric, isMixed: isMixed), try MetricAgreement.all(rows, isMixed: isMixed),
            missing: ["runs/x: <b>not</b> a run"])
    }

    @Test func publishedRowsStandInTheirOrder() throws {
        let rows = LeaderboardRow.published
        #expect(rows.count == 11 && rows.allSatisfy { $0.year != nil && $0.size != nil && $0.isPublished })
        let ranked = try Leaderboard(rows, by: Leaderboard.standardMetric)
        #expect(ranked.groups.count == 1 && ranked.groups[0].entries.map(\.row) == Array(0..<11))
        #expect(ranked.groups[0].entries.map(\.place) == rows.compactMap(\.rank))
        #expect(
            ranked.listed(rows, by: "year").groups[0].entries.prefix(4).map { rows[$0.row].model } == [
                "SD V1-5", "SD V1-4", "SD V2-1", "SD V2",
            ])
    }

    /// What is counted has its own name: reports are no films.
    @Test func reportsAreNoFilms() throws {
        let scratch = try Scratch()
        let identity =
            RunFolders.identity.replacingOccurrences(of: "metric=frd", with: "metric=ROUGE-L")
            + "; details.reports=given"
        try RunFolders.write(
            in: scratch, "runs/a",
            rows: [
                "{\"ROUGE-L\":0.5,\"ROUGE-L low\":0.4,\"ROUGE-L high\":0.6,\"Reports\":150,\"ROUGE-L identity\":\"\(identity)\"}"
            ])
        let found = try LeaderboardRow.read(scratch.path + "/runs")
        #expect(found.rows.count == 1, "\(found.missing)")
        for format in [LeaderboardText.Format.html, .text, .md] {
            let rows = found.rows
            let text = LeaderboardText(rows, try Leaderboard(rows, by: "ROUGE-L", order: .higher), []).text(format)
            #expect(text.contains("references") && text.contains("150 reports beside 160 references"), "\(text)")
            #expect(!text.contains("synthetic"), "\(text)")
        }
        let page = try ReportPage([RunResults(scratch.path + "/runs/a")]).text()
        #expect(page.contains("References") && !page.contains("Synthetic films"), "\(page)")
    }

    @Test func theBetterEndIsWhatRunsSay() throws {
        let numbers = [
            LeaderboardNumber(1, direction: .higher), LeaderboardNumber(2), LeaderboardNumber(3, direction: .lower),
        ]
        let rows = numbers.map { LeaderboardRow(model: "m\($0.value)", numbers: [(metric: "Mine", number: $0)]) }
        let told = try Leaderboard(Array(rows.prefix(2)), by: "Mine")
        #expect(told.direction == .higher && told.groups[0].entries.map(\.row) == [1, 0])
        #expect(message { _ = try Leaderboard(rows, by: "Mine") }.contains("rows disagree on which values of Mine"))
        #expect(try Leaderboard(rows, by: "Mine", order: .lower).groups[0].entries.map(\.row) == [0, 1, 2])
        #expect(message { _ = try Leaderboard([rows[1]], by: "Mine") }.contains("nothing says which values of Mine"))
    }

    /// Own runs have their numbers with interval, floor and films, and are not ranked among others.
    @Test func runsStandBesideThem() throws {
        let scratch = try Scratch()
        let other = RunFolders.identity.replacingOccurrences(of: "dtype=f64", with: "dtype=bf16")
        try RunFolders.write(in: scratch, "runs/a")
        try RunFolders.write(in: scratch, "runs/b", identity: other)
        try RunFolders.write(
            in: scratch, "runs/c",
            rows: ["{\"FRD\":1.5,\"FRD low\":1,\"Pathology\":\"Edema\"}", "{\"FRD\":2.5,\"Pathology\":\"Fracture\"}"])
        try scratch.write("runs/d/run.yaml", "x: [")
        let found = try LeaderboardRow.read(scratch.path + "/runs")
        #expect(found.rows.count == 2 && found.missing.count == 2, "\(found.missing)")
        #expect(found.rows[0].model == "model-a" && found.rows[0].definition == "exact")
        let number = try #require(found.rows[0].number("FRD"))
        #expect(
            number.low == 9 && number.high == 10 && number.floor == 1.67 && number.real == 160
                && number.synthetic == 150)
        let rows = LeaderboardRow.published + found.rows
        #expect(try Leaderboard(rows, by: "FRD").groups.count == 2)
        let mixed = try Leaderboard(rows, by: "FRD", isMixed: true)
        #expect(mixed.groups.count == 1 && mixed.groups[0].entries[1].difference == "dtype bf16")
        #expect(mixed.groups[0].entries.map(\.place) == [1, 1] && mixed.without.count == 11)

        let plain = try board(rows, "FRD").text(.text)
        for part in [
            "9.000 to 10.00", "1.670", "exact", "not ranked together", "Without FRD", "Sana", "f64", "bf16",
            "not here: runs/x",
        ] {
            #expect(plain.contains(part), "\(part)\n\(plain)")
        }
        let csv = try CSVReader.parse(board(rows, "FRD").text(.csv), name: "csv")
        let (low, group) = (try #require(csv.position(of: "FRD low")), try #require(csv.position(of: "group")))
        #expect(csv.rowCount == 13 && csv.text(0, low) == "9.0")
        #expect(csv.text(1, group) == "2")
        let markdown = try board(rows, "FRD").text(.md)
        #expect(markdown.contains("| 1 | model-a |") && !markdown.contains("<b>"))
        let html = try board(rows, Leaderboard.standardMetric).text(.html)
        #expect(html.contains("54.23") && html.contains("Without FID (RadDino)") && html.contains("&lt;b&gt;not"))
        #expect(html.contains("Content-Security-Policy"))
    }

    @Test func hostileNamesStayOnOneLine() throws {
        let rows = ["a\nb | c\u{1B}[31m", "<script>"].map {
            LeaderboardRow(model: $0, numbers: [(metric: "FID", number: LeaderboardNumber(3))])
        }
        let text = try board(rows, "FID").text(.text)
        #expect(text.contains("a b | c [31m") && !text.contains("\u{1B}"))
        #expect(try board(rows, "FID").text(.md).contains("a b \\| c"))
        #expect(try !board(rows, "FID").text(.html).contains("\"><script>"))
        #expect(message { _ = try Leaderboard(rows, by: "FIDs") }.contains("did you mean FID?"))
    }

    @Test func metricsAgreeOnlyWithinAKind() throws {
        let rows = (0..<5).map { (index: Int) -> LeaderboardRow in
            let fid = LeaderboardNumber(Double(index))
            let coverage = LeaderboardNumber(index == 4 ? 9 : -Double(index))
            return LeaderboardRow(
                model: "m\(index)", definition: index < 4 ? "exact" : "chexgenbench",
                numbers: [(metric: "FID", number: fid), (metric: "Coverage", number: coverage)])
        }
        let apart = try #require(try MetricAgreement.all(rows).first)
        #expect(apart.tau == 1 && apart.models == 4 && apart.leftOut == 1 && apart.low == 1)
        let mixed = try #require(try MetricAgreement.all(rows, isMixed: true).first)
        #expect(mixed.models == 5 && abs(mixed.tau - 0.2) < 1e-12 && mixed.leftOut == 0)
    }
}

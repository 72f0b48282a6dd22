import Files
import Foundation
import Results
import Runs
import TestSupport
import Testing

/// What is read of run folders, whole or not.
@Suite struct ReadingTests {
    @Test func numbersComeWithWhatStandsBesideThem() throws {
        let scratch = try Scratch()
        let run = try RunResults(RunFolders.write(in: scratch))
        #expect(run.state == .done && run.model == "model-a" && run.experiment == "frd" && run.faults.isEmpty)
        #expect(run.table.measures.map(\.column) == ["FRD"] && run.table.measures[0].direction == .lower)
        #expect(run.table.labels == ["Pathology"] && run.table.label(0) == "all" && run.table.label(1) == "Edema")
        let number = try #require(run.table.number(0, "FRD"))
        #expect([number.value, number.low, number.high, number.floor, number.limit] == [9.5, 9, 10, 1.67, -.infinity])
        #expect(number.identity?.realCount == 160 && run.table.films(1).synthetic == 18)
        #expect(run.table.constants.map(\.column) == ["Extra Info", "Protocol"])
        #expect(run.table.notes.map(\.text) == ["a note"] && run.table.number(0, "FID") == nil)
    }

    /// Which values are better is what the row says, whatever the column is called; older folders are read by names.
    @Test func directionsAreThoseOfTheRows() throws {
        let scratch = try Scratch()
        let path = try RunFolders.write(
            in: scratch,
            rows: [
                "{\"BLEU-1\":0.25,\"KID\":0.5,\"FID\":3.5,\"Wind\":1.5,\"Mine\":0.5,\"BLEU-1 direction\":\"higher\","
                    + "\"BLEU-1 low\":0.125,\"BLEU-1 high\":0.5,\"FID direction\":\"higher\",\"Wind direction\":\"north\"}"
            ])
        let run = try RunResults(path)
        #expect(run.table.measures.map(\.column) == ["BLEU-1", "KID", "FID", "Wind", "Mine"])
        #expect(run.table.measures.map(\.direction) == [.higher, .lower, .higher, nil, nil])
        #expect(run.table.constants.map(\.column) == ["Wind direction"])
        let page = ReportPage([run]).text()
        #expect(page.contains("higher is better") && !page.contains("BLEU-1 direction"))
    }

    /// Torn and rubbish files are named, and what is whole is shown.
    @Test func whatCannotBeReadIsNamed() throws {
        let scratch = try Scratch()
        let path = try RunFolders.write(in: scratch, isFinished: false)
        scratch.cut("run/results.jsonl", by: 10)
        try scratch.write("run/run.json", "{\"attempts\": [")
        try scratch.write("run/artifacts/films.csv", "a,b\n1,2\n")
        try scratch.write("run/artifacts/training.csv", [0xFF, 0xFE, 0, 1])
        try scratch.write(
            "run/artifacts/roc_curves.csv", "class,false_positive_rate,true_positive_rate,auc\nx,NaN,inf,z\n")
        let run = try RunResults(path)
        #expect(run.table.rows.count == 1 && run.state == .interrupted && run.curves.isEmpty && run.galleries.isEmpty)
        for part in ["results.jsonl, row 2", "run.json", "films.csv: it has no column synthetic", "training.csv"] {
            #expect(run.faults.contains { $0.contains(part) }, "\(run.faults)")
        }
        #expect(ReportPage([run]).text().contains("films.csv"))
    }

    @Test func whatIsNoRunIsAnError() throws {
        let scratch = try Scratch()
        try scratch.write("other/file", "")
        for (path, part) in [("nowhere", "no such run"), ("other", "no folder of a run")] {
            let text = message { _ = try RunResults("\(scratch.path)/\(path)") }
            #expect(text.contains(path) && text.contains(part), "\(text)")
        }
        try scratch.write("broken/run.yaml", "experiment: [")
        #expect(message { _ = try RunResults("\(scratch.path)/broken") }.contains("run.yaml"))
        try scratch.write("empty/run.yaml", "experiment: x.lua\n")
        let run = try RunResults("\(scratch.path)/empty")
        #expect(run.table.rows.isEmpty && run.faults.count == 2)
        #expect(ReportPage([run]).text().contains("No row of results was recorded"))
        #expect(message { _ = try ReportPage.reading([scratch.path + "/other"]) }.contains("none lies in it"))
    }

    /// Random bytes in place of every file: an error or a page, and nothing worse.
    @Test func rubbishFolders() throws {
        var random = SeededGenerator()
        let scratch = try Scratch()
        for round in 0..<20 {
            let path = try RunFolders.write(in: scratch, "run\(round)")
            for name in [
                "run.yaml", "results.jsonl", "run.json", "run.log", "artifacts/films.csv", "artifacts/skipped.csv",
            ]
            where Bool.random(using: &random) {
                let bytes = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                try scratch.write("run\(round)/\(name)", bytes)
            }
            if let run = try? RunResults(path) { #expect(ReportPage([run]).text().hasSuffix("</html>\n")) }
        }
    }

    @Test func cellsOfASweepAreToldApart() throws {
        let scratch = try Scratch()
        let path = try RunFolders.write(
            in: scratch,
            rows: [1, 2].flatMap { scale in
                [10, 20].map { steps in "{\"scale\":\(scale),\"steps\":\(steps),\"fid\":\(Double(scale * steps) + 0.5)}"
                }
            })
        let yaml = try scratch.text("run/run.yaml") + "sweep: { scale: [1, 2], steps: [10, 20] }\n"
        try scratch.write("run/run.yaml", yaml)
        let run = try RunResults(path)
        #expect(run.table.swept == ["scale", "steps"] && run.table.firstRows == [0, 1, 2, 3])
        #expect(ReportPage([run]).text().contains("rotate(-90)"))
    }
}

extension Scratch {
    fileprivate func cut(_ name: String, by bytes: Int) { truncate("\(path)/\(name)", off_t(size(name) - bytes)) }
}

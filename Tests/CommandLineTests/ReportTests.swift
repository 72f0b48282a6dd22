import Foundation
import TestSupport
import Testing

/// The page that every run ends with, and `chexgen report`.
@Suite struct ReportTests {
    private func folder() throws -> Scratch {
        let folder = try Scratch()
        try folder.write(
            "e.lua",
            """
            return { params = { scale = 1, fails = false }, run = function(run)
              if run.params.fails and run.params.scale == 2 then error("this cell fails <b>") end
              run:record({ score = run.params.scale * 1.5, ["score low"] = 0, ["score high"] = 9, word = "a<b" })
            end }
            """)
        try folder.write("e.yaml", "experiment: e.lua\nsweep: { scale: [1, 2, 3] }\n")
        return folder
    }

    @Test func everyRunEndsWithAPage() throws {
        let folder = try folder()
        let outcome = try Child.run(["run", "e.yaml", "--out", "run"], in: folder)
        #expect(
            outcome.status == 0 && outcome.output.contains("report: \(folder.path)/run/report.html"), "\(outcome.text)")
        let page = try folder.text("run/report.html")
        #expect(page.contains("1.500") && page.contains("a&lt;b") && page.contains("chexgen run"))
        // It is no part of what the run is.
        #expect(try !folder.text("run/run.yaml").contains("report.html"))
        let again = try Child.run(["run", "run/run.yaml", "--out", "again"], in: folder)
        #expect(again.status == 0, "\(again.text)")
        let difference = try Child.run(["diff", "run", "again"], in: folder)
        #expect(difference.output == "no difference\n", "\(difference.text)")
    }

    @Test func runsThatFailHaveOneToo() throws {
        let folder = try folder()
        let outcome = try Child.run(["run", "e.yaml", "--out", "run", "--set", "fails=true"], in: folder)
        #expect(outcome.status == 1, "\(outcome.text)")
        let page = try folder.text("run/report.html")
        #expect(page.contains("this cell fails &lt;b&gt;") && page.contains("--resume"))
    }

    /// A page that cannot be written is a line of the log.
    @Test func aPageThatCannotBeWrittenFailsNothing() throws {
        let folder = try folder()
        try folder.write(
            "blocked.lua",
            "return { run = function(run) run:record { a = 1.5 } require('chexgen').make_folder(arg.path .. '/report.html/x') end }"
                .replacingOccurrences(of: "arg.path", with: "'\(folder.path)/run'"))
        let outcome = try Child.run(["run", "blocked.lua", "--out", "run"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(try folder.text("run/run.log").contains("no report: "))
        #expect(try folder.text("run/results.csv") == "a\n1.5\n")
    }

    @Test func theCommand() throws {
        let folder = try folder()
        for name in ["a", "b"] {
            #expect(try Child.run(["run", "e.yaml", "--out", "runs/\(name)", "--quiet"], in: folder).status == 0)
        }
        let outcome = try Child.run(["report", "runs", "--out", "page.html"], in: folder)
        #expect(outcome.status == 0 && outcome.output == "report: page.html\n", "\(outcome.text)")
        #expect(try folder.text("page.html").contains("id=\"run2\""))
        let secret = try Child.run(["report", "runs/a", "--private"], in: folder)
        #expect(secret.status == 0 && folder.has("runs/a/report-private.html"), "\(secret.text)")
        #expect(try !folder.text("runs/a/report-private.html").contains(folder.path))
        for (words, part) in [
            (["report"], "wants RUN|FOLDER"), (["report", "runs/a", "--out", "x.pdf"], ".html"),
            (["report", "nowhere"], "nowhere"), (["report", "runs/a", "--privat"], "--private"),
        ] {
            let wrong = try Child.run(words, in: folder)
            #expect(wrong.status != 0 && wrong.errors.contains(part), "\(wrong.text)")
        }
    }
}

/// `chexgen leaderboard`.
@Suite struct LeaderboardCommandTests {
    @Test func runsStandBesideThePublishedModels() throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua",
            """
            local metric = require "chexgen.metric"
            return { params = { name = "mine", value = 50.5, n = 10 }, run = function(run)
              run:record { ["FID (RadDino)"] = run.params.value, ["FID (RadDino) low"] = 49, ["FID (RadDino) high"] = 52,
                ["Extra Info"] = run.params.name, ["FID (RadDino) identity"] = metric.identity { metric = "fid",
                protocol = "exact", estimator = "frechet-f64", real = 20, synthetic = run.params.n } }
            end }
            """)
        for (name, settings) in [("a", []), ("b", ["--set", "name=other", "--set", "n=20", "--set", "value=40"])] {
            let outcome = try Child.run(["run", "e.lua", "--out", "runs/\(name)", "--quiet"] + settings, in: folder)
            #expect(outcome.status == 0, "\(outcome.text)")
        }
        let apart = try Child.run(["leaderboard"], in: folder)
        #expect(apart.status == 0 && apart.errors.isEmpty, "\(apart.text)")
        for part in [
            "Sana", "54.23", "mine", "49.00 to 52.00", "not ranked together", "20 real and 10 synthetic films",
        ] {
            #expect(apart.output.contains(part), "\(part): \(apart.output)")
        }
        let mixed = try Child.run(["leaderboard", "runs", "--mixed", "--format", "csv"], in: folder)
        let lines = mixed.output.split(separator: "\n")
        #expect(
            lines.count == 14 && lines[1].hasPrefix("1,1,other,") && lines[2].hasPrefix("1,2,mine,"), "\(mixed.text)")
        #expect(lines[3].hasPrefix("1,3,Sana,0.60B,2025,chexgenbench,54.23,"))
        let page = try Child.run(["leaderboard", "runs/a", "--format", "html", "--sort", "year"], in: folder)
        #expect(page.output.hasPrefix("<!DOCTYPE html>") && page.output.contains("mine"), "\(page.text)")
        for (words, part) in [
            (["--sort", "FIDs"], "no row has the number FIDs"),
            (["--sort", "zzzz"], "no row has the number zzzz; known: FID (RadDino)"),
            (["--format", "pdf"], "text, csv, md or html"), (["nowhere"], "nowhere"),
        ] {
            let wrong = try Child.run(["leaderboard"] + words, in: folder)
            #expect(wrong.status != 0 && wrong.errors.contains(part), "\(wrong.text)")
        }
    }
}

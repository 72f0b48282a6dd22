import Foundation
import Results
import TestSupport
import Testing

/// Pages in a real browser: Chromium of Debian, without a window and without a network.
@Suite(
    .enabled(
        if: Browser.isThere, "there is no chromium to look at pages with: apt-get install chromium (CI demands it)"))
struct BrowserTests {
    /// A folder with the page of a run that holds much: long words, wide tables, films, plots of every kind.
    private func run(_ scratch: Scratch) throws -> ReportPage {
        let long = String(repeating: "Unbreakable", count: 30)
        let names = ["FID", "FID (RadDino)", "KID", "Precision", "Recall", "Density", "Coverage", "FRD"]
        let rows = (0..<40).map { row -> String in
            let numbers = names.enumerated().map { index, name in
                "\"\(name)\":\(Double(row + index) + 0.5),\"\(name) low\":\(row),\"\(name) high\":\(row + 9),"
                    + "\"\(name) floor\":1.5,\"\(name) identity\":\"\(RunFolders.identity)\","
            }.joined()
            return "{\(numbers)\"Pathology\":\"\(row == 3 ? long : "finding \(row)")\",\"Note\":\"\(long)\"}"
        }
        let path = try RunFolders.write(
            in: scratch, more: ", long: \(long), prompt: \"<script>alert(1)</script>\"", rows: rows)
        for index in 0..<3 { try RunFolders.film(scratch, "films/\(index).png", UInt8(80 * index), side: 200) }
        try RunFolders.film(scratch, "run/artifacts/contact_sheet.png", 90, side: 1500)
        try scratch.write(
            "run/artifacts/films.csv",
            "synthetic,real,caption,by,value\n"
                + (0..<3).map {
                    "films/\($0).png,films/0.png,\"\(long) </style><img src=http://example.org/x.png>\",reid,\($0)\n"
                }.joined())
        try scratch.write("run/artifacts/training.csv", "epoch,train_loss,validation_loss\n1,0.8,0.9\n2,0.5,0.7\n")
        try scratch.write(
            "run/artifacts/roc_curves.csv",
            "class,false_positive_rate,true_positive_rate,auc\n"
                + (0..<14).map { "\(long)\($0),0,0,0.7\n\(long)\($0),1,1,0.7\n" }.joined())
        return try ReportPage.reading([path])
    }

    /// A run of a sweep over two settings.
    private func sweep(_ scratch: Scratch) throws -> ReportPage {
        let path = try RunFolders.write(
            in: scratch, "sweep",
            rows: (1...12).flatMap { scale in
                (1...9).map { steps in
                    "{\"guidance_scale\":\(scale).5,\"steps\":\(steps),\"FRD\":\(Double(scale * steps) + 0.25)}"
                }
            })
        let values = (1...12).map { "\($0).5" }.joined(separator: ", ")
        try scratch.write(
            "sweep/run.yaml",
            try scratch.text("sweep/run.yaml")
                + "sweep: { guidance_scale: [\(values)], steps: [1, 2, 3, 4, 5, 6, 7, 8, 9] }\n")
        return try ReportPage.reading([path])
    }

    @Test func nothingOverflowsAndNothingIsFetched() throws {
        let scratch = try Scratch()
        try run(scratch).write(scratch.path + "/run.html")
        try sweep(scratch).write(scratch.path + "/sweep.html")
        let own = try LeaderboardRow.read(scratch.path).rows
        let rows = LeaderboardRow.published + own
        let board = try LeaderboardText(
            rows, Leaderboard(rows, by: Leaderboard.standardMetric, isMixed: true),
            MetricAgreement.all(rows, isMixed: true))
        try scratch.write("board.html", board.text(.html))
        try ReportPage.reading([scratch.path + "/run", scratch.path + "/sweep"]).write(scratch.path + "/many.html")
        // That the test sees what it looks for.
        try scratch.write(
            "bad.html",
            "<!DOCTYPE html><body><img src=\"http://example.org/x.png\"><div style=\"width:2000px\">wide</div></body>")
        let (found, log) = try Browser.look(
            at: ["run.html", "sweep.html", "board.html", "many.html", "bad.html"], widths: [375, 1280], in: scratch)
        #expect(found.count == 10, "\(log)")
        for look in found {
            if look.page == "bad.html" {
                #expect(look.width > look.room && look.fetched.contains("example.org"), "\(look)")
                continue
            }
            #expect(look.width <= look.room, "\(look)")
            #expect(look.fetched.isEmpty, "\(look)")
            // The page's own style and program run under its policy.
            #expect(look.letters == "15px" && look.sortable > 3, "\(look)")
            #expect(look.isSorted, "\(look)")
        }
        #expect(!log.contains("Content Security Policy"), "\(log)")
    }
}

/// Chromium as a child process.
enum Browser {
    /// What is seen of a page at a width.
    struct Look {
        let page: String
        /// Pixels that the content takes, and those that there are.
        let width: Int
        let room: Int
        let fetched: String
        let letters: String
        let sortable: Int
        /// Whether a click on a head sorted its table.
        let isSorted: Bool
    }

    private static let program = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Where the browser is demanded, its test runs, and fails without it.
    static var isThere: Bool { program != nil || ProcessInfo.processInfo.environment["CHEXGEN_BROWSER"] == "required" }

    /// Loads pages in frames of some widths, which are their screens, and measures them with everything opened.
    static func look(at pages: [String], widths: [Int], in scratch: Scratch) throws -> (looks: [Look], log: String) {
        let program = try #require(program, "chromium is not installed: apt-get install chromium")
        let list = pages.map { "\"\($0)\"" }.joined(separator: ",")
        try scratch.write(
            "frames.html",
            """
            <!DOCTYPE html><html><body><pre id="out"></pre><script>
            var pages = [\(list)], widths = \(widths), lines = [];
            pages.forEach(function (page) { widths.forEach(function (width) {
              var frame = document.createElement("iframe");
              frame.style.cssText = "width:" + width + "px;height:800px;border:0";
              frame.onload = function () {
                var view = frame.contentWindow, doc = frame.contentDocument, root = doc.documentElement;
                doc.querySelectorAll("details").forEach(function (item) { item.open = true; });
                var fetched = view.performance.getEntriesByType("resource").map(function (entry) { return entry.name; })
                  .filter(function (name) { return name.indexOf("data:") !== 0; });
                var head = doc.querySelector("th.sorts");
                if (head) { head.click(); }
                lines.push([page, root.scrollWidth, root.clientWidth, fetched.join(","), view.getComputedStyle(doc.body).fontSize,
                  doc.querySelectorAll("th.sorts").length, !!doc.querySelector("th[aria-sort=ascending]")].join("|"));
                document.getElementById("out").textContent = lines.join("\\n") + "\\n";
              };
              frame.src = page;
              document.body.appendChild(frame);
            }); });
            </script></body></html>
            """)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--user-data-dir=\(scratch.path)/profile",
            "--allow-file-access-from-files", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
            "--virtual-time-budget=20000", "--dump-dom", "file://\(scratch.path)/frames.html",
        ]
        try scratch.write("dom.txt", "")
        try scratch.write("log.txt", "")
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.path + "/dom.txt"))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.path + "/log.txt"))
        try process.run()
        process.waitUntilExit()
        let dom = try scratch.text("dom.txt")
        let start = try #require(dom.range(of: "<pre id=\"out\">")).upperBound
        let end = try #require(dom.range(of: "</pre>")).lowerBound
        let looks = dom[start..<end].split(separator: "\n").compactMap { line -> Look? in
            let parts = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 7, let width = Int(parts[1]), let room = Int(parts[2]), let heads = Int(parts[5])
            else { return nil }
            return Look(
                page: parts[0], width: width, room: room, fetched: parts[3], letters: parts[4], sortable: heads,
                isSorted: parts[6] == "true")
        }
        return (looks, try scratch.text("log.txt"))
    }
}

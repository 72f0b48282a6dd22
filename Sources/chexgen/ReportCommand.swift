import Files
import Launcher
import Results
import Runs

extension Command {
    /// `chexgen report`.
    static let report = Command(
        name: "report", about: "write one page about runs: numbers, plots, films, what repeats them",
        arguments: [.init("RUN|FOLDER", .run, .some)],
        options: [
            .init(
                "out", "FILE.html", .file([".html"]), "the page (default: report.html in the run, or here for several)"),
            .init("private", "leave out captions, paths, patients and films"),
        ],
        text: ["The page needs nothing beside it and fetches nothing. Every run ends with one of itself, report.html."],
        examples: [
            ("chexgen report runs", "all runs on one page, with a leaderboard"),
            ("chexgen report runs/a --private", "a page that may be shown to anybody"),
        ]
    ) { given in
        let out = try given.one("out")
        if let out, !["html", "htm"].contains(Paths.ending(out)) {
            throw UsageError("--out: \(out): a page is a file that ends in .html")
        }
        var page = ReportPage.Options()
        page.isPrivate = given.has("private")
        page.places = DeclaredPlaces.names
        let only = given.positional.count == 1 ? given.positional[0] : nil
        let folder = only.map { Paths.name($0) == "run.yaml" ? Paths.folder($0) : $0 }
        let name = page.isPrivate ? "report-private.html" : ReportPage.fileName
        let path = out ?? folder.map { Paths.joined($0, name) } ?? name
        try ReportPage.reading(given.positional, page).write(path)
        print("report: \(path)")
        return .done
    }
}

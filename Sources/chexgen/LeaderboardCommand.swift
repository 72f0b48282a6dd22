import Files
import Metrics
import Results
import Runs

extension Command {
    /// `chexgen leaderboard`.
    static let leaderboard = Command(
        name: "leaderboard", about: "put runs beside the published models, in the order of a number",
        arguments: [.init("FOLDER", .run, .any)],
        options: [
            .init(
                "sort", "COLUMN", .free, "the number to rank by (default: FID (RadDino)); or rank, model, size, year"),
            .init("order", "WORD", .choice(["lower", "higher"]), "which values are better, for numbers of your own"),
            .init("format", "WORD", .choice(LeaderboardText.Format.allCases.map(\.rawValue)), "text, csv, md or html"),
            .init("mixed", "rank numbers of different identity together"),
        ],
        text: [
            "FOLDER is a run or holds runs; without one it is the folder runs. Numbers of different identity (protocol, encoder, "
                + "weights, preprocessing, dtype, films) stand in orders of their own."
        ],
        examples: [
            ("chexgen leaderboard runs --sort FRD", "my runs by their radiomics"),
            ("chexgen leaderboard --format html > board.html", "a page of it"),
        ]
    ) { given in
        let name = try given.one("format") ?? LeaderboardText.Format.text.rawValue
        guard let format = LeaderboardText.Format(rawValue: name) else {
            throw UsageError("--format: wanted text, csv, md or html, got \(name)")
        }
        let order = try given.one("order").map { word -> StatisticDirection in
            guard let order = StatisticDirection(rawValue: word) else {
                throw UsageError("--order: wanted lower or higher, got \(word)")
            }
            return order
        }
        var rows = LeaderboardRow.published
        var missing: [String] = []
        let folders = given.positional.isEmpty && Folders.isFolder("runs") ? ["runs"] : given.positional
        for folder in folders {
            do {
                let found = try LeaderboardRow.read(folder)
                rows += found.rows
                missing += found.missing
            } catch { if given.positional.isEmpty { missing.append("\(error)") } else { throw error } }
        }
        let column = try given.one("sort") ?? Leaderboard.standardMetric
        let board: Leaderboard
        do {
            let isListing = Leaderboard.columns.contains(column)
            let ranked = try Leaderboard(
                rows, by: isListing ? Leaderboard.standardMetric : column, order: order, isMixed: given.has("mixed"))
            board = isListing ? ranked.listed(rows, by: column) : ranked
        } catch let error as LeaderboardError { throw UsageError("--sort: \(error)") }
        let agreements = try MetricAgreement.all(rows, isMixed: given.has("mixed"))
        let text = LeaderboardText(rows, board, agreements, missing: missing).text(format)
        if format == .csv { for line in missing { StandardStreams.writeError("not here: \(line)\n") } }
        print(text, terminator: "")
        return .done
    }
}

import Files
import Foundation
import Runs

/// One page about one run or several: a file that needs nothing beside it.
public struct ReportPage {
    /// What a page may hold.
    public enum Limits {
        /// Runs.
        public static let runs = 30
        /// Bytes of pictures.
        public static let pictureBytes = 6 << 20
        /// Rows of a table.
        public static let rows = 400
        /// Pins, parameters and files that are listed.
        public static let entries = 300
    }

    /// What is left out of a page, and what it may cost.
    public struct Options: Sendable {
        /// No captions, no paths, no patients, no films.
        public var isPrivate = false
        /// The last words of parameters that name places on a disk, beside those of all experiments: a private page
        /// leaves their values out.
        public var places: Set<String> = []
        /// Whether films are read and shown.
        public var hasFilms = true

        /// A whole page.
        public init() {}
    }

    private let runs: [RunResults]
    private let options: Options
    private let discretion: Discretion
    /// Runs that were asked for and have no room, or could not be read.
    private let missing: [String]

    /// A page about runs that are read already; `missing` says what else was asked for and is not there.
    public init(_ runs: [RunResults], missing: [String] = [], _ options: Options = Options()) {
        self.runs = Array(runs.prefix(Limits.runs))
        self.options = options
        let cut = runs.count - self.runs.count
        self.missing = missing + (cut > 0 ? ["\(Readable.count(cut, "run")) more: a page holds \(Limits.runs)"] : [])
        discretion = Discretion(isPrivate: options.isPrivate, places: options.places)
    }

    /// The page's text.
    public func text() -> String {
        let title = runs.count == 1 ? RunSection.title(runs[0], discretion) : Readable.count(runs.count, "run")
        var pictures = Pictures(limit: Limits.pictureBytes / max(1, runs.count))
        let articles = runs.enumerated().map { index, run -> HTML in
            var section = RunSection(
                run, number: runs.count > 1 ? index + 1 : nil, discretion,
                hasFilms: options.hasFilms && !options.isPrivate,
                pictures: pictures)
            let html = section.html()
            // Every run has a share of the room, so that the first takes not all of it.
            pictures = Pictures(limit: Limits.pictureBytes / max(1, runs.count))
            return html
        }
        return PageShell(
            title: title, navigation: navigation, body: "\(several)\(articles)", remark: remark
        ).text
    }

    private var remark: HTML {
        let versions = Set(runs.compactMap { $0.record.config.provenance["chexgen"]?.string }).sorted().joined(
            separator: ", ")
        return """
            Written by chexgen \(versions). The page holds all that it shows and fetches nothing\(options.isPrivate
            ? "; captions, paths, patients and films are left out." : ".")
            """
    }

    private var navigation: HTML {
        guard runs.count > 1 else {
            return HTML(RunSection.Part.allCases.map { "<a href=\"#\($0.rawValue)\">\($0.title)</a>" })
        }
        return HTML(
            runs.enumerated().map { "<a href=\"#run\($0.offset + 1)\">\(RunSection.title($0.element, discretion))</a>" }
        )
    }

    private var several: HTML? {
        guard runs.count > 1 || !missing.isEmpty else { return nil }
        let list = missing.map { "<li>\(discretion.isPrivate ? "a folder that cannot be read" : $0)</li>" as HTML }
        let heading: HTML = runs.count == 1 ? "" : "<h1>\(Readable.count(runs.count, "run"))</h1>"
        return """
            \(heading)\(board)\(missing.isEmpty ? nil : "<p>Not on this page:</p><ul class=\"plain\">\(list)</ul>")
            """
    }

    /// The runs of the page beside the published rows, where they have numbers that are ranked.
    private var board: HTML? {
        let own = runs.flatMap(LeaderboardRow.rows)
        let known = Leaderboard.metrics(own).filter {
            Leaderboard.direction(of: $0, own) != nil && discretion.shows(column: $0)
        }
        guard runs.count > 1, let first = known.first else { return nil }
        let metric = known.contains(Leaderboard.standardMetric) ? Leaderboard.standardMetric : first
        let rows = own + (metric == Leaderboard.standardMetric ? LeaderboardRow.published : [])
        guard let board = try? Leaderboard(rows, by: metric), let agreements = try? MetricAgreement.all(rows) else {
            return nil
        }
        return LeaderboardPage(rows, board, agreements, discretion).html
    }

    /// Writes a page.
    /// - Throws: `FileError.unwritable`.
    public func write(_ path: String) throws { try AtomicFile.write(path, text()) }

    /// The name of the page in a run folder.
    public static let fileName = "report.html"

    /// Reads runs, and folders of runs, and makes a page of them. What is no run among the folders of a folder is passed over;
    /// a run that cannot be read is named on the page.
    /// - Throws: `RunsError` where a path leads to no run, and none lies in it.
    public static func reading(_ paths: [String], _ options: Options = Options()) throws -> ReportPage {
        var runs: [RunResults] = []
        var missing: [String] = []
        for path in paths {
            guard let folders = try RecordedRun.folders(in: path) else {
                runs.append(try RunResults(path))
                continue
            }
            for folder in folders {
                guard runs.count < Limits.runs else {
                    missing.append(folder)
                    continue
                }
                do { runs.append(try RunResults(folder)) } catch { missing.append("\(error)") }
            }
        }
        if runs.isEmpty, let first = missing.first {
            throw RunsError.folder(path: paths[0], message: "no run can be read: \(first)")
        }
        return ReportPage(runs, missing: missing, options)
    }
}

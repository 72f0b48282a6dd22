import Files
import Foundation
import Metrics
import Runs

/// What a page says of one run.
struct RunSection {
    /// The parts, in order.
    enum Part: String, CaseIterable {
        case results, films, out, again, run

        var title: String {
            switch self {
            case .results: return "Results"
            case .films: return "Films"
            case .out: return "Left out"
            case .again: return "Again"
            case .run: return "Run"
            }
        }
    }

    let run: RunResults
    let discretion: Discretion
    /// The place among several runs, from 1; nil for the only one.
    private let number: Int?
    private let hasFilms: Bool
    private var pictures: Pictures

    init(_ run: RunResults, number: Int?, _ discretion: Discretion, hasFilms: Bool, pictures: Pictures) {
        (self.run, self.number, self.discretion, self.hasFilms, self.pictures) = (
            run, number, discretion, hasFilms, pictures
        )
    }

    /// What a run is called on a page.
    static func title(_ run: RunResults, _ discretion: Discretion) -> String {
        let model = run.model.map(discretion.text) ?? Discretion.leftOut
        // The default of experiments tells no run from another.
        if model != Discretion.leftOut, !model.isEmpty, model != "unnamed model" { return model }
        return discretion.isPrivate ? discretion.text(run.experiment) : run.record.name
    }

    mutating func html() -> HTML {
        let charts = ResultCharts(run, discretion)
        let films = galleries()
        return """
            <article\(number.map { " id=\"run\($0)\"" as HTML })>
            \(head)
            \(heading(.results))
            \(charts.html)
            \(RowTables(run, discretion).html)
            \(heading(.films))
            \(films)
            \(heading(.out))
            \(leftOut)
            \(heading(.again))
            \(commands)
            \(heading(.run))
            \(RunFacts(run, discretion).html)
            </article>
            """
    }

    private func heading(_ part: Part) -> HTML {
        let title: HTML
        switch part {
        case .results: title = "Results"
        case .films: title = "Films"
        case .out: title = "What was left out and cut"
        case .again: title = "The same again"
        case .run: title = "What was run and pinned"
        }
        return number == nil ? "<h2 id=\"\(part.rawValue)\">\(title)</h2>" : "<h2>\(title)</h2>"
    }

    // MARK: Head

    private var head: HTML {
        let attempt = run.record.attempts.last
        var facts: [(String, HTML)] = []
        func add(_ name: String, _ text: String?) { if let text, !text.isEmpty { facts.append((name, "\(text)")) } }
        add("Experiment", discretion.text(run.experiment))
        add("Protocol", run.record.config.params["protocol"]?.value.string.map(discretion.text))
        let films = run.table.rows.isEmpty ? (nil, nil) : run.table.films(0)
        let counted = run.table.rows.isEmpty ? Counted.films : run.table.counted(0)
        func title(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
        add(title(counted.real), films.0.map { Readable.count($0) })
        add(title(counted.synthetic), films.1.flatMap { $0 > 0 ? Readable.count($0) : nil })
        if !run.table.swept.isEmpty { add("Cells", Readable.count(run.table.firstRows.count)) }
        add("Seed", String(run.record.config.seed))
        add("dtype", run.record.config.dtype)
        add("Begun", (run.record.attempts.first?["started"]?.string).map(Readable.time))
        let seconds = run.record.attempts.compactMap { $0["seconds"]?.number }.reduce(0, +)
        add("Took", seconds > 0 ? Readable.seconds(seconds) : nil)
        add("Most memory", (attempt?["peak_memory_bytes"]?.integer).map(Readable.bytes))
        let lead =
            discretion.isPrivate ? "A private page: captions, paths, patients and films are left out." : run.record.path
        return """
            <h1>\(RunSection.title(run, discretion))<span class="state \(run.state.rawValue)">\(run.state.rawValue)</span></h1>
            <p class="lead small">\(lead)</p>
            \(failures)
            <dl class="facts">\(facts.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>" as HTML })</dl>
            """
    }

    private var failures: HTML? {
        guard !run.failures.isEmpty else { return nil }
        if discretion.isPrivate { return "<p>\(Readable.count(run.failures.count, "cell")) failed.</p>" }
        let shown = run.failures.prefix(10).map { "<li>\(Readable.cut($0, 600))</li>" as HTML }
        return "<p>\(Readable.count(run.failures.count, "cell")) failed:</p><ul class=\"plain small\">\(shown)</ul>"
    }

    // MARK: Films

    private mutating func galleries() -> HTML {
        if discretion.isPrivate {
            return "<p class=\"soft\">This page is private: films and captions are left out.</p>"
        }
        guard hasFilms else { return "<p class=\"soft\">No films are shown, as the run was stopped.</p>" }
        var parts: [HTML] = []
        // A sheet of all cells says more than the films of some.
        let galleries = run.galleries.filter { $0.isSorted || $0.place.isEmpty || run.pictures.isEmpty }
        for gallery in galleries {
            let by = gallery.first.first?.by
            let place = gallery.place.isEmpty ? "" : " · \(gallery.place)"
            if gallery.isSorted {
                parts.append("<h3>The worst\(by.map { " by \($0)" } ?? "")\(place)</h3>\(films(gallery.first))")
                if !gallery.last.isEmpty {
                    parts.append("<h3>The best\(by.map { " by \($0)" } ?? "")\(place)</h3>\(films(gallery.last))")
                }
            } else {
                parts.append(
                    "<h3>The first of \(Readable.count(gallery.count, "film"))\(place)</h3>\(films(gallery.first))")
            }
        }
        for path in run.pictures {
            guard let picture = pictures.inlined(path, side: 1200) else { continue }
            let name = Paths.name(path)
            parts.append(
                """
                <h3>\(name)</h3><div class="picture"><img src="\(picture.source)" width="\(picture.width)" \
                height="\(picture.height)" alt="\(name)"></div>
                """)
        }
        return parts.isEmpty ? "<p class=\"soft\">This run left no films.</p>" : HTML(parts)
    }

    private mutating func films(_ films: [RunResults.Film]) -> HTML {
        let hasPairs = films.contains { $0.real != nil }
        var figures: [HTML] = []
        for film in films {
            var row: [HTML] = [tile(film.path, "synthetic film")]
            if let real = film.real { row.append(tile(real, "nearest real film")) }
            let score = film.value.map { "<b>\(Readable.number($0))</b> \(film.by ?? "")" as HTML }
            let words: HTML? = hasPairs ? "<span>synthetic, and the real film nearest to it</span>" : nil
            figures.append(
                """
                <figure><div class="row">\(row)</div><figcaption>\(score)\(film.caption.map {
                "<span>\(Readable.cut($0, 400))</span>" as HTML })\(words)</figcaption></figure>
                """)
        }
        return hasPairs ? "<div class=\"films pairs\">\(figures)</div>" : "<div class=\"films\">\(figures)</div>"
    }

    private mutating func tile(_ path: String, _ what: String) -> HTML {
        guard let picture = pictures.inlined(path, side: 256) else {
            return "<div class=\"none\">\(what) cannot be shown</div>"
        }
        return "<img src=\"\(picture.source)\" width=\"\(picture.width)\" height=\"\(picture.height)\" alt=\"\(what)\">"
    }

    // MARK: What is missing

    private var leftOut: HTML {
        var items: [HTML] = []
        if run.leftOutCount > 0 {
            items.append(
                "<li>\(Readable.count(run.leftOutCount, "image or row", "images and rows")) left out of every number</li>"
            )
        }
        if run.cutPrompts.prompts > 0 {
            items.append(
                """
                <li>\(Readable.count(run.cutPrompts.prompts, "prompt")) lost \(Readable.count(run.cutPrompts.tokens, "token")) that \
                the text encoder has no place for</li>
                """)
        }
        if run.table.rows.count > ReportPage.Limits.rows {
            items.append(
                """
                <li>The tables of this page show the first \(ReportPage.Limits.rows) of \
                \(Readable.count(run.table.rows.count)) rows; results.csv has all</li>
                """)
        }
        if pictures.withoutRoom > 0 {
            items.append(
                "<li>\(Readable.count(pictures.withoutRoom, "picture")) had no room: a page holds \(Readable.bytes(ReportPage.Limits.pictureBytes)) of them</li>"
            )
        }
        let notes = run.table.notes.prefix(50)
        let faults = run.faults + pictures.faults
        if discretion.isPrivate {
            if !notes.isEmpty {
                items.append("<li>\(Readable.count(notes.count, "note")) on rows of results, left out here</li>")
            }
            if !faults.isEmpty {
                items.append("<li>\(Readable.count(faults.count, "file")) that could not be read</li>")
            }
        } else {
            items += notes.map { "<li>\($0.text) <span class=\"soft\">(\(Readable.count($0.rows, "row")))</span></li>" }
            items += faults.prefix(50).map { "<li>\($0)</li>" }
        }
        let reasons: HTML?
        if discretion.isPrivate || run.leftOut.isEmpty {
            reasons = nil
        } else {
            let more = run.leftOutCount - run.leftOut.count
            reasons = """
                <details><summary>Why they were left out <span>\(Readable.count(run.leftOutCount, "reason"))</span></summary>\
                <ul class="plain small">\(run.leftOut.map { "<li>\(Readable.cut($0, 600))</li>" as HTML })\
                \(more > 0 ? "<li>\(Readable.count(more)) more in the run folder</li>" : nil)</ul></details>
                """
        }
        return items.isEmpty
            ? "<p>Nothing: every image, prompt and row counts, and all of them are on this page.</p>"
            : "<ul class=\"plain\">\(items)</ul>\(reasons)"
    }

    // MARK: Again

    private var commands: HTML {
        let folder = discretion.isPrivate ? "RUN" : RunSection.quoted(RunSection.shown(run.record.path))
        var lines: [(HTML, String)] = []
        if run.state == .done {
            lines.append(
                (
                    "Repeats the run to the byte of results.csv, or names the input that changed",
                    "chexgen run \(folder)/run.yaml"
                ))
        } else {
            lines.append(("Goes on with it", "chexgen run --resume \(folder)"))
        }
        lines.append(("Says in what another run differs", "chexgen diff \(folder) OTHER"))
        lines.append(("Writes this page anew", "chexgen report \(folder)" + (discretion.isPrivate ? " --private" : "")))
        let command = (run.record.attempts.first?["command"]?.array ?? []).compactMap(\.string)
        if !discretion.isPrivate, !command.isEmpty {
            lines.append(("How it was begun", command.map(RunSection.quoted).joined(separator: " ")))
        }
        return HTML(lines.map { "<p class=\"small soft\">\($0.0)</p><pre>\($0.1)</pre>" })
    }

    /// A path as it is typed from the working folder.
    private static func shown(_ path: String) -> String {
        let home = FileManager.default.currentDirectoryPath
        return path.hasPrefix(home + "/") ? String(path.dropFirst(home.count + 1)) : path
    }

    /// A word as a shell takes it.
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII
                    && (scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value)
                        || "_-./:=,@%+".unicodeScalars.contains(scalar))
            }
        return isPlain ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}

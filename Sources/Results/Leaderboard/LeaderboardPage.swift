/// A leaderboard as a part of a page, or as a page of its own.
struct LeaderboardPage {
    private let rows: [LeaderboardRow]
    private let board: Leaderboard
    private let agreements: [MetricAgreement]
    private let missing: [String]
    private let discretion: Discretion

    init(
        _ rows: [LeaderboardRow], _ board: Leaderboard, _ agreements: [MetricAgreement], missing: [String] = [],
        _ discretion: Discretion = Discretion(isPrivate: false)
    ) {
        (self.rows, self.board, self.agreements, self.missing) = (rows, board, agreements, missing)
        self.discretion = discretion
    }

    /// The page's text.
    var text: String {
        let list = missing.map { "<li>\($0)</li>" as HTML }
        let left: HTML? = missing.isEmpty ? nil : "<h2>Not on this page</h2><ul class=\"plain\">\(list)</ul>"
        return PageShell(
            title: "Leaderboard", navigation: "",
            body: "<article><h1>Leaderboard</h1>\(html)\(left)</article>",
            remark: "Written by chexgen. The page holds all that it shows and fetches nothing."
        ).text
    }

    /// The tables.
    var html: HTML {
        let direction: HTML = board.direction == .lower ? "lower is better" : "higher is better"
        let remark: HTML? =
            board.groups.count > 1
            ? """
            <p class="soft small">Numbers of different identity (protocol, encoder, weights, preprocessing, dtype, number of films) \
            are other numbers: each kind has an order of its own.</p>
            """ : nil
        let groups = board.groups.map { group -> HTML in
            let isPublished = group.entries.first.map { rows[$0.row].isPublished } ?? false
            let name: HTML = board.isMixed ? "Mixed" : isPublished ? "Published" : "Runs"
            return """
                <h3>\(name)</h3><p class="soft small">\(Readable.cut(group.title, 300))</p>\
                \(table(group.entries.map { ($0.row, $0) }))
                """
        }
        let without: HTML? =
            board.without.isEmpty
            ? nil : "<h3>Without \(board.metric)</h3>\(table(board.without.map { ($0, nil) }))"
        return """
            <p class="lead">\(board.metric), \(direction)</p>\(remark)\(groups)\(without)\(taus)
            """
    }

    private func table(_ lines: [(row: Int, entry: Leaderboard.Entry?)]) -> HTML {
        let shown = lines.prefix(ReportPage.Limits.rows)
        let others = Leaderboard.metrics(shown.map { rows[$0.row] }).filter {
            $0 != board.metric && discretion.shows(column: $0)
        }
        .prefix(16)
        let hasPlaces = shown.contains { $0.entry != nil }
        let numbers = shown.map { $0.entry?.number ?? rows[$0.row].numbers.first?.number }
        let hasIntervals = hasPlaces && numbers.contains { $0?.low != nil }
        let hasFloors = hasPlaces && numbers.contains { $0?.floor != nil }
        let hasFilms = numbers.contains { $0?.real != nil || $0?.synthetic != nil }
        let hasSizes = shown.contains { rows[$0.row].size != nil || rows[$0.row].year != nil }
        let hasMarks = shown.contains { $0.entry?.difference != nil }
        var head: [HTML] = hasPlaces ? ["<th scope=\"col\">place</th>"] : []
        head.append("<th class=\"t\" scope=\"col\">model</th>")
        func add(_ name: String, _ isThere: Bool) { if isThere { head.append("<th scope=\"col\">\(name)</th>") } }
        add(board.metric, hasPlaces)
        add("95 % interval", hasIntervals)
        add("floor", hasFloors)
        add("size", hasSizes)
        add("year", hasSizes)
        let counted = Counted(numbers.lazy.compactMap { $0?.identity }.first)
        add(counted.real, hasFilms)
        add(counted.synthetic, hasFilms)
        head.append("<th class=\"t\" scope=\"col\">protocol</th>")
        head += others.map { "<th scope=\"col\">\($0)</th>" }
        if hasMarks { head.append("<th class=\"t\" scope=\"col\">differs in</th>") }
        let body = shown.map { line -> HTML in
            let row = rows[line.row]
            func number(_ value: Double?) -> HTML {
                value.map { "<td data-v=\"\(String($0))\">\(Readable.number($0))</td>" } ?? "<td></td>"
            }
            func count(_ value: Int?) -> HTML {
                value.map { "<td data-v=\"\($0)\">\(Readable.count($0))</td>" } ?? "<td></td>"
            }
            let found = line.entry?.number ?? row.numbers.first?.number
            var cells: [HTML] = hasPlaces ? [count(line.entry?.place)] : []
            cells.append("<td class=\"t\">\(row.isPublished ? row.model : discretion.text(row.model))</td>")
            if hasPlaces { cells.append(number(line.entry?.number.value)) }
            if hasIntervals {
                let interval = line.entry?.number.low.flatMap { low in
                    line.entry?.number.high.map { high -> HTML in
                        "<td data-v=\"\(String(low))\">\(Readable.number(low)) to \(Readable.number(high))</td>"
                    }
                }
                cells.append(interval ?? "<td></td>")
            }
            if hasFloors { cells.append(number(line.entry?.number.floor)) }
            if hasSizes { cells += ["<td>\(row.size ?? "")</td>", row.year.map { "<td>\($0)</td>" } ?? "<td></td>"] }
            if hasFilms { cells += [count(found?.real), count(found?.synthetic)] }
            cells.append("<td class=\"t\">\(row.definition.map(discretion.text) ?? "")</td>")
            cells += others.map { number(row.number($0)?.value) }
            if hasMarks { cells.append("<td class=\"t wide\">\(line.entry?.difference ?? "")</td>") }
            return "<tr\(row.isPublished ? " class=\"published\"" : nil)>\(cells)</tr>\n"
        }
        let more = lines.count - shown.count
        let cut: HTML? = more > 0 ? "<p class=\"small soft\">\(Readable.count(more)) more rows</p>" : nil
        return """
            <div class="scroll"><table class="sortable"><thead><tr>\(head)</tr></thead><tbody>
            \(body)</tbody></table></div>\(cut)
            """
    }

    private var taus: HTML? {
        guard !agreements.isEmpty else { return nil }
        let rows = agreements.map { pair -> HTML in
            let interval: HTML? = pair.low.flatMap { low in
                pair.high.map { high in
                    "<td data-v=\"\(String(low))\">\(Readable.number(low, decimals: 3)) to \(Readable.number(high, decimals: 3))</td>"
                }
            }
            return """
                <tr><td class="t">\(pair.first), \(pair.second)</td><td data-v="\(String(pair.tau))">\
                \(Readable.number(pair.tau, decimals: 3))</td>\(interval ?? "<td></td>")<td>\(pair.models)</td>\
                <td>\(pair.leftOut)</td></tr>

                """
        }
        return """
            <h2>Whether metrics agree</h2><p class="soft small">Kendall's tau-b between metrics over models, better before worse, with \
            a 95 % interval over models: 1 where both put them in one order, −1 where they put them upside down.</p>\
            <div class="scroll"><table class="sortable"><thead><tr><th class="t" scope="col">metrics</th><th scope="col">tau</th>\
            <th scope="col">95 % interval</th><th scope="col">models</th><th scope="col">of other identities</th></tr></thead><tbody>
            \(rows)</tbody></table></div>
            """
    }
}

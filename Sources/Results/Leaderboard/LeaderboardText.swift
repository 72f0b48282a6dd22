import Files

/// A leaderboard as people and programs read it.
public struct LeaderboardText {
    /// The forms that a leaderboard is written in.
    public enum Format: String, CaseIterable, Sendable { case text, csv, md, html }

    private let rows: [LeaderboardRow]
    private let board: Leaderboard
    private let agreements: [MetricAgreement]
    private let missing: [String]

    /// A leaderboard with the agreement of its metrics, and with what could not be read.
    public init(_ rows: [LeaderboardRow], _ board: Leaderboard, _ agreements: [MetricAgreement], missing: [String] = [])
    {
        (self.rows, self.board, self.agreements, self.missing) = (rows, board, agreements, missing)
    }

    /// The text in a form.
    public func text(_ format: Format) -> String {
        switch format {
        case .text: return plain
        case .csv: return csv
        case .md: return markdown
        case .html: return LeaderboardPage(rows, board, agreements, missing: missing).text
        }
    }

    private var others: [String] { Leaderboard.metrics(rows).filter { $0 != board.metric } }

    /// Columns of people's tables: the metric with its interval, floor and films, then at most so many other numbers.
    private static let shownOthers = 8

    private var head: [String] {
        ["place", "model", "size", "year", board.metric, "95 % interval", "floor"] + counts + ["protocol"]
            + others.prefix(LeaderboardText.shownOthers) + (board.isMixed ? ["differs in"] : [])
    }

    /// What stands over how many films, or reports, the numbers are of.
    private var counts: [String] {
        let first = board.groups.lazy.flatMap(\.entries).compactMap(\.number.identity).first
        let counted = Counted(first)
        return counted == .films ? ["real", "synthetic"] : [counted.real, counted.synthetic]
    }

    static func ascii(_ text: String) -> String {
        text.replacingOccurrences(of: "−", with: "-").replacingOccurrences(of: "\u{202F}", with: "")
    }

    private func cells(_ row: LeaderboardRow, _ entry: Leaderboard.Entry?) -> [String] {
        func text(_ value: Double?) -> String { value.map { LeaderboardText.ascii(Readable.number($0)) } ?? "" }
        func count(_ value: Int?) -> String { value.map(String.init) ?? "" }
        let number = entry?.number
        let interval = number.flatMap { number in
            number.low.flatMap { low in number.high.map { "\(text(low)) to \(text($0))" } }
        }
        return [
            count(entry?.place), row.model, row.size ?? "", count(row.year), text(number?.value), interval ?? "",
            text(number?.floor),
            count(number?.real), count(number?.synthetic), row.definition ?? "",
        ] + others.prefix(LeaderboardText.shownOthers).map { text(row.number($0)?.value) }
            + (board.isMixed ? [entry?.difference ?? ""] : [])
    }

    private var sections: [(title: String, rows: [[String]])] {
        var sections = board.groups.map { group in
            (title: group.title, rows: group.entries.map { cells(rows[$0.row], $0) })
        }
        if !board.without.isEmpty {
            sections.append((title: "Without \(board.metric)", rows: board.without.map { cells(rows[$0], nil) }))
        }
        return sections
    }

    private var direction: String { board.direction == .lower ? "lower is better" : "higher is better" }

    /// What is said of numbers that are not ranked together.
    private var remark: String? {
        board.groups.count > 1
            ? "Numbers of different identity are not ranked together; --mixed does it all the same." : nil
    }

    private var plain: String {
        var lines = ["\(board.metric), \(direction)"]
        let sections = sections
        for section in sections {
            // A column that no row fills is left out.
            let columns = head.indices.filter { column in column == 1 || section.rows.contains { !$0[column].isEmpty } }
            let widths = columns.map { column in
                (section.rows.map { LeaderboardText.oneLine($0[column]).count } + [head[column].count]).max() ?? 0
            }
            func line(_ cells: [String]) -> String {
                let texts = zip(columns, widths).map { column, width -> String in
                    let text = LeaderboardText.oneLine(cells[column])
                    let room = String(repeating: " ", count: max(0, width - text.count))
                    let isText = ["model", "size", "protocol", "differs in"].contains(head[column])
                    return isText ? text + room : room + text
                }
                var text = texts.joined(separator: "  ")
                while text.hasSuffix(" ") { text.removeLast() }
                return text
            }
            lines += ["", LeaderboardText.oneLine(section.title, limit: 400), line(head)] + section.rows.map(line)
        }
        if let remark { lines += ["", remark] }
        if !agreements.isEmpty {
            lines += ["", "Kendall's tau-b between metrics over models, with a 95 % interval over models"]
            lines += agreements.map { pair in
                let interval = pair.low.flatMap { low in
                    pair.high.map {
                        " [\(LeaderboardText.ascii(Readable.number(low, decimals: 3))), \(LeaderboardText.ascii(Readable.number($0, decimals: 3)))]"
                    }
                }
                let left = pair.leftOut > 0 ? ", \(pair.leftOut) of other identities left out" : ""
                return
                    "\(pair.first), \(pair.second): \(LeaderboardText.ascii(Readable.number(pair.tau, decimals: 3)))\(interval ?? "")"
                    + " over \(pair.models) models\(left)"
            }
        }
        if !missing.isEmpty { lines += [""] + missing.map { "not here: \(LeaderboardText.oneLine($0, limit: 400))" } }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A text on one line, cut, for tables of letters.
    private static func oneLine(_ text: String, limit: Int = 60) -> String {
        Readable.cut(printable(text), limit)
    }

    private var csv: String {
        var lines = CSVWriter()
        lines.appendRow(
            [
                "group", "place", "model", "size", "year", "protocol", board.metric, board.metric + " low",
                board.metric + " high",
                board.metric + " floor", "n_real", "n_synthetic",
            ] + others + ["source", "identity", "differs in"])
        func add(_ row: LeaderboardRow, group: Int?, _ entry: Leaderboard.Entry?) {
            func text(_ value: Double?) -> JSON { value.map { .number($0) } ?? .null }
            func count(_ value: Int?) -> JSON { value.map { .integer($0) } ?? .null }
            let number = entry?.number
            let cells: [JSON] =
                [
                    count(group), count(entry?.place), .string(row.model), row.size.map { .string($0) } ?? .null,
                    count(row.year),
                    row.definition.map { .string($0) } ?? .null, text(number?.value), text(number?.low),
                    text(number?.high),
                    text(number?.floor), count(number?.real), count(number?.synthetic),
                ] + others.map { text(row.number($0)?.value) } + [
                    .string(row.source), (number?.identity?.text).map { .string($0) } ?? .null,
                    (entry?.difference).map { .string($0) } ?? .null,
                ]
            for cell in cells { lines.append(cell) }
            lines.endRow()
        }
        for (index, group) in board.groups.enumerated() {
            for entry in group.entries { add(rows[entry.row], group: index + 1, entry) }
        }
        for row in board.without { add(rows[row], group: nil, nil) }
        return lines.text
    }

    private var markdown: String {
        func cell(_ text: String) -> String {
            LeaderboardText.oneLine(text, limit: 120).replacingOccurrences(of: "\\", with: "\\\\")
                .replacingOccurrences(of: "|", with: "\\|").replacingOccurrences(of: "<", with: "&lt;")
        }
        var lines = ["**\(cell(board.metric))**, \(direction)"]
        let numbers = Set(["place", "year", board.metric, "95 % interval", "floor"] + counts + others)
        for section in sections {
            lines += ["", cell(section.title), "", "| " + head.map(cell).joined(separator: " | ") + " |"]
            lines.append("|" + head.map { numbers.contains($0) ? "---:" : "---" }.joined(separator: "|") + "|")
            lines += section.rows.map { "| " + $0.map(cell).joined(separator: " | ") + " |" }
        }
        if let remark { lines += ["", remark] }
        if !agreements.isEmpty {
            lines += [
                "", "Kendall's tau-b between metrics over models:", "", "| metrics | tau | 95 % interval | models |",
                "|---|---:|---:|---:|",
            ]
            lines += agreements.map { pair in
                let interval = pair.low.flatMap { low in
                    pair.high.map { "\(Readable.number(low, decimals: 3)) to \(Readable.number($0, decimals: 3))" }
                }
                return
                    "| \(cell(pair.first)), \(cell(pair.second)) | \(Readable.number(pair.tau, decimals: 3)) | \(interval ?? "") | \(pair.models) |"
            }
        }
        if !missing.isEmpty { lines += [""] + missing.map { "- not here: \(cell($0))" } }
        return LeaderboardText.ascii(lines.joined(separator: "\n")) + "\n"
    }
}

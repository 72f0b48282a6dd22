import Files
import Identity

/// The rows of a run as a table that can be sorted, and what each of its numbers is.
struct RowTables {
    private let run: RunResults
    private let discretion: Discretion
    private var table: ResultTable { run.table }

    init(_ run: RunResults, _ discretion: Discretion) { (self.run, self.discretion) = (run, discretion) }

    var html: HTML {
        if table.rows.isEmpty { return "" }
        return table.rows.count == 1 && table.measures.count > 1
            ? "\(single)\(constants)\(identities)" : "\(rows)\(constants)\(identities)"
    }

    private var rows: HTML {
        let labels = table.labels.filter { discretion.shows(column: $0) }
        let counts = Dictionary(
            table.measures.map { measure in (measure.column, table.rows.filter { $0[measure.column] != nil }.count) }
        ) { first, _ in first }
        // Numbers of single rows come last, so that a table is not mostly empty where it begins.
        let known = table.measures.filter { discretion.shows(column: $0.column) }
        let measures =
            known.filter { counts[$0.column] ?? 0 > 1 || table.rows.count == 1 }
            + known.filter { counts[$0.column] ?? 0 <= 1 && table.rows.count > 1 }
        let facts = table.facts.filter {
            discretion.shows(column: $0) && !["Real images", "Synthetic images"].contains($0)
        }
        // Few numbers have their intervals in columns of their own, many below them.
        let isWide = measures.filter(\.isMeasured).count <= 2
        let shown = table.rows.indices.prefix(ReportPage.Limits.rows)
        let films = shown.map { table.films($0) }
        let hasFilms = films.contains { $0.real != nil || $0.synthetic != nil }
        var head: [HTML] = labels.map { "<th class=\"t\" scope=\"col\">\(ResultTable.shortPath($0))</th>" }
        if labels.isEmpty { head.append("<th class=\"t\" scope=\"col\">row</th>") }
        head += measures.flatMap { measure -> [HTML] in
            let own: HTML = "<th scope=\"col\">\(measure.column)</th>"
            return isWide ? [own] + parts(of: measure).map { "<th scope=\"col\">\($0.title)</th>" } : [own]
        }
        if hasFilms { head.append("<th scope=\"col\">real, synthetic films</th>") }
        head += facts.map { "<th scope=\"col\">\($0)</th>" }
        let body = shown.map { row -> HTML in
            var cells = labels.map { label(row, $0) }
            if labels.isEmpty { cells.append("<td class=\"t\" data-v=\"\(row + 1)\">\(row + 1)</td>") }
            cells += measures.flatMap { isWide ? spread(row, $0) : [number(row, $0)] }
            if hasFilms {
                let counts = films[row - shown.startIndex]
                let words = [counts.real, counts.synthetic].map { $0.map { Readable.count($0) } ?? "—" }.joined(
                    separator: ", ")
                cells.append("<td data-v=\"\(counts.synthetic ?? counts.real ?? 0)\">\(words)</td>")
            }
            cells += facts.map { fact(row, $0) }
            return "<tr>\(cells)</tr>\n"
        }
        return """
            <div class="scroll"><table class="sortable"><thead><tr>\(head)</tr></thead><tbody>
            \(body)</tbody></table></div>
            """
    }

    private func label(_ row: Int, _ column: String) -> HTML {
        guard let value = table.rows[row][column] else {
            return table.swept.contains(column) ? "<td class=\"t\"></td>" : "<td class=\"t\">all</td>"
        }
        var text = discretion.value(value)
        if value.string == nil, text != Discretion.leftOut, let number = ResultTable.number(value) {
            text = ResultCharts.setting(number)
        }
        let sorted = ResultTable.number(value).map { String($0) } ?? Readable.cut(text, 60)
        let isLong = text.count > 36
        return
            "<td class=\"t\(isLong ? " wide" : "")\" data-v=\"\(sorted)\">\(text.isEmpty ? "all" : Readable.cut(text, 400))</td>"
    }

    /// A number with its sorting value; an empty cell where there is none.
    private func cell(_ value: Double?) -> HTML {
        value.map { "<td data-v=\"\(String($0))\">\(Readable.number($0))</td>" } ?? "<td></td>"
    }

    private func interval(_ number: MeasuredNumber) -> HTML {
        guard let low = number.low, let high = number.high else { return "<td></td>" }
        return "<td data-v=\"\(String(low))\">\(Readable.number(low)) to \(Readable.number(high))</td>"
    }

    /// What stands beside the values of a column, in columns of its own.
    private func parts(of measure: ResultTable.Measure) -> [(title: String, cell: (MeasuredNumber) -> HTML)] {
        var parts: [(title: String, cell: (MeasuredNumber) -> HTML)] = []
        if measure.isMeasured { parts.append(("95 % interval", interval)) }
        if measure.hasLimit { parts.append(("of endless sets", { cell($0.limit) })) }
        if measure.hasFloor { parts.append(("floor", { cell($0.floor) })) }
        return parts
    }

    private func spread(_ row: Int, _ measure: ResultTable.Measure) -> [HTML] {
        let parts = parts(of: measure)
        guard let number = table.number(row, measure.column) else {
            return [HTML](repeating: "<td></td>", count: parts.count + 1)
        }
        return [cell(number.value)] + parts.map { $0.cell(number) }
    }

    /// The numbers of the only row, a line each.
    private var single: HTML {
        let measures = table.measures.filter { discretion.shows(column: $0.column) }
        let (hasLimit, hasFloor) = (measures.contains(where: \.hasLimit), measures.contains(where: \.hasFloor))
        let lines = measures.compactMap { measure -> HTML? in
            guard let number = table.number(0, measure.column) else { return nil }
            let films = number.identity.map {
                "<td>\(Readable.count($0.realCount))</td><td>\(Readable.count($0.syntheticCount))</td>" as HTML
            }
            return """
                <tr><td class="t">\(measure.column)</td>\(cell(number.value))\(interval(number))\
                \(hasLimit ? cell(number.limit) : nil)\(hasFloor ? cell(number.floor) : nil)\
                \(films ?? "<td></td><td></td>")</tr>

                """
        }
        let limit: HTML? = hasLimit ? "<th scope=\"col\">of endless sets</th>" : nil
        let floor: HTML? = hasFloor ? "<th scope=\"col\">floor</th>" : nil
        return """
            <div class="scroll"><table class="sortable"><thead><tr><th class="t" scope="col">number</th><th scope="col">value</th>\
            <th scope="col">95 % interval</th>\(limit)\(floor)<th scope="col">real films</th><th scope="col">synthetic films</th>\
            </tr></thead><tbody>
            \(lines)</tbody></table></div>
            """
    }

    private func number(_ row: Int, _ measure: ResultTable.Measure) -> HTML {
        guard let number = table.number(row, measure.column) else { return "<td></td>" }
        var lines: [HTML] = []
        if let low = number.low, let high = number.high {
            lines.append("<small>\(Readable.number(low)) to \(Readable.number(high))</small>")
        }
        if let limit = number.limit { lines.append("<small>endless sets \(Readable.number(limit))</small>") }
        if let floor = number.floor { lines.append("<small class=\"f\">floor \(Readable.number(floor))</small>") }
        return "<td data-v=\"\(String(number.value))\">\(Readable.number(number.value))\(lines)</td>"
    }

    private func fact(_ row: Int, _ column: String) -> HTML {
        guard let value = table.rows[row][column] else { return "<td></td>" }
        if discretion.isPrivate, discretion.value(value) == Discretion.leftOut {
            return "<td>\(Discretion.leftOut)</td>"
        }
        let number = ResultTable.number(value)
        let text: String
        if case .integer(let count) = value {
            text = Readable.count(count)
        } else {
            text = number.map(Readable.number) ?? discretion.value(value)
        }
        return "<td data-v=\"\(number.map { String($0) } ?? text)\">\(text)</td>"
    }

    private var constants: HTML? {
        let shown = table.constants.filter { discretion.shows(column: $0.column) && $0.value.string != "" }
        guard !shown.isEmpty else { return nil }
        let words = shown.map { entry -> HTML in
            var value = discretion.value(entry.value)
            if value != Discretion.leftOut, let number = ResultTable.number(entry.value) {
                value = RowTables.plain(number)
            }
            return "\(ResultTable.shortPath(entry.column)) <b>\(Readable.cut(value, 200))</b>"
        }
        return "<p class=\"small soft\">In every row: \(words.joined(" · "))</p>"
    }

    private static func plain(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? Readable.count(Int(value)) : Readable.number(value)
    }

    // MARK: Identities

    private var identities: HTML? {
        var lines: [HTML] = []
        for measure in table.measures where discretion.shows(column: measure.column) {
            var kinds: [(identity: MetricIdentity, real: ClosedRange<Int>, synthetic: ClosedRange<Int>)] = []
            for row in table.rows.indices.prefix(5000) {
                guard let identity = table.number(row, measure.column)?.identity else { continue }
                var kind = identity
                (kind.realCount, kind.syntheticCount) = (0, 0)
                func wider(_ range: ClosedRange<Int>, _ count: Int) -> ClosedRange<Int> {
                    min(range.lowerBound, count)...max(range.upperBound, count)
                }
                if let place = kinds.firstIndex(where: { $0.identity == kind }) {
                    kinds[place].real = wider(kinds[place].real, identity.realCount)
                    kinds[place].synthetic = wider(kinds[place].synthetic, identity.syntheticCount)
                } else if kinds.count < 4 {
                    kinds.append(
                        (
                            kind, identity.realCount...identity.realCount,
                            identity.syntheticCount...identity.syntheticCount
                        ))
                }
            }
            lines += kinds.map { line(measure.column, $0.identity, $0.real, $0.synthetic) }
        }
        guard !lines.isEmpty else { return nil }
        let head = [
            "number", "protocol", "encoder", "weights", "dtype", "estimator", "real", "synthetic", "seed",
            "preprocessing", "settings",
        ].map { "<th class=\"t\" scope=\"col\">\($0)</th>" as HTML }
        return """
            <details><summary>What each number is <span>protocol, encoder, weights, preprocessing, estimator</span></summary>\
            <div class="scroll"><table class="sortable"><thead><tr>\(head)</tr></thead><tbody>
            \(lines)</tbody></table></div></details>
            """
    }

    private func line(
        _ column: String, _ identity: MetricIdentity, _ real: ClosedRange<Int>, _ synthetic: ClosedRange<Int>
    ) -> HTML {
        func range(_ range: ClosedRange<Int>) -> String {
            range.count == 1
                ? Readable.count(range.lowerBound)
                : "\(Readable.count(range.lowerBound))–\(Readable.count(range.upperBound))"
        }
        let fields = Dictionary(identity.fields.map { ($0.name, $0.value) }) { first, _ in first }
        func field(_ name: String) -> String { fields[name] ?? "" }
        let weights = field("weights")
        let details = identity.details.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(
            separator: ", ")
        let cells: [HTML] = [
            "<td class=\"t\">\(column)</td>", "<td class=\"t\">\(field("protocol"))</td>",
            "<td class=\"t\">\(field("encoder"))</td>",
            "<td class=\"t mono\" title=\"\(weights)\">\(Readable.cut(weights, 13))</td>",
            "<td class=\"t\">\(field("dtype")), \(field("device"))</td>", "<td class=\"t\">\(field("estimator"))</td>",
            "<td class=\"t\" data-v=\"\(real.lowerBound)\">\(range(real))</td>",
            "<td class=\"t\" data-v=\"\(synthetic.lowerBound)\">\(range(synthetic))</td>",
            "<td class=\"t\">\(field("seed"))</td>",
            "<td class=\"t wide\">\(field("preprocessing"))</td>", "<td class=\"t wide\">\(details)</td>",
        ]
        return "<tr>\(cells)</tr>\n"
    }
}

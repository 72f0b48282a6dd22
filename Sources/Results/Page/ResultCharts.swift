import Files
import Metrics

/// The numbers of a run as pictures: tiles for single ones, rows of intervals, lines and maps of a sweep, curves.
struct ResultCharts {
    private let run: RunResults
    private let discretion: Discretion
    private var table: ResultTable { run.table }

    /// Plots of one kind that a page holds.
    private static let most = 24

    init(_ run: RunResults, _ discretion: Discretion) { (self.run, self.discretion) = (run, discretion) }

    var html: HTML {
        let charts = axes.isEmpty ? intervals : sweep
        return "\(charts)\(curves)"
    }

    private static func better(_ direction: StatisticDirection?) -> HTML? {
        direction.map { $0 == .lower ? "<span>lower is better</span>" : "<span>higher is better</span>" }
    }

    /// What the marks of plots mean.
    private static func key(hasFloor: Bool) -> HTML {
        let floor: HTML? =
            hasFloor
            ? """
            <li><svg class="key" viewBox="0 0 18 8" aria-hidden="true"><path class="floor" d="M9 -1L14 4L9 9L4 4Z"/></svg>\
            floor: what perfect films would get at this size</li>
            """ : nil
        return """
            <ul class="legend"><li><svg class="key" viewBox="0 0 18 8" aria-hidden="true"><line class="interval" x1="1" x2="17" \
            y1="4" y2="4"/><circle class="value" cx="9" cy="4" r="4"/></svg>value and 95 % interval</li>\(floor)</ul>
            """
    }

    // MARK: Intervals

    private var intervals: HTML {
        var tiles: [HTML] = []
        var charts: [HTML] = []
        let shownRows = Array(table.rows.indices.prefix(ForestPlot.most * 4))
        for measure in table.measures where measure.isMeasured && discretion.shows(column: measure.column) {
            let rows = shownRows.compactMap { row in
                table.number(row, measure.column).map {
                    ForestPlot.Row(label: table.label(row).map(discretion.text), number: $0)
                }
            }
            guard let first = rows.first else { continue }
            let isAlone = rows.count == 1
            let plot = ForestPlot(
                title: measure.column, unit: nil, direction: measure.direction,
                rows: isAlone ? [ForestPlot.Row(label: nil, number: first.number)] : rows, width: isAlone ? 230 : 340)
            if isAlone {
                tiles.append(tile(measure, first.number, plot))
            } else if charts.count < ResultCharts.most {
                let cut: HTML? =
                    rows.count > ForestPlot.most
                    ? "<span>; the first \(ForestPlot.most) of \(Readable.count(rows.count)) rows</span>" : nil
                charts.append(
                    "<figure><figcaption>\(measure.column) \(ResultCharts.better(measure.direction))\(cut)</figcaption>\(plot.svg)</figure>"
                )
            }
        }
        guard !tiles.isEmpty || !charts.isEmpty else {
            return table.rows.isEmpty ? "<p class=\"soft\">No row of results was recorded.</p>" : ""
        }
        return """
            \(ResultCharts.key(hasFloor: table.measures.contains(where: \.hasFloor)))\
            \(tiles.isEmpty ? nil : "<div class=\"tiles\">\(tiles)</div>")\
            \(charts.isEmpty ? nil : "<div class=\"charts\">\(charts)</div>")
            """
    }

    private func tile(_ measure: ResultTable.Measure, _ number: MeasuredNumber, _ plot: ForestPlot) -> HTML {
        var words: [String] = []
        if let low = number.low, let high = number.high {
            words.append("\(Readable.number(low)) to \(Readable.number(high))")
        }
        if let floor = number.floor { words.append("floor \(Readable.number(floor))") }
        let better = measure.direction.map { $0 == .lower ? " · lower is better" : " · higher is better" } ?? ""
        let ends = [number.low, number.high, number.floor].compactMap { $0 }
        let strip = ends.contains { $0 != number.value } ? plot.svg : nil
        return """
            <figure class="tile"><figcaption><span class="name">\(measure.column)\(better)</span><span class="big">\
            \(Readable.number(number.value))</span><span class="sub">\(words.joined(separator: " · "))</span></figcaption>\
            \(strip)</figure>
            """
    }

    // MARK: Sweeps

    /// The settings that are axes: those of the sweep, but the seed where there is another.
    private var axes: [String] {
        let names = table.swept.filter { discretion.shows(column: $0) }
        let others = names.filter { ResultTable.short($0) != "seed" }
        return others.isEmpty ? names : others
    }

    private func text(_ row: Int, _ name: String) -> String {
        guard let value = table.rows[row][name] else { return "" }
        let text = value.string ?? (ResultTable.number(value).map(ResultCharts.setting) ?? value.summary)
        return text.isEmpty ? "model's own" : discretion.text(text)
    }

    static func setting(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e9 ? String(Int(value)) : "\(value)"
    }

    private func values(_ rows: [Int], _ name: String) -> [String] {
        var seen: Set<String> = []
        let texts = rows.map { text($0, name) }.filter { seen.insert($0).inserted }
        let numbers = texts.compactMap(Double.init)
        return numbers.count == texts.count ? zip(numbers, texts).sorted { $0.0 < $1.0 }.map(\.1) : texts
    }

    private var sweep: HTML {
        let rows = table.firstRows
        let numeric = axes.filter { name in rows.allSatisfy { ResultTable.number(table.rows[$0][name]) != nil } }
        // Two axes: those that studies of generators have, or the two with the most values.
        let preferred = ["guidance_scale", "steps"].filter { name in axes.contains { ResultTable.shortPath($0) == name }
        }
        let measures = table.measures.filter { discretion.shows(column: $0.column) }
        var plots: [HTML] = []
        if axes.count == 1, numeric == axes {
            plots = measures.prefix(ResultCharts.most).compactMap { lines($0, over: axes[0], rows) }
        } else if axes.count == 1 {
            return intervals
        } else {
            let sorted = axes.sorted { values(rows, $0).count > values(rows, $1).count }
            let pair =
                preferred.count == 2
                ? preferred.compactMap { name in axes.first { ResultTable.shortPath($0) == name } }
                : Array(sorted.prefix(2))
            for measure in measures.prefix(ResultCharts.most) { plots += maps(measure, pair, rows) }
        }
        guard !plots.isEmpty else { return intervals }
        let isOfMany = rows.count < table.rows.count
        let words = isOfMany ? "The first row of each cell, which is that of all films; the table has the others." : ""
        let isMap = !(axes.count == 1)
        return """
            <p class="soft small">\(words)\(isMap ? " Darker is more; the frame marks the best value." : "")</p>\
            <div class="charts">\(Array(plots.prefix(ResultCharts.most * 2)))</div>
            """
    }

    private func lines(_ measure: ResultTable.Measure, over name: String, _ rows: [Int]) -> HTML? {
        let others = table.swept.filter { $0 != name }
        var order: [String] = []
        var points: [String: [LinePlot.Point]] = [:]
        for row in rows {
            guard let number = table.number(row, measure.column), let x = ResultTable.number(table.rows[row][name])
            else { continue }
            let label = others.map { "\(ResultTable.short($0)) \(text(row, $0))" }.joined(separator: ", ")
            if points[label] == nil { order.append(label) }
            points[label, default: []].append(
                LinePlot.Point(x: x, y: number.value, low: number.low, high: number.high, floor: number.floor))
        }
        guard !order.isEmpty else { return nil }
        let series = order.prefix(14).map {
            LinePlot.Series(label: $0, points: (points[$0] ?? []).sorted { $0.x < $1.x })
        }
        let plot = LinePlot(
            title: measure.column, xTitle: ResultTable.short(name), yTitle: measure.column, series: Array(series))
        let hasFloor = series.contains { $0.points.contains { $0.floor != nil } }
        let floor: HTML? = hasFloor ? "<span>· dashed: floor</span>" : nil
        return """
            <figure><figcaption>\(measure.column) \(ResultCharts.better(measure.direction)) \(floor)</figcaption>\(plot.svg)\
            \(plot.legend)</figure>
            """
    }

    private func maps(_ measure: ResultTable.Measure, _ pair: [String], _ rows: [Int]) -> [HTML] {
        let others = table.swept.filter { !pair.contains($0) }
        var order: [String] = []
        var groups: [String: [Int]] = [:]
        for row in rows where table.number(row, measure.column) != nil {
            let label = others.map { "\(ResultTable.short($0)) \(text(row, $0))" }.joined(separator: ", ")
            if groups[label] == nil { order.append(label) }
            groups[label, default: []].append(row)
        }
        let (down, across) = (values(rows, pair[0]), values(rows, pair[1]))
        return order.prefix(8).map { label in
            var cells = [[Double?]](repeating: [Double?](repeating: nil, count: across.count), count: down.count)
            for row in groups[label] ?? [] {
                guard let y = down.firstIndex(of: text(row, pair[0])), let x = across.firstIndex(of: text(row, pair[1]))
                else { continue }
                cells[y][x] = table.number(row, measure.column)?.value
            }
            let map = HeatMap(
                title: measure.column, xTitle: ResultTable.short(pair[1]), yTitle: ResultTable.short(pair[0]),
                columns: across,
                rows: down, values: cells, direction: measure.direction)
            let words: HTML? = label.isEmpty ? nil : "<span>\(label) ·</span>"
            return
                "<figure><figcaption>\(measure.column) \(words) \(ResultCharts.better(measure.direction))</figcaption>\(map.svg)</figure>"
        }
    }

    // MARK: Curves

    private var curves: HTML? {
        guard !run.curves.isEmpty else { return nil }
        let figures = run.curves.map { set -> HTML in
            let isROC = set.kind == .roc
            let title = isROC ? "ROC curves" : "Loss"
            let plot = LinePlot(
                title: title, xTitle: isROC ? "false positive rate" : "epoch",
                yTitle: isROC ? "true positive rate" : "loss",
                series: set.curves.map { curve in
                    LinePlot.Series(
                        label: curve.label, points: curve.points.map { LinePlot.Point(x: $0.x, y: $0.y) },
                        hasMarks: false)
                }, hasDiagonal: isROC, isUnitSquare: isROC)
            let place: HTML? = set.place.isEmpty ? nil : "<span>\(discretion.text(set.place))</span>"
            let unit: HTML = isROC ? "<span>true positive rate</span>" : "<span>binary cross entropy</span>"
            return "<figure><figcaption>\(title) \(unit) \(place)</figcaption>\(plot.svg)\(plot.legend)</figure>"
        }
        return "<h3>Training and decisions</h3><div class=\"charts\">\(figures)</div>"
    }
}

extension ResultTable {
    /// The last part of a parameter's path as it is written.
    static func shortPath(_ name: String) -> String { name.split(separator: ".").last.map(String.init) ?? name }
}

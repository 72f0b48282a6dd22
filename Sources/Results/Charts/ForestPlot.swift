import Metrics

/// Values with their intervals and floors, a row each, on one scale.
struct ForestPlot {
    struct Row {
        let label: String?
        let number: MeasuredNumber
    }

    let title: String
    let unit: String?
    let direction: StatisticDirection?
    let rows: [Row]
    /// Pixels; what is drawn small has a small plot, so that its letters stay as large as others.
    var width = 340.0
    /// Rows beyond these are not drawn.
    static let most = 40

    var svg: HTML {
        let shown = rows.prefix(ForestPlot.most)
        let longest = shown.compactMap { $0.label?.count }.max() ?? 0
        let left = longest == 0 ? 10 : min(138, Double(min(longest, 24)) * 5.9 + 10)
        let pitch = longest == 0 ? 30.0 : 21.0
        let top = 6.0
        let bottom = top + pitch * Double(shown.count)
        let values = shown.flatMap { row in
            [row.number.value, row.number.low, row.number.high, row.number.floor].compactMap { $0 }
        }
        let axis = Axis(values, from: left + 6, to: width - 12)
        var parts: [HTML] = []
        for mark in axis.marks(longest > 16 || width < 300 ? 3 : 4) {
            parts.append(
                """
                <line class="grid" x1="\(mark.place)" x2="\(mark.place)" y1="\(top)" y2="\(bottom)"/>\
                <text class="mark" x="\(mark.place)" y="\(bottom + 14)" text-anchor="middle">\(mark.text)</text>
                """)
        }
        parts.append("<line class=\"axis\" x1=\"\(left + 6)\" x2=\"\(width - 12)\" y1=\"\(bottom)\" y2=\"\(bottom)\"/>")
        for (index, row) in shown.enumerated() {
            let y = top + pitch * (Double(index) + 0.5)
            if let label = row.label {
                parts.append(
                    "<text class=\"label\" x=\"\(left)\" y=\"\(y + 3.5)\" text-anchor=\"end\">\(Readable.cut(label, 23))</text>"
                )
            }
            parts.append(glyph(row, y: y, axis))
        }
        let name = unit.map { "\(title), \($0)" } ?? title
        let height = bottom + 20
        return """
            <svg class="chart" viewBox="0 0 \(width) \(height)" role="img" aria-label="\(name): \(shown.count) values with \
            their intervals">\(parts)</svg>
            """
    }

    private func glyph(_ row: Row, y: Double, _ axis: Axis) -> HTML {
        let number = row.number
        var parts: [HTML] = []
        if let low = number.low, let high = number.high, !low.isNaN, !high.isNaN {
            let (from, to) = (axis.place(low), axis.place(high))
            parts.append("<line class=\"interval\" x1=\"\(from)\" x2=\"\(to)\" y1=\"\(y)\" y2=\"\(y)\"/>")
            for (value, end) in [(low, from), (high, to)] where value.isFinite {
                parts.append(
                    "<line class=\"interval\" x1=\"\(end)\" x2=\"\(end)\" y1=\"\(y - 3.5)\" y2=\"\(y + 3.5)\"/>")
            }
        }
        if let floor = number.floor, floor.isFinite {
            let x = axis.place(floor)
            parts.append(
                "<path class=\"floor\" d=\"M\(x) \(y - 5)L\(x + 4.5) \(y)L\(x) \(y + 5)L\(x - 4.5) \(y)Z\"/>")
        }
        if number.value.isFinite {
            parts.append("<circle class=\"value\" cx=\"\(axis.place(number.value))\" cy=\"\(y)\" r=\"4\"/>")
        }
        var words = "\(row.label.map { $0 + ": " } ?? "")\(Readable.number(number.value))"
        if let low = number.low, let high = number.high {
            words += ", 95 % interval \(Readable.number(low)) to \(Readable.number(high))"
        }
        if let floor = number.floor { words += ", floor \(Readable.number(floor))" }
        return "<g><title>\(words)</title>\(parts)</g>"
    }
}

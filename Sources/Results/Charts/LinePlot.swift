/// Lines over a number, some with intervals and floors.
struct LinePlot {
    struct Point {
        let x: Double
        let y: Double
        var low: Double?
        var high: Double?
        var floor: Double?
    }

    struct Series {
        let label: String
        let points: [Point]
        /// Whether every point has a mark of its own.
        var hasMarks = true
    }

    let title: String
    let xTitle: String
    let yTitle: String
    let series: [Series]
    /// A line from corner to corner, of what chance gives.
    var hasDiagonal = false
    /// Both axes from 0 to 1.
    var isUnitSquare = false

    /// The styles that tell lines apart: seven colours, then the same dashed.
    static func style(_ index: Int) -> String { "s\(index % 7)" + (index / 7 % 2 == 1 ? " dashed" : "") }

    var svg: HTML {
        let width = 340.0
        let height = isUnitSquare ? 320.0 : 232.0
        let (left, right, top, bottom) = (48.0, width - 12, 10.0, height - 40)
        let points = series.flatMap(\.points)
        let x: Axis
        let y: Axis
        if isUnitSquare {
            x = Axis(low: 0, high: 1, from: left, to: right)
            y = Axis(low: 0, high: 1, from: bottom, to: top)
        } else {
            x = Axis(points.map(\.x), from: left, to: right, padding: 0.03)
            y = Axis(
                points.flatMap { [$0.y, $0.low, $0.high, $0.floor].compactMap { $0 } }, from: bottom, to: top)
        }
        var parts: [HTML] = []
        for mark in y.marks() {
            parts.append(
                """
                <line class="grid" x1="\(left)" x2="\(right)" y1="\(mark.place)" y2="\(mark.place)"/>\
                <text class="mark" x="\(left - 6)" y="\(mark.place + 3.5)" text-anchor="end">\(mark.text)</text>
                """)
        }
        for mark in x.marks(5) {
            parts.append(
                """
                <line class="tick" x1="\(mark.place)" x2="\(mark.place)" y1="\(bottom)" y2="\(bottom + 4)"/>\
                <text class="mark" x="\(mark.place)" y="\(bottom + 16)" text-anchor="middle">\(mark.text)</text>
                """)
        }
        parts.append("<line class=\"axis\" x1=\"\(left)\" x2=\"\(right)\" y1=\"\(bottom)\" y2=\"\(bottom)\"/>")
        if hasDiagonal {
            parts.append("<line class=\"chance\" x1=\"\(left)\" x2=\"\(right)\" y1=\"\(bottom)\" y2=\"\(top)\"/>")
        }
        for (index, line) in series.enumerated() { parts.append(drawn(line, LinePlot.style(index), x, y)) }
        let middle = (left + right) / 2
        parts.append(
            "<text class=\"axistitle\" x=\"\(middle)\" y=\"\(height - 6)\" text-anchor=\"middle\">\(xTitle)</text>")
        return """
            <svg class="chart" viewBox="0 0 \(width) \(height)" role="img" aria-label="\(title): \(yTitle) over \(xTitle)">\
            \(parts)</svg>
            """
    }

    private func drawn(_ line: Series, _ style: String, _ x: Axis, _ y: Axis) -> HTML {
        let points = line.points.filter { $0.x.isFinite && $0.y.isFinite }
        func path(_ places: [(Double, Double)]) -> HTML {
            HTML(
                places.enumerated().map {
                    "\(HTML(stringLiteral: $0.offset == 0 ? "M" : "L"))\($0.element.0) \($0.element.1)"
                })
        }
        var parts: [HTML] = []
        let banded = points.filter { $0.low?.isFinite == true && $0.high?.isFinite == true }
        if banded.count > 1 {
            let upper = banded.map { (x.place($0.x), y.place($0.high ?? $0.y)) }
            let lower = banded.reversed().map { (x.place($0.x), y.place($0.low ?? $0.y)) }
            parts.append("<path class=\"band \(style)\" d=\"\(path(upper + lower))Z\"/>")
        }
        let floors = points.compactMap { point in point.floor.map { (x.place(point.x), y.place($0)) } }
        if floors.count > 1 { parts.append("<path class=\"floorline\" d=\"\(path(floors))\"/>") }
        if points.count > 1 {
            parts.append("<path class=\"line \(style)\" d=\"\(path(points.map { (x.place($0.x), y.place($0.y)) }))\"/>")
        }
        if line.hasMarks || points.count == 1 {
            for point in points.prefix(100) {
                parts.append(
                    """
                    <circle class="dot \(style)" cx="\(x.place(point.x))" cy="\(y.place(point.y))" r="3"><title>\(line.label) \
                    \(Readable.number(point.x)): \(Readable.number(point.y))</title></circle>
                    """)
            }
        }
        return HTML(parts)
    }

    /// Which line is which.
    var legend: HTML? {
        guard series.count > 1 || hasDiagonal else { return nil }
        var items: [HTML] = series.enumerated().map { index, line in
            """
            <li><svg class="key" viewBox="0 0 18 8" aria-hidden="true"><path class="line \(LinePlot.style(index))" \
            d="M1 4L17 4"/></svg>\(line.label)</li>
            """
        }
        if hasDiagonal {
            items.append(
                "<li><svg class=\"key\" viewBox=\"0 0 18 8\" aria-hidden=\"true\"><path class=\"chance\" d=\"M1 4L17 4\"/></svg>chance</li>"
            )
        }
        return "<ul class=\"legend\">\(items)</ul>"
    }
}

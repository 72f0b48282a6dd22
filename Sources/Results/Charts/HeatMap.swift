import Metrics

/// Values over two settings.
struct HeatMap {
    let title: String
    let xTitle: String
    let yTitle: String
    let columns: [String]
    let rows: [String]
    /// Row by row; nil where a cell has no value.
    let values: [[Double?]]
    let direction: StatisticDirection?

    /// Most rows and columns that are drawn.
    static let most = 24

    var svg: HTML {
        let width = 340.0
        let longest = rows.map(\.count).max() ?? 0
        let left = min(100, Double(min(longest, 14)) * 6 + 30)
        let right = width - 6
        let shownColumns = min(columns.count, HeatMap.most)
        let shownRows = min(rows.count, HeatMap.most)
        let cell = (right - left) / Double(max(1, shownColumns))
        let pitch = min(44, max(22, cell * 0.62))
        let top = 4.0
        let bottom = top + pitch * Double(shownRows)
        let known = values.prefix(shownRows).flatMap { $0.prefix(shownColumns).compactMap { $0 } }.filter(\.isFinite)
        let (low, high) = (known.min() ?? 0, known.max() ?? 0)
        let best = direction.flatMap { $0 == .lower ? known.min() : known.max() }
        var parts: [HTML] = []
        var over: [HTML] = []
        for row in 0..<shownRows {
            let y = top + pitch * Double(row)
            parts.append(
                "<text class=\"mark\" x=\"\(left - 6)\" y=\"\(y + pitch / 2 + 3.5)\" text-anchor=\"end\">\(Readable.cut(rows[row], 13))</text>"
            )
            for column in 0..<shownColumns {
                let x = left + cell * Double(column)
                guard let value = values[row][column], value.isFinite else {
                    parts.append(
                        "<rect class=\"missing\" x=\"\(x + 1)\" y=\"\(y + 1)\" width=\"\(cell - 2)\" height=\"\(pitch - 2)\" rx=\"2\"/>"
                    )
                    continue
                }
                let share = high > low ? (value - low) / (high - low) : 0.5
                let fill = HTML(stringLiteral: Ramp.color(share))
                let ink: HTML = share > 0.5 ? "light" : "dark"
                parts.append(
                    """
                    <g><title>\(yTitle) \(rows[row]), \(xTitle) \(columns[column]): \(Readable.number(value))</title>\
                    <rect fill="\(fill)" x="\(x + 1)" y="\(y + 1)" width="\(cell - 2)" height="\(pitch - 2)" rx="2"/>
                    """)
                if cell >= 36 {
                    parts.append(
                        """
                        <text class="cell \(ink)" x="\(x + cell / 2)" y="\(y + pitch / 2 + 3.5)" text-anchor="middle">\
                        \(Readable.number(value))</text>
                        """)
                }
                parts.append("</g>")
                if value == best {
                    over.append(
                        "<rect class=\"best\" x=\"\(x + 1)\" y=\"\(y + 1)\" width=\"\(cell - 2)\" height=\"\(pitch - 2)\" rx=\"2\"/>"
                    )
                }
            }
        }
        for column in 0..<shownColumns where cell >= 22 || column % 2 == 0 {
            parts.append(
                """
                <text class="mark" x="\(left + cell * (Double(column) + 0.5))" y="\(bottom + 14)" text-anchor="middle">\
                \(Readable.cut(columns[column], max(4, Int(cell / 6))))</text>
                """)
        }
        let middle = (top + bottom) / 2
        parts.append(
            """
            <text class="axistitle" x="\((left + right) / 2)" y="\(bottom + 31)" text-anchor="middle">\(xTitle)</text>\
            <text class="axistitle" transform="translate(9 \(middle)) rotate(-90)" text-anchor="middle">\(yTitle)</text>
            """)
        return """
            <svg class="chart" viewBox="0 0 \(width) \(bottom + 38)" role="img" aria-label="\(title) over \(xTitle) and \
            \(yTitle)">\(parts)\(over)</svg>
            """
    }
}

/// Colours from light to dark blue, each darker than the one before, so that they tell as much in grey.
enum Ramp {
    private static let stops: [(Double, Double, Double)] = [
        (236, 243, 247), (190, 215, 230), (120, 173, 207), (52, 122, 170), (16, 70, 116),
    ]

    static func color(_ share: Double) -> String {
        let place = min(max(share, 0), 1) * Double(stops.count - 1)
        let lower = min(stops.count - 2, Int(place))
        let rest = place - Double(lower)
        func mix(_ a: Double, _ b: Double) -> Int { Int((a + (b - a) * rest).rounded()) }
        let (a, b) = (stops[lower], stops[lower + 1])
        return "rgb(\(mix(a.0, b.0)),\(mix(a.1, b.1)),\(mix(a.2, b.2)))"
    }
}

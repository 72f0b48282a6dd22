import Foundation

extension GnuplotScript {
    /// Cells in viridis, the first row on top, with a bar that says what the colours mean.
    mutating func draw(_ heatmap: Heatmap) {
        let (rows, columns) = (heatmap.values.count, heatmap.values[0].count)
        let finite = heatmap.values.joined().filter(\.isFinite)
        var low = heatmap.low ?? finite.min() ?? 0
        var high = heatmap.high ?? finite.max() ?? 1
        if low >= high {
            let margin = max(abs(low) * 0.01, 0.5)
            if heatmap.low == nil { low = min(low, high) - margin }
            if heatmap.high == nil { high = max(low, high) + margin }
        }
        add(PlotStyle.palette)
        add("set cbrange [\(low):\(high)]")
        add("set border 0")
        // The bar and its labels have a strip of their own on the right.
        let unit = figure.fontSize / 13 / Double(figure.width)
        add("set rmargin at screen \(max(0.5, 1 - 118 * unit))")
        add(
            "set colorbox user origin screen \(max(0.52, 1 - 102 * unit)), graph 0 size screen \(18 * unit), graph 1 noborder"
        )
        add("set cbtics scale 0.4 format \"%g\"")
        if !heatmap.label.isEmpty {
            add("set cblabel \(ScriptText.quoted(heatmap.label)) offset 1 textcolor rgb \"\(PlotStyle.ink)\"")
        }
        add("unset grid")
        add("set xrange [-0.5:\(Double(columns) - 0.5)]")
        add("set yrange [\(Double(rows) - 0.5):-0.5]")
        axis("x", heatmap.columns, count: columns)
        axis("y", heatmap.rows, count: rows)
        // Large maps are one picture; small ones are drawn cell by cell, with a gap between.
        if rows * columns > 2500 {
            add(
                block: "cells",
                heatmap.values.enumerated().flatMap { row, line in
                    line.enumerated().map { [Double($0), Double(row), $1] }
                })
            layers.append("$cells using 1:2:3 with image notitle")
        } else {
            let cells = heatmap.values.enumerated().flatMap { row, line in
                line.enumerated().filter { $1.isFinite }.map { [Double($0), Double(row), $1] }
            }
            add(block: "cells", cells)
            layers.append(
                "$cells using 1:2:(0.485):(0.485):3 with boxxyerror fs solid 1 noborder lc palette notitle")
        }
        if heatmap.isAnnotated { annotate(heatmap, low: low, high: high) }
    }

    private mutating func axis(_ axis: String, _ names: [String]?, count: Int) {
        if let names {
            self.names(names, axis: axis)
        } else {
            let step = max(1, Int((Double(count) / 12).rounded(.up)))
            self.ticks(stride(from: 0, to: count, by: step).map { ("\($0 + 1)", $0) }, axis: axis)
        }
    }

    private mutating func ticks(_ places: [(String, Int)], axis: String) {
        let list = places.map { "\(ScriptText.tic($0.0)) \($0.1)" }.joined(separator: ", ")
        add("set \(axis)tics scale 0 (\(list))")
    }

    private mutating func annotate(_ heatmap: Heatmap, low: Double, high: Double) {
        for (isLight, colour) in [(true, "#000000"), (false, "#ffffff")] {
            var lines = ""
            for (row, line) in heatmap.values.enumerated() {
                for (column, value) in line.enumerated() where value.isFinite {
                    if PlotStyle.isLight((value - low) / (high - low)) == isLight {
                        lines += "\(column) \(row) \(String(format: "%.3g", value))\n"
                    }
                }
            }
            guard !lines.isEmpty else { continue }
            let name = isLight ? "dark" : "light"
            add("$\(name) << EOD\n\(lines)EOD")
            layers.append("$\(name) using 1:2:3 with labels textcolor rgb \"\(colour)\" notitle")
        }
    }
}

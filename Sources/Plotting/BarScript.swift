import Foundation

extension GnuplotScript {
    /// Bars in groups of a width of 0.8 around the whole numbers.
    mutating func draw(_ bars: Bars) {
        let isLog = bars.isHorizontal ? figure.isLogX : figure.isLogY
        let values = bars.series.flatMap(\.values).filter(\.isFinite)
        var base = 0.0
        if isLog {
            // Bars have no zero to stand on: they start at the power of ten below the shortest.
            base = pow(10, (log10(values.min() ?? 1) - 1e-9).rounded(.down))
        }
        let (value, place) = bars.isHorizontal ? ("x", "y") : ("y", "x")
        if bars.isHorizontal {
            add("set yrange [\(Double(bars.categories.count) - 0.4):-0.6]")
        } else {
            add("set xrange [-0.6:\(Double(bars.categories.count) - 0.4)]")
        }
        if isLog {
            add("set \(value)range [\(base):*]")
        } else if values.allSatisfy({ $0 >= 0 }) {
            add("set \(value)range [0:*]")
        } else {
            // The line that bars stand on.
            add("set \(place)zeroaxis lt 1 lw \(scaled(1)) lc rgb \"\(PlotStyle.axis)\"")
        }
        add("set grid no\(place)tics \(value)tics")
        names(bars.categories, axis: place)
        let step = 0.8 / Double(bars.series.count)
        func places(_ series: Int) -> [Double] {
            bars.categories.indices.map { Double($0) - 0.4 + (Double(series) + 0.5) * step }
        }
        for (index, item) in bars.series.enumerated() {
            let name = "series\(index)"
            let middles = places(index)
            add(
                block: name,
                bars.categories.indices.map { category in
                    let (middle, half) = (middles[category], step * 0.46)
                    return [middle, item.values[category], middle - half, middle + half, base, item.values[category]]
                })
            let columns = bars.isHorizontal ? "2:1:5:6:3:4" : "1:2:3:4:5:6"
            layers.append(
                "$\(name) using \(columns) with boxxyerror fs solid 1 noborder lc rgb \"\(PlotStyle.colour(index))\" "
                    + title(item.label))
        }
        for (index, item) in bars.series.enumerated() {
            guard let error = item.error else { continue }
            addErrors(
                "error\(index)", at: places(index), item.values, error, isHorizontal: bars.isHorizontal,
                lowest: isLog ? base : nil,
                colour: PlotStyle.ink)
        }
    }
}

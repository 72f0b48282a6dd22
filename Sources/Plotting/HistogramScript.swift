import Foundation

extension Histogram {
    /// The edges of the bins over all series: as many as asked for, else by the rule of Freedman and Diaconis (1981), bins
    /// twice the interquartile range over the cube root of the count wide, 5 to 100 of them.
    package var edges: [Double] {
        let values = series.flatMap(\.values).filter(\.isFinite).sorted()
        guard var low = values.first, var high = values.last else { return [] }
        if low == high {
            let margin = max(abs(low) * 0.01, 0.5)
            (low, high) = (low - margin, high + margin)
        }
        var count = bins ?? 10
        if bins == nil {
            let largest = series.map { $0.values.count }.max() ?? 1
            let range = values[values.count * 3 / 4] - values[values.count / 4]
            let width = 2 * range / cbrt(Double(largest))
            let wanted = width > 0 ? (high - low) / width : 10
            count = wanted.isFinite ? min(max(Int(min(wanted, 1e6).rounded(.up)), 5), 100) : 10
        }
        // Weights rather than steps, as the difference of the ends may be beyond the largest number.
        return (0...count).map { index in
            let weight = Double(index) / Double(count)
            return low * (1 - weight) + high * weight
        }
    }

    /// The heights of the bins of one series; the last bin holds its upper edge.
    package func heights(_ values: [Double], edges: [Double]) -> [Double] {
        let bins = edges.count - 1
        guard bins > 0 else { return [] }
        var counts = [Double](repeating: 0, count: bins)
        var total = 0.0
        for value in values where value.isFinite {
            var (first, last) = (0, bins - 1)
            while first < last {
                let middle = (first + last + 1) / 2
                if value >= edges[middle] { first = middle } else { last = middle - 1 }
            }
            counts[first] += 1
            total += 1
        }
        guard isDensity, total > 0 else { return counts }
        return counts.indices.map { counts[$0] / total / (edges[$0 + 1] - edges[$0]) }
    }
}

extension GnuplotScript {
    /// Bars from edge to edge, or for several sets their outlines, filled so that they let one another show through.
    mutating func draw(_ histogram: Histogram) {
        if figure.yLabel.isEmpty {
            add("set ylabel \"\(histogram.isDensity ? "density" : "count")\" textcolor rgb \"\(PlotStyle.ink)\"")
        }
        let edges = histogram.edges
        let heights = histogram.series.map { histogram.heights($0.values, edges: edges) }
        // On a logarithmic axis bars start at half of the lowest, and an empty bin is a gap.
        let base = figure.isLogY ? (heights.joined().filter { $0 > 0 }.min() ?? 1) / 2 : 0
        add("set grid noxtics ytics")
        add("set yrange [\(base):*]")
        var outlines: [String] = []
        for (index, item) in histogram.series.enumerated() {
            let (name, colour) = ("series\(index)", PlotStyle.colour(index))
            if histogram.series.count == 1 {
                add(
                    block: name,
                    heights[index].indices.map { bin in
                        let (left, right, height) = (edges[bin], edges[bin + 1], max(heights[index][bin], base))
                        return [left / 2 + right / 2, height, left, right, base, height]
                    })
                layers.append(
                    "$\(name) using 1:2:3:4:5:6 with boxxyerror fs solid 0.9 border lc rgb \"#ffffff\" "
                        + "fc rgb \"\(colour)\" \(title(item.label))")
            } else {
                add(block: name, outline(heights[index], edges: edges, base: base))
                layers.append(
                    "$\(name) using 1:2 with filledcurves closed fs transparent solid 0.4 noborder "
                        + "fc rgb \"\(colour)\" \(title(item.label))")
                outlines.append("$\(name) using 1:2 with lines lw \(scaled(1.6)) lc rgb \"\(colour)\" notitle")
            }
        }
        layers += outlines
    }

    private func outline(_ heights: [Double], edges: [Double], base: Double) -> [[Double]] {
        var points = [[edges[0], base]]
        for (bin, height) in heights.enumerated() {
            points.append([edges[bin], max(height, base)])
            points.append([edges[bin + 1], max(height, base)])
        }
        return points + [[edges[edges.count - 1], base]]
    }
}

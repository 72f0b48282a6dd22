import Foundation

/// The script that draws a figure: the frame here, what is inside it in the extensions.
package struct GnuplotScript {
    let figure: Figure
    let format: Figure.Format
    package private(set) var text = ""
    /// What the `plot` command draws, in order.
    var layers: [String] = []

    /// - Throws: `PlotError.figure` where the figure cannot be drawn.
    package init(_ figure: Figure, format: Figure.Format) throws {
        try figure.check()
        self.figure = figure
        self.format = format
        frame()
        switch figure.content {
        case .lines(let curves): draw(curves: curves, areLines: true)
        case .points(let curves): draw(curves: curves, areLines: false)
        case .bars(let bars): draw(bars)
        case .histogram(let histogram): draw(histogram)
        case .heatmap(let heatmap): draw(heatmap)
        }
        add("plot " + layers.joined(separator: ", \\\n    "))
    }

    mutating func add(_ line: String) { text += line + "\n" }
    mutating func add(block name: String, _ lines: [[Double]]) { text += ScriptText.block(name, lines) }

    /// The width of lines and the size of marks for a nominal one.
    func scaled(_ size: Double) -> String { String(format: "%.3f", size * figure.fontSize / 13) }

    /// About how many letters fit across the picture.
    var lettersAcross: Int { Int(Double(figure.width) / (figure.fontSize * 0.72)) }

    private mutating func frame() {
        let size = figure.fontSize
        add("set encoding utf8")
        switch format {
        // The units of an SVG and of a PNG are pixels, and a point of letters is taken for 4/3 of one.
        case .svg:
            add(
                "set terminal svg noenhanced size \(figure.width),\(figure.height) "
                    + "font \"Arial,\(size * 1.15)\" background \"#ffffff\"")
        case .png:
            add(
                "set terminal pngcairo noenhanced size \(figure.width),\(figure.height) "
                    + "font \"DejaVu Sans,\(size * 0.9)\" background \"#ffffff\"")
        case .pdf:
            add(
                "set terminal pdfcairo noenhanced size \(Double(figure.width) / 96)in,\(Double(figure.height) / 96)in "
                    + "font \"DejaVu Sans,\(size * 0.72)\" fontscale 1 linewidth 0.75 background \"#ffffff\"")
        }
        add("set border 3 lw \(scaled(1)) lc rgb \"\(PlotStyle.axis)\"")
        add("set tics nomirror out scale 0.6 textcolor rgb \"\(PlotStyle.ink)\"")
        add("set format \"%g\"")
        add("set grid back lw \(scaled(0.8)) lt 1 lc rgb \"\(PlotStyle.grid)\"")
        add("set style fill solid 1 noborder")
        let (legend, key) = key
        // The legend above the axes stands in an empty last line of the title.
        let title = legend == .above ? (figure.title.isEmpty ? " " : figure.title + "\n ") : figure.title
        for (name, text, extra) in [
            ("title", title, " font \",\(fontSize * 1.1)\""), ("xlabel", figure.xLabel, ""),
            ("ylabel", figure.yLabel, ""),
        ] where !text.isEmpty {
            add("set \(name) \(ScriptText.quoted(text))\(extra) textcolor rgb \"\(PlotStyle.ink)\"")
        }
        if figure.isLogX { add("set logscale x") }
        if figure.isLogY { add("set logscale y") }
        add(key)
    }

    /// The size of letters as the terminal counts it.
    private var fontSize: Double {
        switch format {
        case .svg: return figure.fontSize * 1.15
        case .png: return figure.fontSize * 0.9
        case .pdf: return figure.fontSize * 0.72
        }
    }

    private var labels: [String] {
        switch figure.content {
        case .lines(let curves), .points(let curves): return curves.map(\.label)
        case .bars(let bars): return bars.series.map(\.label)
        case .histogram(let histogram): return histogram.series.map(\.label)
        case .heatmap: return []
        }
    }

    /// Where the legend stands, and the command that puts it there.
    private var key: (legend: Figure.Legend, command: String) {
        let named = labels.filter { !$0.isEmpty }
        var legend = figure.legend
        if legend == .automatic {
            let letters = named.reduce(0) { $0 + $1.count + 6 }
            legend = labels.count < 2 ? .none : letters < lettersAcross * 4 / 5 ? .above : .right
        }
        let look = "Left reverse samplen 1.6 spacing 1.15 textcolor rgb \"\(PlotStyle.ink)\" nobox"
        switch legend {
        case .automatic, .none: return (.none, "unset key")
        case .above: return (legend, "set key at graph 0, graph 1.005 left bottom horizontal \(look)")
        case .right: return (legend, "set key outside right top vertical \(look)")
        case .topLeft, .topRight, .bottomLeft, .bottomRight:
            return (legend, "set key inside \(legend.rawValue) vertical opaque \(look)")
        }
    }

    /// The words of a layer that name a series, or leave it out of the legend.
    func title(_ label: String) -> String { label.isEmpty ? "notitle" : "title \(ScriptText.quoted(label))" }

    /// Named places on an axis. Names that do not fit side by side stand aslant.
    mutating func names(_ names: [String], axis: String) {
        let places = names.enumerated().map { "\(ScriptText.tic($1)) \($0)" }.joined(separator: ", ")
        var turn = ""
        if axis == "x" {
            let longest = names.map { name in name.split(separator: "\n").map(\.count).max() ?? 0 }.max() ?? 0
            let fits = (longest + 2) * names.count < lettersAcross * 4 / 5
            turn = fits ? " norotate" : names.count > lettersAcross / 5 ? " rotate by 90 right" : " rotate by 35 right"
        }
        add("set \(axis)tics scale 0\(turn) (\(places))")
    }
}

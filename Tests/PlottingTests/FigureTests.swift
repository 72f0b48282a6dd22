import Foundation
import Plotting
import TestSupport
import Testing

/// What is written into scripts, and what is refused before a script is made.
@Suite struct FigureTests {
    private func fault(_ figure: Figure) -> (name: String, message: String)? {
        do {
            _ = try GnuplotScript(figure, format: .svg)
        } catch PlotError.figure(let name, let message) {
            return (name, message)
        } catch {}
        return nil
    }

    private func faultName(_ content: Figure.Content, _ change: (inout Figure) -> Void = { _ in }) -> String? {
        var figure = Figure(content)
        change(&figure)
        return fault(figure)?.name
    }

    @Test func everyByteThatMeansSomethingToGnuplotIsANumber() {
        #expect(ScriptText.quoted("Az .09") == "\"Az \\056\\060\\071\"")
        #expect(ScriptText.quoted("\"'`\\@$%{}\n\t#") == "\"\\042\\047\\140\\134\\100\\044\\045\\173\\175\\n \\043\"")
        #expect(ScriptText.quoted("é") == "\"\\303\\251\"")
        #expect(ScriptText.quoted("a\0b") == "\"a b\"")
        #expect(ScriptText.tic("50 %") == "\"\\065\\060 \\045\\045\"")
        #expect(ScriptText.tic("") == "\" \"")
        for byte in UInt8.min...UInt8.max {
            let text = ScriptText.quoted(String(decoding: [byte], as: UTF8.self)).dropFirst().dropLast()
            #expect(text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == " " || $0 == "\\") })
            // gnuplot reads as many digits as there are.
            #expect(ScriptText.quoted(String(decoding: [byte], as: UTF8.self) + "7").hasSuffix("\\067\""))
        }
    }

    @Test func numbersThatAreNotFiniteAreGaps() {
        #expect([1.5, -2e-300, .nan, .infinity].map(ScriptText.number) == ["1.5", "-2e-300", "NaN", "NaN"])
        #expect(ScriptText.block("a", [[1, .nan], [2, 3]]) == "$a << EOD\n1.0 NaN\n2.0 3.0\nEOD\n")
    }

    @Test func sizesAndTextsThatCannotBeDrawnAreRefused() {
        let lines = Figure.Content.lines([Curve(y: [1, 2])])
        #expect(faultName(lines) == nil)
        for side in [-1, 0, 99, 8193, Int.max] {
            #expect(faultName(lines) { $0.width = side } == "width")
            #expect(faultName(lines) { $0.height = side } == "height")
        }
        for size in [0, -3, .nan, .infinity, 1e9] { #expect(faultName(lines) { $0.fontSize = size } == "font_size") }
        #expect(faultName(lines) { $0.title = String(repeating: "x", count: 2001) } == "title")
    }

    @Test func numbersThatCannotBeDrawnAreRefused() {
        #expect(faultName(.lines([])) == "series")
        #expect(faultName(.lines([Curve(y: [])])) == "series")
        #expect(faultName(.points([Curve(y: [.nan, .infinity])])) == "series")
        #expect(faultName(.lines([Curve(y: [1]), Curve(x: [1], y: [1, 2])])) == "series[2].x")
        #expect(faultName(.lines([Curve(y: [1, 2], error: [1])])) == "series[1].error")
        #expect(faultName(.lines([Curve(y: [1, 2], error: [1, -1])])) == "series[1].error[2]")
        #expect(faultName(.lines([Curve(y: [1, 0])])) { $0.isLogY = true } == "series[1].y[2]")
        #expect(faultName(.lines([Curve(x: [-1, 1], y: [1, 1])])) { $0.isLogX = true } == "series[1].x[1]")
        #expect(faultName(.lines([Curve(y: [1, .nan])])) { $0.isLogY = true } == nil)

        #expect(faultName(.bars(Bars(categories: [], series: []))) == "categories")
        #expect(faultName(.bars(Bars(categories: ["a"], series: []))) == "series")
        #expect(faultName(.bars(Bars(categories: ["a"], series: [.init(values: [1, 2])]))) == "series[1].values")
        #expect(faultName(.bars(Bars(categories: ["a"], series: [.init(values: [.nan])]))) == "series")
        let bars = Bars(categories: ["a"], series: [.init(values: [0])], isHorizontal: true)
        #expect(faultName(.bars(bars)) { $0.isLogX = true } == "series[1].values[1]")
        #expect(faultName(.bars(bars)) { $0.isLogY = true } == "logy")

        #expect(faultName(.histogram(Histogram(series: []))) == "series")
        #expect(faultName(.histogram(Histogram(series: [.init(values: [1])], bins: 0))) == "bins")
        #expect(faultName(.histogram(Histogram(series: [.init(values: [1])], bins: 10_001))) == "bins")

        #expect(faultName(.heatmap(Heatmap(values: []))) == "values")
        #expect(faultName(.heatmap(Heatmap(values: [[]]))) == "values")
        #expect(faultName(.heatmap(Heatmap(values: [[1], [1, 2]]))) == "values")
        #expect(faultName(.heatmap(Heatmap(values: [[.nan]]))) == "values")
        #expect(faultName(.heatmap(Heatmap(values: [[1]], rows: ["a", "b"]))) == "rows")
        #expect(faultName(.heatmap(Heatmap(values: [[1]], columns: []))) == "columns")
        #expect(faultName(.heatmap(Heatmap(values: [[1]], low: 2, high: 1))) == "low")
        #expect(faultName(.heatmap(Heatmap(values: [[1]], high: .infinity))) == "high")
    }

    @Test func formatsAreNamedByEndings() throws {
        #expect(try Figure.Format(path: "a/b.c.SVG") == .svg)
        #expect(try Figure.Format(path: "x.pdf") == .pdf)
        for path in ["", "png", "a.gif", "a.png.txt"] {
            #expect(throws: PlotError.self) { try Figure.Format(path: path) }
        }
    }

    /// Every value falls into one bin, ends and all.
    @Test func binsHoldEveryValue() throws {
        var generator = SeededGenerator()
        for count in [1, 2, 17, 1000] {
            let values = (0..<count).map { _ in Double.random(in: -5...5, using: &generator) }
            let histogram = Histogram(series: [.init(values: values + [.nan, .infinity])], bins: 7)
            let edges = histogram.edges
            #expect(edges.count == 8)
            #expect(edges.first! <= values.min()! && edges.last! >= values.max()!)
            #expect(histogram.heights(histogram.series[0].values, edges: edges).reduce(0, +) == Double(count))
            let density = Histogram(series: histogram.series, bins: 7, isDensity: true)
            let area = zip(density.heights(values, edges: edges), zip(edges, edges.dropFirst())).map {
                $0 * ($1.1 - $1.0)
            }
            #expect(abs(area.reduce(0, +) - 1) < 1e-12)
        }
        let plain = Histogram(series: [.init(values: [0, 1, 2, 3, 4])], bins: 4)
        #expect(plain.edges == [0, 1, 2, 3, 4])
        #expect(plain.heights([0, 1, 1.5, 4, 3], edges: plain.edges) == [1, 2, 0, 2])
        // The rule: 2 * 50 / 100^(1/3) = 21.5 a bin, so 5 of them.
        #expect(Histogram(series: [.init(values: (0..<100).map(Double.init))]).edges.count == 6)
        // Extreme values give finite edges.
        let wide = Histogram(series: [.init(values: [-Double.greatestFiniteMagnitude, Double.greatestFiniteMagnitude])])
        let areFinite = wide.edges.allSatisfy { $0.isFinite }
        #expect(areFinite)
        #expect(wide.heights(wide.series[0].values, edges: wide.edges).reduce(0, +) == 2)
    }
}

import Foundation
import FoundationXML
import Plotting
import TestSupport
import Testing

/// Pictures as gnuplot draws them. Where it is not installed, only what needs no picture is tested.
@Suite struct GnuplotTests {
    static let isInstalled = ["/usr/local/bin/gnuplot", "/usr/bin/gnuplot"].contains {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    private static let every: [Figure] = {
        let curve = Curve(label: "a", y: [1, 3, .nan, 2], error: [0.1, 0.2, 0.1, 0])
        let bars = [Bars.Series(label: "p", values: [1, .nan], error: [0.1, 0]), Bars.Series(values: [3, 2])]
        var figures = [
            Figure(.lines([curve, Curve(label: "b", y: Array(repeating: 2, count: 100))])), Figure(.points([curve])),
            Figure(.bars(Bars(categories: ["u", ""], series: bars))),
            Figure(.bars(Bars(categories: ["u", "v"], series: bars, isHorizontal: true))),
            Figure(.histogram(Histogram(series: [.init(label: "h", values: [1, 2, 2, 3]), .init(values: [2, 5])]))),
            Figure(.histogram(Histogram(series: [.init(values: [4, 4])]))),
            Figure(.heatmap(Heatmap(values: [[1, .nan], [3, 4]], rows: ["x", "y"], label: "z", isAnnotated: true))),
            Figure(.heatmap(Heatmap(values: [[7]]))),
            Figure(.heatmap(Heatmap(values: Array(repeating: (0..<60).map(Double.init), count: 60)))),
        ]
        for index in figures.indices { (figures[index].width, figures[index].height) = (300, 200) }
        return figures
    }()

    @Test(.enabled(if: isInstalled, "gnuplot is not installed"), arguments: every.indices, Figure.Format.allCases)
    func picturesAreWholeAndAlwaysTheSame(index: Int, format: Figure.Format) throws {
        let first = try Gnuplot().draw(Self.every[index], as: format)
        #expect(try Gnuplot().draw(Self.every[index], as: format) == first)
        let text = String(decoding: first, as: UTF8.self)
        switch format {
        case .svg:
            let elements = Elements()
            try elements.read(first)
            #expect(elements.names.contains("path"))
        case .png:
            #expect(first.prefix(8) == Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
            #expect(Array(first[16..<24]) == [0, 0, 1, 44, 0, 0, 0, 200])
        case .pdf:
            #expect(text.hasPrefix("%PDF-"))
            #expect(text.contains("/CreationDate (D:20000101000000"))
        }
    }

    /// Whatever stands in a text is drawn, and never obeyed.
    @Test(.enabled(if: isInstalled, "gnuplot is not installed"))
    func textsAreDrawnAndNotObeyed() throws {
        let scratch = try Scratch()
        let folder = URL(fileURLWithPath: scratch.path)
        let trap = folder.appendingPathComponent("trap").path
        let texts = [
            "\"; system \"touch \(trap)\" #", "'; system 'touch \(trap)' #", "`touch \(trap)`",
            "\"\n!touch \(trap)\n\"",
            "EOD\nsystem \"touch \(trap)\"", "@trap %s %d %% \\", "a_{b}^2 & <c> \u{1F600} Fréchet \u{1} \\\" \\n",
            "plot.svg\"; set output \"\(trap)",
        ]
        for text in texts {
            var figure = Figure(
                .bars(
                    Bars(
                        categories: [text, "b"], series: [.init(label: text, values: [1, 2]), .init(values: [1, 1])])))
            (figure.title, figure.xLabel, figure.yLabel) = (text, text, text)
            let elements = Elements()
            try elements.read(try Gnuplot().draw(figure, as: .svg))
            // Labels of axes are drawn as they stand but for ends of lines.
            let wanted = text.replacingOccurrences(of: "\u{1}", with: " ").split(separator: "\n")
            for line in wanted {
                let letters = line.filter { !$0.isWhitespace }
                #expect(elements.text.filter { !$0.isWhitespace }.contains(letters), "\(text)")
            }
            var map = Figure(.heatmap(Heatmap(values: [[1]], rows: [text], columns: [text], label: text)))
            map.title = text
            _ = try Gnuplot().draw(map, as: .png)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func aProgramThatIsMissingIsNamed() throws {
        var gnuplot = Gnuplot()
        for name in ["no-such-gnuplot", "/no/such/gnuplot"] {
            gnuplot.program = name
            let error = #expect(throws: PlotError.missingProgram(name)) {
                try gnuplot.draw(Self.every[0], as: .svg)
            }
            #expect(error?.description.contains("apt-get install gnuplot-nox") == true)
        }
    }

    /// A shell in gnuplot's place, to see how failures are told.
    private func standIn(_ body: String) -> Gnuplot {
        var gnuplot = Gnuplot()
        (gnuplot.program, gnuplot.arguments) = ("/bin/sh", ["-c", body])
        return gnuplot
    }

    @Test func failuresAreTold() throws {
        for (body, wanted) in [
            ("echo picture; echo 'line 3: bad' >&2; exit 2", "line 3: bad"), ("cat > /dev/null", "it drew nothing"),
            ("kill -9 $$", "it gave no reason"), ("exec 0<&-; echo broken >&2; exit 1", "broken"),
        ] {
            // More than any pipe holds, so that a program that does not read cannot block the caller.
            let figure = Figure(.lines([Curve(y: (0..<100_000).map(Double.init))]))
            let error = #expect(throws: PlotError.self) { try standIn(body).draw(figure, as: .svg) }
            #expect(error?.description.contains(wanted) == true, "\(String(describing: error))")
        }
    }

    @Test func aProgramThatHangsIsStopped() throws {
        for body in ["exec sleep 600", "exec >&- 2>&-; exec sleep 600"] {
            var gnuplot = standIn(body)
            gnuplot.timeLimit = 0.2
            #expect(throws: PlotError.tooSlow(0.2)) { try gnuplot.draw(Self.every[0], as: .svg) }
        }
    }

    @Test func filesAreWrittenWholeOrNotAtAll() throws {
        let scratch = try Scratch()
        let folder = URL(fileURLWithPath: scratch.path)
        let gnuplot = standIn("cat > /dev/null; printf picture")
        let path = folder.appendingPathComponent("a.svg").path
        try gnuplot.write(Self.every[0], to: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "picture")
        let failing = standIn("printf half; exit 1")
        #expect(throws: PlotError.self) { try failing.write(Self.every[0], to: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "picture")
        #expect(throws: PlotError.self) { try gnuplot.write(Self.every[0], to: folder.path + "/a.gif") }
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)) == ["a.svg"])
    }
}

/// The elements and the text of an XML document.
private final class Elements: NSObject, XMLParserDelegate {
    var names: Set<String> = []
    var text = ""

    func read(_ data: Data) throws {
        let parser = XMLParser(data: data)
        parser.delegate = self
        guard parser.parse() else { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) { names.insert(name) }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}

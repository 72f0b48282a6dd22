import Files
import Foundation

/// A picture of numbers: what is drawn, and the frame around it. `Gnuplot` makes a file of it.
public struct Figure: Sendable {
    /// The kinds of files.
    public enum Format: String, CaseIterable, Sendable {
        case svg, png, pdf

        /// The format that a path's ending names.
        /// - Throws: `PlotError.figure` for another ending.
        public init(path: String) throws {
            guard let format = Format(rawValue: Paths.ending(path)) else {
                throw PlotError.figure(
                    name: "path", message: "wanted a name ending in .svg, .png or .pdf, got \"\(path)\"")
            }
            self = format
        }
    }

    /// Where the names of the series stand.
    public enum Legend: String, CaseIterable, Sendable {
        case automatic, none, above, right
        case topLeft = "top left"
        case topRight = "top right"
        case bottomLeft = "bottom left"
        case bottomRight = "bottom right"
    }

    /// What is drawn.
    public enum Content: Sendable {
        case lines([Curve])
        case points([Curve])
        case bars(Bars)
        case histogram(Histogram)
        case heatmap(Heatmap)
    }

    /// Above the picture, where not empty.
    public var title = ""
    /// Under the horizontal axis.
    public var xLabel = ""
    /// Beside the vertical axis.
    public var yLabel = ""
    /// Pixels across: those of a PNG; in an SVG or a PDF one is 1/96 inch.
    public var width = 960
    /// Pixels down.
    public var height = 600
    /// The size of letters in points; lines and marks grow with it.
    public var fontSize = 13.0
    /// Whether the horizontal axis is logarithmic.
    public var isLogX = false
    /// Whether the vertical axis is logarithmic.
    public var isLogY = false
    /// Where the names of the series stand.
    public var legend = Legend.automatic
    /// What is drawn.
    public var content: Content

    /// A figure without titles.
    public init(_ content: Content) { self.content = content }

    /// The smallest and largest side in pixels.
    public static let sides = 100...8192
    /// The most numbers in one figure.
    public static let mostNumbers = 4_000_000
    /// The longest text in a figure, in bytes.
    public static let longestText = 2000

    /// - Throws: `PlotError.figure` where a size, a text or the numbers cannot be drawn.
    func check() throws {
        for (name, side) in [("width", width), ("height", height)] where !Figure.sides.contains(side) {
            throw PlotError.figure(
                name: name,
                message: "wanted \(Figure.sides.lowerBound) to \(Figure.sides.upperBound) pixels, got \(side)")
        }
        guard (4...200).contains(fontSize) else {
            throw PlotError.figure(name: "font_size", message: "wanted 4 to 200 points, got \(fontSize)")
        }
        for (name, text) in [("title", title), ("xlabel", xLabel), ("ylabel", yLabel)] { try Figure.check(text, name) }
        switch content {
        case .lines(let curves), .points(let curves):
            try Figure.check(count: curves.reduce(0) { $0 + $1.y.count })
            guard !curves.isEmpty else {
                throw PlotError.figure(name: "series", message: "wanted at least one, got none")
            }
            for (index, curve) in curves.enumerated() {
                try curve.check("series[\(index + 1)]", logX: isLogX, logY: isLogY)
            }
            guard curves.contains(where: { zip($0.x, $0.y).contains { $0.isFinite && $1.isFinite } }) else {
                throw PlotError.figure(name: "series", message: "no point is finite, so there is nothing to draw")
            }
        case .bars(let bars):
            guard !(bars.isHorizontal ? isLogY : isLogX) else {
                throw PlotError.figure(
                    name: bars.isHorizontal ? "logy" : "logx",
                    message: "the axis of the categories cannot be logarithmic; that of the lengths is "
                        + (bars.isHorizontal ? "logx" : "logy"))
            }
            try bars.check(isLog: bars.isHorizontal ? isLogX : isLogY)
        case .histogram(let histogram): try histogram.check()
        case .heatmap(let heatmap): try heatmap.check()
        }
    }

    static func check(_ text: String, _ name: String) throws {
        guard text.utf8.count <= longestText else {
            throw PlotError.figure(name: name, message: "wanted at most \(longestText) bytes, got \(text.utf8.count)")
        }
    }

    static func check(count: Int) throws {
        guard count <= mostNumbers else {
            throw PlotError.figure(name: "series", message: "wanted at most \(mostNumbers) numbers, got \(count)")
        }
    }

    /// On a logarithmic axis every number is more than 0; what is not finite is a gap on any axis.
    static func checkPositive(_ values: [Double], _ name: String, axis: String) throws {
        if let index = values.firstIndex(where: { $0 <= 0 && $0.isFinite }) {
            throw PlotError.figure(
                name: "\(name)[\(index + 1)]",
                message: "\(values[index]) has no place on the logarithmic axis (\(axis))")
        }
    }
}

/// A line, or a cloud of points.
public struct Curve: Sendable {
    /// Its name in the legend, where not empty.
    public var label: String
    /// Where the points stand; what is not finite leaves a gap.
    public var x, y: [Double]
    /// Half the length of each error bar, none where nil.
    public var error: [Double]?

    /// A curve; without `x` its points stand at 1, 2, ….
    public init(label: String = "", x: [Double]? = nil, y: [Double], error: [Double]? = nil) {
        self.label = label
        self.x = x ?? y.indices.map { Double($0 + 1) }
        self.y = y
        self.error = error
    }

    func check(_ name: String, logX: Bool, logY: Bool) throws {
        try Figure.check(label, "\(name).label")
        guard x.count == y.count else {
            throw PlotError.figure(
                name: "\(name).x", message: "wanted \(y.count) numbers, as many as y, got \(x.count)")
        }
        try checkError(error, count: y.count, "\(name).error", of: "y")
        if logX { try Figure.checkPositive(x, "\(name).x", axis: "logx") }
        if logY { try Figure.checkPositive(y, "\(name).y", axis: "logy") }
    }
}

/// Bars in groups, a group a category.
public struct Bars: Sendable {
    /// Bars of one colour, one a category.
    public struct Series: Sendable {
        /// The name in the legend, where not empty.
        public var label: String
        /// The lengths; what is not finite is left out.
        public var values: [Double]
        /// Half the length of each error bar, none where nil.
        public var error: [Double]?

        /// A series of bars.
        public init(label: String = "", values: [Double], error: [Double]? = nil) {
            self.label = label
            self.values = values
            self.error = error
        }
    }

    /// The names of the groups.
    public var categories: [String]
    /// The bars of each group, in order.
    public var series: [Series]
    /// Whether bars lie, the first category on top.
    public var isHorizontal: Bool

    /// A chart of bars.
    public init(categories: [String], series: [Series], isHorizontal: Bool = false) {
        self.categories = categories
        self.series = series
        self.isHorizontal = isHorizontal
    }

    func check(isLog: Bool) throws {
        guard !categories.isEmpty, !series.isEmpty else {
            throw PlotError.figure(
                name: categories.isEmpty ? "categories" : "series", message: "wanted at least one, got none")
        }
        try Figure.check(count: categories.count.multipliedReportingOverflow(by: series.count).partialValue)
        for (index, text) in categories.enumerated() { try Figure.check(text, "categories[\(index + 1)]") }
        for (index, item) in series.enumerated() {
            let name = "series[\(index + 1)]"
            try Figure.check(item.label, "\(name).label")
            guard item.values.count == categories.count else {
                throw PlotError.figure(
                    name: "\(name).values",
                    message: "wanted \(categories.count) numbers, one a category, got \(item.values.count)")
            }
            try checkError(item.error, count: categories.count, "\(name).error", of: "values")
            if isLog { try Figure.checkPositive(item.values, "\(name).values", axis: isHorizontal ? "logx" : "logy") }
        }
        guard series.contains(where: { $0.values.contains(where: \.isFinite) }) else {
            throw PlotError.figure(name: "series", message: "no value is finite, so there is nothing to draw")
        }
    }
}

/// How often values fall into bins, which all series share.
public struct Histogram: Sendable {
    /// A set of values.
    public struct Series: Sendable {
        /// The name in the legend, where not empty.
        public var label: String
        /// The values; what is not finite is left out.
        public var values: [Double]

        /// A set of values.
        public init(label: String = "", values: [Double]) {
            self.label = label
            self.values = values
        }
    }

    /// The sets.
    public var series: [Series]
    /// The number of bins; nil chooses by Freedman's and Diaconis' rule.
    public var bins: Int?
    /// Whether heights are densities, so that sets of different sizes compare, rather than counts.
    public var isDensity: Bool

    /// A histogram.
    public init(series: [Series], bins: Int? = nil, isDensity: Bool = false) {
        self.series = series
        self.bins = bins
        self.isDensity = isDensity
    }

    func check() throws {
        try Figure.check(count: series.reduce(0) { $0 + $1.values.count })
        for (index, item) in series.enumerated() { try Figure.check(item.label, "series[\(index + 1)].label") }
        if let bins, !(1...10_000).contains(bins) {
            throw PlotError.figure(name: "bins", message: "wanted 1 to 10000, got \(bins)")
        }
        guard series.contains(where: { $0.values.contains(where: \.isFinite) }) else {
            throw PlotError.figure(name: "series", message: "no value is finite, so there is nothing to draw")
        }
    }
}

/// A matrix as coloured cells.
public struct Heatmap: Sendable {
    /// The rows from top to bottom; cells that are not finite stay empty.
    public var values: [[Double]]
    /// The names of the rows and of the columns; numbers from 1 where nil.
    public var rows, columns: [String]?
    /// What the colours mean.
    public var label: String
    /// Whether cells show their value.
    public var isAnnotated: Bool
    /// The values at the ends of the colours; the least and the greatest where nil.
    public var low, high: Double?

    /// A heat map.
    public init(
        values: [[Double]], rows: [String]? = nil, columns: [String]? = nil, label: String = "",
        isAnnotated: Bool = false,
        low: Double? = nil, high: Double? = nil
    ) {
        (self.values, self.rows, self.columns, self.label) = (values, rows, columns, label)
        (self.isAnnotated, self.low, self.high) = (isAnnotated, low, high)
    }

    func check() throws {
        let width = values.first?.count ?? 0
        guard width > 0, values.allSatisfy({ $0.count == width }) else {
            throw PlotError.figure(name: "values", message: "wanted rows of the same length, at least one cell")
        }
        try Figure.check(count: width.multipliedReportingOverflow(by: values.count).partialValue)
        for (name, names, count) in [("rows", rows, values.count), ("columns", columns, width)] {
            guard let names else { continue }
            guard names.count == count else {
                throw PlotError.figure(name: name, message: "wanted \(count) names, got \(names.count)")
            }
            for (index, text) in names.enumerated() { try Figure.check(text, "\(name)[\(index + 1)]") }
        }
        try Figure.check(label, "label")
        guard values.contains(where: { $0.contains(where: \.isFinite) }) else {
            throw PlotError.figure(name: "values", message: "no cell is finite, so there is nothing to draw")
        }
        for (name, end) in [("low", low), ("high", high)] {
            if let end, !end.isFinite {
                throw PlotError.figure(name: name, message: "wanted a finite number, got \(end)")
            }
        }
        if let low, let high, low >= high {
            throw PlotError.figure(name: "low", message: "wanted less than high (\(high)), got \(low)")
        }
    }
}

private func checkError(_ error: [Double]?, count: Int, _ name: String, of other: String) throws {
    guard let error else { return }
    guard error.count == count else {
        throw PlotError.figure(
            name: name, message: "wanted \(count) numbers, as many as \(other), got \(error.count)")
    }
    if let index = error.firstIndex(where: { $0 < 0 }) {
        throw PlotError.figure(name: "\(name)[\(index + 1)]", message: "wanted at least 0, got \(error[index])")
    }
}

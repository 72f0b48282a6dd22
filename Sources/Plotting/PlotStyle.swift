/// Colours that people with colour blindness tell apart, too, and what else all pictures share.
enum PlotStyle {
    /// The colours of series: Okabe and Ito's palette, in an order whose first ones differ in lightness as well.
    static let series = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000", "#f0e442"]

    /// The colour of a series.
    static func colour(_ index: Int) -> String { series[index % series.count] }

    /// The mark of a series: discs, squares, triangles, diamonds; then the same, empty.
    static func mark(_ index: Int) -> Int { [7, 5, 9, 13, 6, 4, 8, 12][index % 8] }

    /// The dashes of a line: whole lines until the colours are used up.
    static func dash(_ index: Int) -> String { ["1", "2", "4", "5"][index / series.count % 4] }

    /// Nine colours of viridis, evenly spaced (van der Walt and Smith; public domain).
    static let viridis: [(red: Double, green: Double, blue: Double)] = [
        (68, 1, 84), (71, 44, 122), (59, 82, 139), (44, 114, 142), (33, 145, 140), (40, 174, 128), (94, 201, 98),
        (173, 220, 48), (253, 231, 37),
    ]

    /// viridis as gnuplot's palette.
    static var palette: String {
        let stops = viridis.enumerated().map { index, colour in
            "\(Double(index) / 8) \(colour.red / 255) \(colour.green / 255) \(colour.blue / 255)"
        }
        return "set palette defined (" + stops.joined(separator: ", ") + ")"
    }

    /// Whether dark letters are read best on the colour at `position` (0 … 1) of viridis.
    static func isLight(_ position: Double) -> Bool {
        let place = min(max(position, 0), 1) * 8
        let index = min(Int(place), 7)
        let weight = place - Double(index)
        func mixed(_ part: (red: Double, green: Double, blue: Double)) -> Double {
            0.299 * part.red + 0.587 * part.green + 0.114 * part.blue
        }
        return mixed(viridis[index]) * (1 - weight) + mixed(viridis[index + 1]) * weight > 128
    }

    static let ink = "#333333"
    static let axis = "#666666"
    static let grid = "#e3e3e3"
}

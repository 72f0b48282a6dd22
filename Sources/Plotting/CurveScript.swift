extension GnuplotScript {
    /// Lines with marks where they are few, or points; error bars behind both.
    mutating func draw(curves: [Curve], areLines: Bool) {
        if !areLines {
            let (x, y) = (figure.isLogX ? "0" : "graph 0.02", figure.isLogY ? "0" : "graph 0.03")
            add("set offsets \(x), \(x), \(y), \(y)")
        }
        for (index, curve) in curves.enumerated() {
            let (name, count) = ("series\(index)", curve.y.count)
            add(block: name, curve.y.indices.map { [curve.x[$0], curve.y[$0]] })
            let colour = PlotStyle.colour(index)
            if let error = curve.error {
                // A logarithmic axis has no place for what is 0 or less: such bars end at a tenth of the value.
                addErrors("error\(index)", at: curve.x, curve.y, error, lowest: figure.isLogY ? 0 : nil, colour: colour)
            }
            let line = "lw \(scaled(2.2)) dt \(PlotStyle.dash(index))"
            let mark = "pt \(PlotStyle.mark(index))"
            if !areLines {
                // Many points let one another show through.
                let shade = count > 2000 ? "#a0" : count > 300 ? "#60" : "#20"
                let size = scaled(count > 2000 ? 0.5 : count > 300 ? 0.7 : 0.95)
                layers.append(
                    "$\(name) using 1:2 with points \(mark) ps \(size) lw \(scaled(1.2)) "
                        + "lc rgb \"\(shade)\(colour.dropFirst())\" \(title(curve.label))")
            } else if count <= 40 {
                layers.append(
                    "$\(name) using 1:2 with linespoints \(line) \(mark) ps \(scaled(0.9)) lc rgb \"\(colour)\" "
                        + title(curve.label))
            } else {
                layers.append("$\(name) using 1:2 with lines \(line) lc rgb \"\(colour)\" \(title(curve.label))")
            }
        }
    }

    /// Error bars with caps.
    /// - Parameter lowest: on a logarithmic axis, where bars end that would reach below; 0 stands for a tenth of the value.
    mutating func addErrors(
        _ name: String, at places: [Double], _ values: [Double], _ errors: [Double], isHorizontal: Bool = false,
        lowest: Double? = nil, colour: String
    ) {
        let bars = places.indices.compactMap { index -> [Double]? in
            let (value, error) = (values[index], errors[index])
            guard places[index].isFinite, value.isFinite, error.isFinite, error > 0 else { return nil }
            var low = value - error
            if let lowest { low = max(low, lowest > 0 ? lowest : value / 10) }
            return [places[index], low, value + error - low]
        }
        guard !bars.isEmpty else { return }
        add(block: name, bars)
        let columns = isHorizontal ? "2:1:3:(0)" : "1:2:(0):3"
        layers.append(
            "$\(name) using \(columns) with vectors heads size screen 0.004,90 nofilled lw \(scaled(1.2)) "
                + "lc rgb \"\(colour)\" notitle")
    }
}

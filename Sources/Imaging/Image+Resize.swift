import ImageKernels
import Threading

extension Image {
    /// The image in another size, to Pillow's bytes: two passes, rows first, each rounded to 8 bits; antialiased when
    /// shrinking. Modes "1" and "P" take the nearest pixel whatever the filter, as in Pillow; alpha is premultiplied
    /// while filtering.
    /// - Throws: `ImageError.argument` for a size below 1 or outside `ImageLimits`.
    public func resized(width: Int, height: Int, filter: ResampleFilter) throws -> Image {
        if width == self.width, height == self.height { return self }
        if filter == .nearest || mode == .bilevel || mode == .palette {
            return try nearest(width: width, height: height)
        }
        // The check of the size comes before the tables, which grow with it.
        guard (1...ImageLimits.side).contains(width), (1...ImageLimits.side).contains(height) else {
            throw ImageError.argument(
                operation: "resize", message: "wanted sides of 1 to \(ImageLimits.side) pixels, got \(width)×\(height)")
        }
        if mode == .gray16 { return try resampled16(width: width, height: height, filter: filter) }
        if mode.hasAlpha {
            return try premultiplied().resampled(width: width, height: height, filter: filter).unpremultiplied()
        }
        return try resampled(width: width, height: height, filter: filter)
    }

    /// The image with its shorter side at `shortestEdge` and the other in proportion, cut to a whole number: the size
    /// that torchvision's `Resize(n)` and transformers' `{"shortest_edge": n}` make.
    /// - Throws: `ImageError.argument` for a size below 1 or outside `ImageLimits`.
    public func resized(shortestEdge: Int, filter: ResampleFilter) throws -> Image {
        guard (1...ImageLimits.side).contains(shortestEdge) else {
            throw ImageError.argument(
                operation: "resize", message: "wanted a shortest edge of 1 to \(ImageLimits.side), got \(shortestEdge)")
        }
        let long = shortestEdge * max(width, height) / min(width, height)
        return try width <= height
            ? resized(width: shortestEdge, height: long, filter: filter)
            : resized(width: long, height: shortestEdge, filter: filter)
    }

    /// Bytes of the intermediate image that a strip of columns may take.
    private static let stripBytes = 32 * 1024 * 1024

    /// Both passes on 8-bit samples, strip of columns by strip, so that the intermediate image stays small.
    private func resampled(width: Int, height: Int, filter: ResampleFilter) throws -> Image {
        let channels = mode.channels
        let across = self.width == width ? nil : ResampleWeights(filter: filter, source: self.width, target: width)
        let down = self.height == height ? nil : ResampleWeights(filter: filter, source: self.height, target: height)
        return try derived(width: width, height: height) { target in
            withPointer { source in
                guard let across else {
                    if let down {
                        vertical(source, bytesPerRow, target, width * channels, height, width * channels, down)
                    }
                    return
                }
                guard let down else {
                    horizontal(source, target, width * channels, 0..<width, across)
                    return
                }
                let strip = max(16, Self.stripBytes / (self.height * channels))
                let intermediate = UnsafeMutablePointer<UInt8>.allocate(
                    capacity: self.height * min(strip, width) * channels)
                defer { intermediate.deallocate() }
                for start in stride(from: 0, to: width, by: strip) {
                    let columns = start..<min(width, start + strip)
                    let rowBytes = columns.count * channels
                    horizontal(source, intermediate, rowBytes, columns, across)
                    vertical(
                        intermediate, rowBytes, target + start * channels, width * channels, height, rowBytes, down)
                }
            }
        }
    }

    private func horizontal(
        _ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, _ targetStride: Int,
        _ columns: Range<Int>, _ weights: ResampleWeights
    ) {
        let fixed = weights.fixedPoint
        withAxis(weights, fixed) { axis in
            Parallel.forRanges(height, grain: 64) { rows in
                ResampleKernels.horizontal(
                    source: source + rows.lowerBound * bytesPerRow, rowSamples: bytesPerRow,
                    target: target + rows.lowerBound * targetStride, targetStride: targetStride, rows: rows.count,
                    columns: columns, channels: mode.channels, axis: axis)
            }
        }
    }

    private func vertical(
        _ source: UnsafePointer<UInt8>, _ sourceStride: Int, _ target: UnsafeMutablePointer<UInt8>, _ targetStride: Int,
        _ rows: Int, _ rowBytes: Int, _ weights: ResampleWeights
    ) {
        let fixed = weights.fixedPoint
        withAxis(weights, fixed) { axis in
            Parallel.forRanges(rows, grain: 64) { part in
                ResampleKernels.vertical(
                    source: source, sourceStride: sourceStride, target: target + part.lowerBound * targetStride,
                    targetStride: targetStride, rows: part, rowSamples: rowBytes, axis: axis)
            }
        }
    }

    private func withAxis(_ weights: ResampleWeights, _ fixed: [Int32], _ body: (ResampleKernels.Axis) -> Void) {
        weights.starts.withUnsafeBufferPointer { starts in
            weights.counts.withUnsafeBufferPointer { counts in
                fixed.withUnsafeBufferPointer { factors in
                    guard let starts = starts.baseAddress, let counts = counts.baseAddress,
                        let factors = factors.baseAddress
                    else { return }
                    body(ResampleKernels.Axis(starts: starts, counts: counts, weights: factors, taps: weights.taps))
                }
            }
        }
    }

    /// The nearest pixels. Pillow sums positions up in f64, except for 16-bit samples, where it computes each: its
    /// rounding is repeated.
    private func nearest(width: Int, height: Int) throws -> Image {
        let size = mode.bytesPerPixel
        return try derived(width: width, height: height) { target in
            let summed = mode != .gray16
            let columns = Self.nearestPositions(source: self.width, target: width, summed: summed)
            let rows = Self.nearestPositions(source: self.height, target: height, summed: summed)
            withPointer { source in
                for (y, row) in rows.enumerated() {
                    guard let row else { continue }
                    let from = source + row * bytesPerRow
                    var to = target + y * width * size
                    for column in columns {
                        if let column { to.update(from: from + column * size, count: size) }
                        to += size
                    }
                }
            }
        }
    }

    private static func nearestPositions(source: Int, target: Int, summed: Bool) -> [Int?] {
        let step = Double(source) / Double(target)
        var sum = step * 0.5
        return (0..<max(0, target)).map { pixel in
            defer { sum += step }
            let index = Int(summed ? sum : (Double(pixel) + 0.5) * step)
            return index < source ? index : nil
        }
    }

    /// Both passes on 16-bit samples, in f64 as in Pillow. A sum outside 0 ... 65535 is cut in each of its two bytes by
    /// itself, which is Pillow's way for this mode and shows where filters overshoot.
    private func resampled16(width: Int, height: Int, filter: ResampleFilter) throws -> Image {
        var image = self
        if width != image.width {
            let weights = ResampleWeights(filter: filter, source: image.width, target: width)
            image = try image.resampled16(weights, width: width, height: image.height, alongRows: true)
        }
        if height != image.height {
            let weights = ResampleWeights(filter: filter, source: image.height, target: height)
            image = try image.resampled16(weights, width: image.width, height: height, alongRows: false)
        }
        return image
    }

    private func resampled16(_ weights: ResampleWeights, width: Int, height: Int, alongRows: Bool) throws -> Image {
        try derived(width: width, height: height) { target in
            withPointer { source in
                for y in 0..<height {
                    for x in 0..<width {
                        let index = alongRows ? x : y
                        let first = Int(weights.starts[index])
                        var sum = 0.0
                        for tap in 0..<Int(weights.counts[index]) {
                            let column = alongRows ? first + tap : x
                            let pixel = source + (alongRows ? y : first + tap) * bytesPerRow + 2 * column
                            let value = Int(pixel[0]) | Int(pixel[1]) << 8
                            sum += Double(value) * weights.weights[index * weights.taps + tap]
                        }
                        let rounded = Int(sum < 0 ? sum - 0.5 : sum + 0.5)
                        let to = target + 2 * (y * width + x)
                        to[0] = UInt8(max(0, min(255, rounded % 256)))
                        to[1] = UInt8(max(0, min(255, rounded >> 8)))
                    }
                }
            }
        }
    }
}

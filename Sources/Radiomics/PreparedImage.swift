import ArrayKernels
import RadiomicsKernels

/// A plane of values.
struct Plane {
    var values: [Double]
    let width: Int
    let height: Int
}

/// An image as features see it: normalised, resampled, with the region that the mask leaves.
struct PreparedImage {
    /// The resampled image; samples outside the image are 0, as SimpleITK has them.
    let plane: Plane
    /// The part that the mask covers: it begins at the first sample.
    let width, height: Int
    /// Samples of the region, from its first corner, that the mask leaves out.
    let holeWidth, holeHeight: Int
    /// The diagnostics columns.
    let diagnostics: [Double]

    /// The mask that the reference uses covers everything but the first pixel.
    init(pixels: UnsafeBufferPointer<Double>, width: Int, height: Int, _ settings: RadiomicsSettings) throws {
        guard width >= 2, height >= 2 else {
            throw RadiomicsError.image("an image of \(width) x \(height) has no region of two dimensions")
        }
        if let index = pixels.firstIndex(where: { !$0.isFinite }) {
            throw RadiomicsError.image("pixel \(index % width + 1), \(index / width + 1) is \(pixels[index])")
        }
        var sum = 0.0
        var squares = 0.0
        var (least, most) = (pixels[0], pixels[0])
        for value in pixels {
            sum += value
            squares += value * value
            least = min(least, value)
            most = max(most, value)
        }
        let count = Double(pixels.count)
        var values = Array(pixels)
        if settings.normalizes {
            // The deviation is ITK's, over n - 1.
            let mean = sum / count
            let variance = (squares - sum * sum / count) / (count - 1)
            guard most > least, variance > 0 else {
                throw RadiomicsError.image("every pixel is \(least): such an image cannot be normalised")
            }
            let scale = 1 / variance.squareRoot()
            for index in values.indices { values[index] = (values[index] - mean) * scale * settings.normalizeScale }
        }
        let across = PreparedImage.samples(width, settings.spacing?.x ?? 1, isLine: true)
        let down = PreparedImage.samples(height, settings.spacing?.y ?? 1, isLine: false)
        let isResampled = settings.spacing.map { $0.x != 1 || $0.y != 1 } ?? false
        if isResampled {
            plane = PreparedImage.resample(&values, width, height, across, down)
        } else {
            plane = Plane(values: values, width: width, height: height)
        }
        self.width = isResampled ? across.filter { PreparedImage.isInside($0, width) }.count : width
        self.height = isResampled ? down.filter { PreparedImage.isInside($0, height) }.count : height
        holeWidth = isResampled ? across.filter { ($0 + 0.5).rounded(.down) == 0 }.count : 1
        holeHeight = isResampled ? down.filter { ($0 + 0.5).rounded(.down) == 0 }.count : 1
        guard self.width >= 2, self.height >= 2 else {
            throw RadiomicsError.image(
                "an image of \(width) x \(height) has no region of two dimensions after resampling")
        }
        let inside = PreparedImage.region(plane, self.width, self.height, holeWidth, holeHeight)
        let all = PreparedImage.summary(plane.values)
        let masked = PreparedImage.summary(inside)
        diagnostics = [
            sum / count, least, most, count - 1, 1, all.mean, all.minimum, all.maximum, Double(inside.count), 1,
            masked.mean, masked.minimum, masked.maximum,
        ]
    }

    /// The values of the region of a plane as large as this one, row by row.
    static func region(
        _ plane: Plane, _ width: Int, _ height: Int, _ holeWidth: Int, _ holeHeight: Int
    ) -> [Double] {
        if plane.width == width, plane.height == height, holeWidth * holeHeight == 0 { return plane.values }
        var result: [Double] = []
        result.reserveCapacity(width * height)
        for row in 0..<height {
            let start = row < holeHeight ? holeWidth : 0
            result += plane.values[row * plane.width + start..<row * plane.width + width]
        }
        return result
    }

    private static func summary(_ values: [Double]) -> (mean: Double, minimum: Double, maximum: Double) {
        values.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return (0, 0, 0) }
            let range = RadiomicsSums.range(base, count: buffer.count)
            return (
                PairwiseSum.of(base, count: buffer.count) / Double(buffer.count), range.minimum, range.maximum
            )
        }
    }

    /// Where the samples of an axis lie, in pixels: pyradiomics aligns the corners of both grids.
    ///
    /// Along a line ITK takes shares of the whole line, whose rounding decides the bins of what is constant in the image.
    private static func samples(_ count: Int, _ spacing: Double, isLine: Bool) -> [Double] {
        let size = max(1, Int((Double(count) / spacing).rounded(.up)))
        let start = 0.5 * (spacing - 1)
        let length = start + spacing * Double(size) - start
        return (0..<size).map { index in
            start + (isLine ? Double(index) / Double(size) * length : spacing * Double(index))
        }
    }

    private static func isInside(_ position: Double, _ count: Int) -> Bool { position < Double(count) - 0.5 }

    private static func resample(
        _ values: inout [Double], _ width: Int, _ height: Int, _ across: [Double], _ down: [Double]
    ) -> Plane {
        var result = [Double](repeating: 0, count: across.count * down.count)
        let columns = across.filter { isInside($0, width) }.map { RadiomicsSpline.weights(at: $0) }
        let places = columns.flatMap { column in (0..<4).map { Int32(mirror(column.first + $0, width)) } }
        let weights = columns.map(\.weights)
        values.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            RadiomicsSpline.prefilter(base, width: width, height: height)
            for (row, position) in down.enumerated() where isInside(position, height) {
                let (first, weight) = RadiomicsSpline.weights(at: position)
                func line(_ offset: Int) -> UnsafePointer<Double> {
                    UnsafePointer(base + mirror(first + offset, height) * width)
                }
                result.withUnsafeMutableBufferPointer { target in
                    guard let target = target.baseAddress else { return }
                    RadiomicsSpline.interpolate(
                        (line(0), line(1), line(2), line(3)), columns: places, across: weights, down: weight,
                        count: columns.count, to: target + row * across.count)
                }
            }
        }
        return Plane(values: result, width: across.count, height: down.count)
    }

    /// The sample that stands for one beyond the ends, mirrored at the end samples.
    private static func mirror(_ index: Int, _ count: Int) -> Int {
        if count == 1 { return 0 }
        let period = 2 * (count - 1)
        let place = ((index % period) + period) % period
        return place < count ? place : period - place
    }
}

extension PreparedImage {
    /// The four images of one level of the stationary wavelet transform, odd sides padded by wrapping around, under
    /// pyradiomics' names: the first letter is the filter along rows, the second along columns.
    func wavelets(_ name: String) -> [(name: String, plane: Plane)] {
        guard let low = WaveletFilter.low[name] else { return [] }
        let high = WaveletFilter.high(low)
        let (oldWidth, oldHeight) = (plane.width, plane.height)
        let (width, height) = (oldWidth + oldWidth % 2, oldHeight + oldHeight % 2)
        var source = [Double](repeating: 0, count: width * height)
        for row in 0..<height {
            for column in 0..<width {
                source[row * width + column] = plane.values[row % oldHeight * oldWidth + column % oldWidth]
            }
        }
        var lowRows = [Double](repeating: 0, count: width * height)
        var highRows = lowRows
        RadiomicsWavelet.rows(
            source, width: width, height: height, lowFilter: low, highFilter: high, length: low.count, low: &lowRows,
            high: &highRows)
        func columns(_ rows: [Double], _ filter: [Double]) -> Plane {
            RadiomicsWavelet.columns(
                rows, width: width, height: height, filter: filter, length: filter.count, to: &source)
            if width == oldWidth, height == oldHeight { return Plane(values: source, width: width, height: height) }
            let cut = (0..<oldHeight).flatMap { source[$0 * width..<$0 * width + oldWidth] }
            return Plane(values: cut, width: oldWidth, height: oldHeight)
        }
        return [
            ("wavelet-LH", columns(lowRows, high)), ("wavelet-HL", columns(highRows, low)),
            ("wavelet-HH", columns(highRows, high)), ("wavelet-LL", columns(lowRows, low)),
        ]
    }
}

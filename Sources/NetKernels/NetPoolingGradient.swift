import Threading

/// Pooling in training, of activations in either layout of `NetPlanes`; f32. Images and vectors of channels in parallel.
public enum NetPoolingGradient {
    /// Sizes of the images before and after pooling.
    public struct Shape: Sendable {
        public var images, height, width, channels, targetHeight, targetWidth: Int
        /// Whether channels lie in blocks of sixteen.
        public var isBlocked: Bool

        /// Every property, in order.
        public init(
            images: Int, height: Int, width: Int, channels: Int, targetHeight: Int, targetWidth: Int, isBlocked: Bool
        ) {
            self.images = images
            self.height = height
            self.width = width
            self.channels = channels
            self.targetHeight = targetHeight
            self.targetWidth = targetWidth
            self.isBlocked = isBlocked
        }

        var source: NetPlanes {
            NetPlanes(images: images, pixels: height * width, channels: channels, isBlocked: isBlocked)
        }
        var target: NetPlanes {
            NetPlanes(images: images, pixels: targetHeight * targetWidth, channels: channels, isBlocked: isBlocked)
        }
    }

    /// The largest value of each window, and which of the window's places it came from, the first of equals.
    /// - Parameter places: a place for each result, counted row by row from the window's corner.
    public static func maximum(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, places: UnsafeMutablePointer<UInt8>,
        _ window: NetPooling.Window, _ shape: Shape
    ) {
        forBlocks(shape) { image, block, width in
            if width == 16 {
                maximumBlock(FullLanes.self, x, y, places, window, shape, image, block, width)
            } else {
                maximumBlock(PartialLanes.self, x, y, places, window, shape, image, block, width)
            }
        }
    }

    private static func maximumBlock<L: NetLanes>(
        _: L.Type, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ places: UnsafeMutablePointer<UInt8>,
        _ window: NetPooling.Window, _ shape: Shape, _ image: Int, _ block: Int, _ width: Int
    ) {
        let (source, target) = (shape.source, shape.target)
        let start = source.start(image, block)
        var output = target.start(image, block)
        forWindows(window, shape) { _, rows, columns, top, left in
            var best = SIMD16<Float>(repeating: -.infinity)
            var place = SIMD16<Int32>(repeating: Int32((rows.lowerBound - top) * window.width))
            place &+= Int32(columns.lowerBound - left)
            for row in rows {
                for column in columns {
                    let value = L.load(x, start + (row * shape.width + column) * source.pixelStride, width)
                    let isLarger = (value .> best) .| (value .!= value)
                    best.replace(with: value, where: isLarger)
                    let number = Int32((row - top) * window.width + column - left)
                    place.replace(with: number, where: isLarger)
                }
            }
            L.store(y, output, best, width)
            for lane in 0..<width { places[output + lane] = UInt8(truncatingIfNeeded: place[lane]) }
            output += target.pixelStride
        }
    }

    /// Adds each result's gradient to the value that was the largest. `gradient` is cleared first.
    public static func maximumBackward(
        _ result: UnsafePointer<Float>, places: UnsafePointer<UInt8>, _ gradient: UnsafeMutablePointer<Float>,
        _ window: NetPooling.Window, _ shape: Shape
    ) {
        forBlocks(shape) { image, block, width in
            let (source, target) = (shape.source, shape.target)
            let start = source.start(image, block)
            clear(gradient, source, start, width)
            var output = target.start(image, block)
            forWindows(window, shape) { _, _, _, top, left in
                for lane in 0..<width {
                    let place = Int(places[output + lane])
                    let row = top + place / window.width
                    let column = left + place % window.width
                    let index = start + (row * shape.width + column) * source.pixelStride + lane
                    gradient[index] += result[output + lane]
                }
                output += target.pixelStride
            }
        }
    }

    /// The mean of each window.
    public static func average(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ window: NetPooling.Window, _ shape: Shape
    ) {
        forBlocks(shape) { image, block, width in
            let (source, target) = (shape.source, shape.target)
            let start = source.start(image, block)
            var output = target.start(image, block)
            forWindows(window, shape) { area, rows, columns, _, _ in
                var sum = SIMD16<Float>.zero
                for row in rows {
                    for column in columns {
                        sum += load(x, start + (row * shape.width + column) * source.pixelStride, width)
                    }
                }
                store(y, output, sum / Float(area), width)
                output += target.pixelStride
            }
        }
    }

    /// Spreads each result's gradient over its window. `gradient` is cleared first.
    public static func averageBackward(
        _ result: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, _ window: NetPooling.Window,
        _ shape: Shape
    ) {
        forBlocks(shape) { image, block, width in
            let (source, target) = (shape.source, shape.target)
            let start = source.start(image, block)
            clear(gradient, source, start, width)
            var output = target.start(image, block)
            forWindows(window, shape) { area, rows, columns, _, _ in
                let share = load(result, output, width) / Float(area)
                for row in rows {
                    for column in columns {
                        let index = start + (row * shape.width + column) * source.pixelStride
                        store(gradient, index, load(gradient, index, width) + share, width)
                    }
                }
                output += target.pixelStride
            }
        }
    }

    /// The mean over all pixels, `[images, channels]`.
    public static func globalAverage(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ planes: NetPlanes) {
        forBlocks(planes) { image, block, width in
            var index = planes.start(image, block)
            var sum = SIMD16<Float>.zero
            for _ in 0..<planes.pixels {
                sum += load(x, index, width)
                index += planes.pixelStride
            }
            store(y, image * planes.channels + block * 16, sum / Float(planes.pixels), width)
        }
    }

    /// Spreads the gradient `[images, channels]` of the means over all pixels.
    public static func globalAverageBackward(
        _ result: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, _ planes: NetPlanes
    ) {
        forBlocks(planes) { image, block, width in
            let share = load(result, image * planes.channels + block * 16, width) / Float(planes.pixels)
            var index = planes.start(image, block)
            for _ in 0..<planes.pixels {
                store(gradient, index, share, width)
                index += planes.pixelStride
            }
        }
    }

    /// Adds the sum over all images and pixels of each channel: the gradient of a bias.
    public static func addSums(
        _ gradient: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ planes: NetPlanes
    ) {
        Parallel.forRanges(planes.blocks) { range in
            for block in range {
                let width = planes.width(block)
                var sums = WideSums()
                for image in 0..<planes.images {
                    var index = planes.start(image, block)
                    var sum = SIMD16<Float>.zero
                    for _ in 0..<planes.pixels {
                        sum += load(gradient, index, width)
                        index += planes.pixelStride
                    }
                    sums.add(sum)
                }
                for lane in 0..<width { target[block * 16 + lane] += Float(sums[lane]) }
            }
        }
    }

    @inline(__always)
    private static func load(_ base: UnsafePointer<Float>, _ index: Int, _ width: Int) -> SIMD16<Float> {
        width == 16 ? FullLanes.load(base, index, 16) : PartialLanes.load(base, index, width)
    }

    @inline(__always)
    private static func store(
        _ base: UnsafeMutablePointer<Float>, _ index: Int, _ value: SIMD16<Float>, _ width: Int
    ) {
        if width == 16 {
            FullLanes.store(base, index, value, 16)
        } else {
            PartialLanes.store(base, index, value, width)
        }
    }

    private static func clear(_ base: UnsafeMutablePointer<Float>, _ planes: NetPlanes, _ start: Int, _ width: Int) {
        for pixel in 0..<planes.pixels { store(base, start + pixel * planes.pixelStride, .zero, width) }
    }

    private static func forBlocks(_ shape: Shape, _ body: (_ image: Int, _ block: Int, _ width: Int) -> Void) {
        forBlocks(shape.source, body)
    }

    private static func forBlocks(_ planes: NetPlanes, _ body: (_ image: Int, _ block: Int, _ width: Int) -> Void) {
        let blocks = planes.blocks
        Parallel.forRanges(planes.images * blocks) { range in
            for unit in range { body(unit / blocks, unit % blocks, planes.width(unit % blocks)) }
        }
    }

    /// Calls `body` for each result, row by row: what the window's mean divides by, the part of it inside the image,
    /// its corner.
    @inline(__always)
    private static func forWindows(
        _ window: NetPooling.Window, _ shape: Shape,
        _ body: (_ area: Int, _ rows: Range<Int>, _ columns: Range<Int>, _ top: Int, _ left: Int) -> Void
    ) {
        for y in 0..<shape.targetHeight {
            let top = y * window.strideY - window.padY
            let rows = max(0, top)..<min(shape.height, top + window.height)
            for x in 0..<shape.targetWidth {
                let left = x * window.strideX - window.padX
                let columns = max(0, left)..<min(shape.width, left + window.width)
                let area = window.countsPadding ? window.height * window.width : rows.count * columns.count
                body(area, rows, columns, top, left)
            }
        }
    }
}

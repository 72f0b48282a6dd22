import Threading

/// Pooling of channels-last activations, each image's rows in parallel.
public enum NetPooling {
    /// A window that slides over an image.
    public struct Window: Sendable {
        public var height, width, strideY, strideX, padY, padX: Int
        /// Averages divide by the whole window's size rather than by the part of it inside the image.
        public var countsPadding: Bool
        /// Results below zero become zero.
        public var relu: Bool

        /// Every property, in order.
        public init(
            height: Int, width: Int, strideY: Int, strideX: Int, padY: Int, padX: Int, countsPadding: Bool,
            relu: Bool = false
        ) {
            self.height = height
            self.width = width
            self.strideY = strideY
            self.strideX = strideX
            self.padY = padY
            self.padX = padX
            self.countsPadding = countsPadding
            self.relu = relu
        }
    }

    /// Sizes of a pooling; strides between target pixels let it write into a slice of a wider tensor.
    public struct Shape: Sendable {
        public var images, height, width, channels, targetHeight, targetWidth, targetStride: Int

        /// Every property, in order.
        public init(
            images: Int, height: Int, width: Int, channels: Int, targetHeight: Int, targetWidth: Int,
            targetStride: Int
        ) {
            self.images = images
            self.height = height
            self.width = width
            self.channels = channels
            self.targetHeight = targetHeight
            self.targetWidth = targetWidth
            self.targetStride = targetStride
        }
    }

    /// The largest value, or the mean, of each window of `[images, height, width, channels]`.
    public static func pool(
        maximum: Bool, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ type: NetType,
        _ window: Window, _ shape: Shape
    ) {
        Parallel.forRanges(shape.images * shape.targetHeight, grain: 4) { range in
            switch (maximum, type) {
            case (true, .f32): rows(NetF32.self, MaximumOfWindow.self, source, target, window, shape, range)
            case (true, .bf16): rows(NetBF16.self, MaximumOfWindow.self, source, target, window, shape, range)
            case (false, .f32): rows(NetF32.self, MeanOfWindow.self, source, target, window, shape, range)
            case (false, .bf16): rows(NetBF16.self, MeanOfWindow.self, source, target, window, shape, range)
            }
        }
    }

    private static func rows<T: NetElement, R: WindowReduction>(
        _: T.Type, _: R.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ window: Window,
        _ shape: Shape, _ range: Range<Int>
    ) {
        for row in range {
            let image = row / shape.targetHeight
            let top = row % shape.targetHeight * window.strideY - window.padY
            let firstY = max(0, top)
            let lastY = min(shape.height, top + window.height)
            for column in 0..<shape.targetWidth {
                let left = column * window.strideX - window.padX
                let firstX = max(0, left)
                let lastX = min(shape.width, left + window.width)
                let area = window.countsPadding ? window.height * window.width : (lastY - firstY) * (lastX - firstX)
                let factor = 1 / Float(max(1, area))
                let output = (row * shape.targetWidth + column) * shape.targetStride
                let floor = SIMD16<Float>(repeating: window.relu ? 0 : -.infinity)
                let first = ((image * shape.height + firstY) * shape.width + firstX) * shape.channels
                let patch = Patch(
                    first: first, height: lastY - firstY, width: lastX - firstX, stepX: shape.channels,
                    stepY: shape.width * shape.channels)
                var channel = 0
                // Four vectors at a time hide the latency of each one's chain.
                while channel + 64 <= shape.channels {
                    var a = R.start
                    var b = R.start
                    var c = R.start
                    var d = R.start
                    var line = patch.first + channel
                    for _ in 0..<patch.height {
                        var index = line
                        for _ in 0..<patch.width {
                            a = R.combine(a, T.load(source, index))
                            b = R.combine(b, T.load(source, index + 16))
                            c = R.combine(c, T.load(source, index + 32))
                            d = R.combine(d, T.load(source, index + 48))
                            index += patch.stepX
                        }
                        line += patch.stepY
                    }
                    T.store(target, output + channel, netMaximum(R.finish(a, factor), floor))
                    T.store(target, output + channel + 16, netMaximum(R.finish(b, factor), floor))
                    T.store(target, output + channel + 32, netMaximum(R.finish(c, factor), floor))
                    T.store(target, output + channel + 48, netMaximum(R.finish(d, factor), floor))
                    channel += 64
                }
                while channel < shape.channels {
                    let lanes = min(16, shape.channels - channel)
                    var value = R.start
                    var line = patch.first + channel
                    for _ in 0..<patch.height {
                        var index = line
                        for _ in 0..<patch.width {
                            value = R.combine(
                                value, lanes == 16 ? T.load(source, index) : part(T.self, source, index, lanes))
                            index += patch.stepX
                        }
                        line += patch.stepY
                    }
                    value = netMaximum(R.finish(value, factor), floor)
                    if lanes == 16 {
                        T.store(target, output + channel, value)
                    } else {
                        for lane in 0..<lanes { T.storeOne(target, output + channel + lane, value[lane]) }
                    }
                    channel += 16
                }
            }
        }
    }

    /// The part of a window inside the image, in elements.
    private struct Patch {
        var first, height, width, stepX, stepY: Int
    }

    private static func part<T: NetElement>(
        _: T.Type, _ source: UnsafeRawPointer, _ index: Int, _ lanes: Int
    ) -> SIMD16<Float> {
        var value = SIMD16<Float>.zero
        for lane in 0..<lanes { value[lane] = T.loadOne(source, index + lane) }
        return value
    }

    /// The mean over all pixels of each image, as f32.
    public static func globalAverage(
        _ source: UnsafeRawPointer, _ type: NetType, _ target: UnsafeMutablePointer<Float>, images: Int, pixels: Int,
        channels: Int, targetStride: Int
    ) {
        for image in 0..<images {
            let output = target + image * targetStride
            let start = image * pixels * channels
            switch type {
            case .f32: mean(NetF32.self, source, start, output, pixels, channels)
            case .bf16: mean(NetBF16.self, source, start, output, pixels, channels)
            }
        }
    }

    private static func mean<T: NetElement>(
        _: T.Type, _ source: UnsafeRawPointer, _ start: Int, _ output: UnsafeMutablePointer<Float>, _ pixels: Int,
        _ channels: Int
    ) {
        let factor = 1 / Float(pixels)
        var channel = 0
        while channel + 16 <= channels {
            var sum = SIMD16<Float>.zero
            for pixel in 0..<pixels { sum += T.load(source, start + pixel * channels + channel) }
            NetF32.store(output, channel, sum * factor)
            channel += 16
        }
        while channel < channels {
            var sum: Float = 0
            for pixel in 0..<pixels { sum += T.loadOne(source, start + pixel * channels + channel) }
            output[channel] = sum * factor
            channel += 1
        }
    }
}

/// How a pooling window's values become one.
private protocol WindowReduction {
    static var start: SIMD16<Float> { get }
    static func combine(_ sum: SIMD16<Float>, _ value: SIMD16<Float>) -> SIMD16<Float>
    static func finish(_ sum: SIMD16<Float>, _ factor: Float) -> SIMD16<Float>
}

private enum MaximumOfWindow: WindowReduction {
    @inline(__always) static var start: SIMD16<Float> { SIMD16(repeating: -.infinity) }
    // A NaN wins, as in PyTorch.
    @inline(__always)
    static func combine(_ sum: SIMD16<Float>, _ value: SIMD16<Float>) -> SIMD16<Float> {
        sum.replacing(with: value, where: (value .> sum) .| (value .!= value))
    }
    @inline(__always) static func finish(_ sum: SIMD16<Float>, _ factor: Float) -> SIMD16<Float> { sum }
}

private enum MeanOfWindow: WindowReduction {
    @inline(__always) static var start: SIMD16<Float> { .zero }
    @inline(__always)
    static func combine(_ sum: SIMD16<Float>, _ value: SIMD16<Float>) -> SIMD16<Float> { sum + value }
    @inline(__always) static func finish(_ sum: SIMD16<Float>, _ factor: Float) -> SIMD16<Float> { sum * factor }
}

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
            case (true, .f32): rows(FloatMaximum.self, source, target, window, shape, range)
            case (true, .bf16): rows(BFloat16Maximum.self, source, target, window, shape, range)
            case (false, .f32): rows(FloatMean.self, source, target, window, shape, range)
            case (false, .bf16): rows(BFloat16Mean.self, source, target, window, shape, range)
            }
        }
    }

    private static func rows<L: PoolLanes>(
        _: L.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ window: Window, _ shape: Shape,
        _ range: Range<Int>
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
                let end = PoolFinish(factor: 1 / Float(max(1, area)), floor: window.relu ? 0 : -.infinity)
                let output = (row * shape.targetWidth + column) * shape.targetStride
                let first = ((image * shape.height + firstY) * shape.width + firstX) * shape.channels
                let patch = Patch(
                    first: first, height: lastY - firstY, width: lastX - firstX, stepX: shape.channels,
                    stepY: shape.width * shape.channels)
                var channel = 0
                // Four vectors at a time hide the latency of each one's chain.
                while channel + 64 <= shape.channels {
                    var a = L.start
                    var b = L.start
                    var c = L.start
                    var d = L.start
                    var line = patch.first + channel
                    for _ in 0..<patch.height {
                        var index = line
                        for _ in 0..<patch.width {
                            a = L.combine(a, L.load(source, index))
                            b = L.combine(b, L.load(source, index + 16))
                            c = L.combine(c, L.load(source, index + 32))
                            d = L.combine(d, L.load(source, index + 48))
                            index += patch.stepX
                        }
                        line += patch.stepY
                    }
                    L.store(target, output + channel, a, end)
                    L.store(target, output + channel + 16, b, end)
                    L.store(target, output + channel + 32, c, end)
                    L.store(target, output + channel + 48, d, end)
                    channel += 64
                }
                while channel < shape.channels {
                    let lanes = min(16, shape.channels - channel)
                    var value = L.start
                    var line = patch.first + channel
                    for _ in 0..<patch.height {
                        var index = line
                        for _ in 0..<patch.width {
                            value = L.combine(
                                value, lanes == 16 ? L.load(source, index) : part(L.self, source, index, lanes))
                            index += patch.stepX
                        }
                        line += patch.stepY
                    }
                    if lanes == 16 {
                        L.store(target, output + channel, value, end)
                    } else {
                        storePart(L.self, target, output + channel, value, end, lanes)
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

    /// The first `lanes` of sixteen values.
    private static func part<L: PoolLanes>(
        _: L.Type, _ source: UnsafeRawPointer, _ index: Int, _ lanes: Int
    ) -> L.Vector {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 64) { buffer in
            guard let base = buffer.baseAddress else { return L.start }
            base.initializeMemory(as: UInt8.self, repeating: 0, count: 64)
            base.copyMemory(from: source + index * L.size, byteCount: lanes * L.size)
            return L.load(base, 0)
        }
    }

    private static func storePart<L: PoolLanes>(
        _: L.Type, _ target: UnsafeMutableRawPointer, _ index: Int, _ value: L.Vector, _ end: PoolFinish, _ lanes: Int
    ) {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 64) { buffer in
            guard let base = buffer.baseAddress else { return }
            L.store(base, 0, value, end)
            (target + index * L.size).copyMemory(from: base, byteCount: lanes * L.size)
        }
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

import CProducts
import Threading

/// Convolutions at the processor's peak whose taps are runs of numbers that lie together in the images: those of one pixel, or those of a
/// whole row of the kernel. All that follows is done while the sums are in registers.
public enum NetConvolution {
    /// The bytes of images that stay in a core's second cache while all panels go over them.
    private static let cacheBytes = 128 << 10
    /// The fewest results of a piece of work, for which the weights of a panel are read once; and where there are too few pieces for
    /// all threads.
    private static let fewestResults = 192, fewestOfThreads = 96
    /// Pieces of work for each thread, so that none waits long for the last.
    private static let piecesPerThread = 24

    /// What is convolved, and where the results go.
    public struct Operands {
        /// For each 64 outputs, the taps one after the other, and in them for each input (f32) or each two (bf16), 64 weights or
        /// pairs of them.
        public var weights: UnsafeRawPointer
        /// f32 `[outputs]`.
        public var bias: UnsafePointer<Float>
        /// A multiple of 64.
        public var outputs: Int
        /// How images and weights are stored.
        public var type: NetType
        /// Where the first tap of the first result begins.
        public var source: UnsafeRawPointer
        /// Bytes from the first tap of a result to that of the next, of a row of results to the next row, of an image to the next image.
        public var pixelBytes, lineBytes, imageBytes: Int
        /// The kernel's runs, and the bytes from one to the next.
        public var taps, tapBytes: Int
        /// Numbers of a run; with bf16 one more is read, and not counted, where they are odd.
        public var run: Int
        /// Results.
        public var images, height, width: Int
        /// `[images, height, width, outputs]`.
        public var target: UnsafeMutableRawPointer
        /// How the results are stored: as the images, or f32.
        public var targetType: NetType
        /// Added to the results, in their type and shape; it may be the target.
        public var residual: UnsafeRawPointer?
        /// Whether results below zero become zero.
        public var relu: Bool

        /// Every property, in order.
        public init(
            weights: UnsafeRawPointer, bias: UnsafePointer<Float>, outputs: Int, type: NetType,
            source: UnsafeRawPointer,
            pixelBytes: Int, lineBytes: Int, imageBytes: Int, taps: Int, tapBytes: Int, run: Int, images: Int,
            height: Int,
            width: Int, target: UnsafeMutableRawPointer, targetType: NetType, residual: UnsafeRawPointer?, relu: Bool
        ) {
            self.weights = weights
            self.bias = bias
            self.outputs = outputs
            self.type = type
            self.source = source
            self.pixelBytes = pixelBytes
            self.lineBytes = lineBytes
            self.imageBytes = imageBytes
            self.taps = taps
            self.tapBytes = tapBytes
            self.run = run
            self.images = images
            self.height = height
            self.width = width
            self.target = target
            self.targetType = targetType
            self.residual = residual
            self.relu = relu
        }

        /// Bytes of an image's results.
        fileprivate var resultBytes: Int { height * width * outputs * targetType.size }

        fileprivate func image(_ index: Int) -> cx_convolution {
            cx_convolution(
                type: type.code, result: targetType.code,
                source: (source + index * imageBytes).assumingMemoryBound(to: CChar.self), pixel: pixelBytes,
                line: lineBytes, width: width, taps: taps, tap_line: tapBytes, steps: (run * type.size + 3) / 4,
                weights: weights.assumingMemoryBound(to: CChar.self), bias: bias,
                residual: residual.map { ($0 + index * resultBytes).assumingMemoryBound(to: CChar.self) },
                relu: relu ? 1 : 0, target: (target + index * resultBytes).assumingMemoryBound(to: CChar.self),
                target_pixel: outputs * targetType.size)
        }
    }

    /// target = relu(W x + b + residual).
    public static func run(_ given: Operands, threads: Int) {
        var operands = given
        if operands.imageBytes == operands.height * operands.lineBytes {
            // Images that follow one another without a gap are a high one.
            operands.height *= operands.images
            operands.images = 1
        }
        let (panels, results) = (operands.outputs / CX_PRODUCT_PANEL, operands.height * operands.width)
        if results == 0 { return }
        let resultBytes = operands.taps * operands.run * operands.type.size
        var chunks = results / max(fewestResults, cacheBytes / max(1, resultBytes))
        if threads > 1 {
            let wanted = piecesPerThread * threads / max(1, panels * operands.images)
            chunks = max(chunks, min(wanted, results / fewestOfThreads))
        }
        chunks = max(1, chunks)
        // In whole groups, which the kernel takes together.
        let piece = (results + CX_PRODUCT_GROUP * chunks - 1) / (CX_PRODUCT_GROUP * chunks) * CX_PRODUCT_GROUP
        let pieces = (results + piece - 1) / piece
        Parallel.forEach(operands.images * pieces * panels, slots: threads) { index, _ in
            let first = index / panels % pieces * piece
            var convolution = operands.image(index / (panels * pieces))
            cx_convolve(&convolution, first, min(results, first + piece), index % panels)
        }
    }
}

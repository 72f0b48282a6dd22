import ArrayKernels
import Threading

/// What follows an operation, where its library cannot fuse it: scales, summands, a residual, an activation.
public enum NetEpilogue {
    /// What is done to each value, in this order; pointers that are nil leave their step out.
    public struct Steps {
        /// `[channels]` for each image.
        public var scale: UnsafePointer<Float>?
        /// Elements from an image's scale to the next one's; 0 where all images share it.
        public var scaleStride: Int
        /// As `scale`.
        public var summand: UnsafePointer<Float>?
        /// As `scaleStride`.
        public var summandStride: Int
        /// `[rows, channels]`.
        public var residual: UnsafeRawPointer?
        /// How the residual is stored.
        public var residualType: NetType
        /// Comes last.
        public var function: NetElementwise.Function?

        /// Every property, in order.
        public init(
            scale: UnsafePointer<Float>?, scaleStride: Int, summand: UnsafePointer<Float>?, summandStride: Int,
            residual: UnsafeRawPointer?, residualType: NetType, function: NetElementwise.Function?
        ) {
            self.scale = scale
            self.scaleStride = scaleStride
            self.summand = summand
            self.summandStride = summandStride
            self.residual = residual
            self.residualType = residualType
            self.function = function
        }

        /// All but the function, on the values of one row from channel `first` on.
        @inline(__always)
        func apply(
            to line: UnsafeMutablePointer<Float>, row: Int, image: Int, first: Int, count: Int, channels: Int
        ) {
            if let scale = scale.map({ $0 + image * scaleStride + first }) {
                for index in 0..<count { line[index] *= scale[index] }
            }
            if let summand = summand.map({ $0 + image * summandStride + first }) {
                NetEpilogue.add(NetF32.self, summand, 0, line, count)
            }
            if let residual {
                switch residualType {
                case .f32: NetEpilogue.add(NetF32.self, residual, row * channels + first, line, count)
                case .bf16: NetEpilogue.add(NetBF16.self, residual, row * channels + first, line, count)
                }
            }
        }
    }

    /// line += the values from `first` on.
    @inline(__always)
    static func add<R: NetElement>(
        _: R.Type, _ values: UnsafeRawPointer, _ first: Int, _ line: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        var index = 0
        while index + 16 <= count {
            NetF32.store(line, index, NetF32.load(line, index) + R.load(values, first + index))
            index += 16
        }
        while index < count {
            line[index] += R.loadOne(values, first + index)
            index += 1
        }
    }

    /// target = function(source · scale + summand + residual), over `[rows, channels]`.
    public static func apply(
        _ source: UnsafeRawPointer, _ sourceType: NetType, _ target: UnsafeMutableRawPointer, _ targetType: NetType,
        _ steps: Steps, rows: Int, rowsPerImage: Int, channels: Int
    ) {
        Parallel.forRanges(rows, grain: max(1, 16384 / max(1, channels))) { range in
            sourceType.dispatch(
                to: targetType,
                Apply(
                    source: source, target: target, steps: steps, range: range, rowsPerImage: rowsPerImage,
                    channels: channels))
        }
    }

    private struct Apply: NetPairKernel {
        let source: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let steps: Steps
        let range: Range<Int>
        let rowsPerImage, channels: Int

        func run<S: NetElement, T: NetElement>(_: S.Type, _: T.Type) {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: channels) { buffer in
                guard let line = buffer.baseAddress else { return }
                for row in range {
                    let image = row / rowsPerImage
                    for index in 0..<channels { line[index] = S.loadOne(source, row * channels + index) }
                    steps.apply(
                        to: line, row: row, image: image, first: 0, count: channels, channels: channels)
                    if let function = steps.function { NetElementwise.applyLine(function, line, line, count: channels) }
                    for index in 0..<channels { T.storeOne(target, row * channels + index, line[index]) }
                }
            }
        }
    }

    /// target = source · (1 + scale) + shift, over `[rows, channels]`; rows of factors and summands as in `Steps`.
    public static func modulate(
        _ source: UnsafeRawPointer, _ sourceType: NetType, _ target: UnsafeMutableRawPointer, _ targetType: NetType,
        scale: UnsafePointer<Float>, scaleStride: Int, shift: UnsafePointer<Float>, shiftStride: Int, rows: Int,
        rowsPerImage: Int, channels: Int
    ) {
        Parallel.forRanges(rows, grain: max(1, 16384 / max(1, channels))) { range in
            sourceType.dispatch(
                to: targetType,
                Modulate(
                    source: source, target: target, scale: scale, scaleStride: scaleStride, shift: shift,
                    shiftStride: shiftStride, range: range, rowsPerImage: rowsPerImage, channels: channels))
        }
    }

    private struct Modulate: NetPairKernel {
        let source: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let scale: UnsafePointer<Float>
        let scaleStride: Int
        let shift: UnsafePointer<Float>
        let shiftStride: Int
        let range: Range<Int>
        let rowsPerImage, channels: Int

        func run<S: NetElement, T: NetElement>(_: S.Type, _: T.Type) {
            for row in range {
                let image = row / rowsPerImage
                let (factors, summands) = (scale + image * scaleStride, shift + image * shiftStride)
                for index in 0..<channels {
                    let value = S.loadOne(source, row * channels + index)
                    T.storeOne(target, row * channels + index, value * (1 + factors[index]) + summands[index])
                }
            }
        }
    }
}

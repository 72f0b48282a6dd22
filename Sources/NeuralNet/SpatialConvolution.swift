import COneDNN
import Foundation
import NetKernels
import Tensors

/// A 3 × 3 convolution of channels-last images with stride 1 and a border of zeros, as generators use it: what comes before
/// it (group normalisation, SiLU, enlarging to the nearest neighbour) and after it (a summand for each channel, a residual)
/// is done on the way, rows by rows, so that neither is ever a whole image of its own.
///
/// Input and output are f32 in both dtypes. Where there are many pixels for each weight, and the channels come in sixteens,
/// it runs Winograd's algorithm in f32 (Lavin and Gray, 2016, arXiv 1509.09308): a third of the multiplications, at the
/// price of weights four times as large; elsewhere it convolves directly, in the context's dtype.
public final class SpatialConvolution: RenewableWeights {
    let weight: Parameter
    let bias: Parameter
    private let fastWeights = PackedWeights()
    private let plainWeights = PackedWeights()
    private let primitives = OnceCache<SpatialShape, SpatialShape.Ready>()
    private let biases = OnceCache<Int, [Float]>()

    /// Rows of a stripe are chosen so that the buffer of its input is about this large, and for large weights larger, as
    /// each stripe reads them all.
    private var stripeBytes: Int { max(6 << 20, 18 * weight.shape[0] * weight.shape[1]) }

    /// Parameters `weight` `[outputs, inputs, 3, 3]` and `bias` `[outputs]`.
    public init(_ scope: ParameterScope, inputs: Int, outputs: Int) {
        weight = scope.parameter("weight", [outputs, inputs, 3, 3])
        bias = scope.parameter("bias", [outputs])
        scope.register(self)
    }

    /// Winograd's weights are the large ones.
    func releaseWeights() {
        primitives.remove { $0.isFast }
        fastWeights.removeAll()
    }

    /// What is done on the way.
    public struct Around {
        /// Comes before the convolution, with its activation.
        public var norm: GroupNorm?
        /// Enlarges the image to these many rows and columns, each pixel to its nearest neighbours, after `norm`.
        public var size: (height: Int, width: Int)?
        /// Is added to each pixel of the result, f32, one a channel.
        public var summand: Tensor?
        /// Is added to the result, f32 in its shape.
        public var residual: Tensor?
        /// Whether the result may take the residual's memory.
        public var consumesResidual: Bool

        /// Nothing, or what is given.
        public init(
            norm: GroupNorm? = nil, size: (height: Int, width: Int)? = nil, summand: Tensor? = nil,
            residual: Tensor? = nil, consumesResidual: Bool = false
        ) {
            self.norm = norm
            self.size = size
            self.summand = summand
            self.residual = residual
            self.consumesResidual = consumesResidual
        }
    }

    /// The images f32 `[N, H, W, outputs]` for f32 `[N, H, W, inputs]`, with nothing on the way.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor { try forward(x, Around(), context) }

    /// The images f32 `[N, H', W', outputs]` for f32 `[N, H, W, inputs]`; H' and W' are H and W, or `around.size`.
    /// - Throws: `TensorError.shape` for other shapes.
    public func forward(_ x: Tensor, _ around: Around, _ context: Context) throws -> Tensor {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        guard x.rank == 4, x.shape[3] == inputs, x.isContiguous, x.count > 0, x.dtype == .f32 else {
            throw TensorError.shape(
                operation: weight.name,
                message: "wanted f32 [N, H, W, \(inputs)], got \(x.dtype) \(Tensor.text(x.shape))")
        }
        let (height, width) = around.size ?? (x.shape[1], x.shape[2])
        let shape = [x.shape[0], height, width, outputs]
        for (name, other, wanted) in [("residual", around.residual, shape), ("summand", around.summand, [outputs])] {
            guard let other else { continue }
            guard other.dtype == .f32, other.isContiguous, other.shape == wanted else {
                throw TensorError.shape(
                    operation: weight.name,
                    message: "wanted a \(name) f32 \(Tensor.text(wanted)), got \(other.dtype) "
                        + Tensor.text(other.shape))
            }
        }
        var result = around.consumesResidual ? around.residual : nil
        let target = try result ?? context.tensor(shape, .f32)
        result = target
        for image in 0..<x.shape[0] {
            try convolve(
                x.pointer + image * x.shape[1] * x.shape[2] * inputs * 4, (x.shape[1], x.shape[2]),
                around.residual.map { $0.pointer + image * height * width * outputs * 4 },
                target.pointer + image * height * width * outputs * 4, (height, width), around, context)
        }
        return target
    }

    private func convolve(
        _ source: UnsafeMutableRawPointer, _ sourceSize: (height: Int, width: Int),
        _ residual: UnsafeMutableRawPointer?, _ target: UnsafeMutableRawPointer, _ size: (height: Int, width: Int),
        _ around: Around, _ context: Context
    ) throws {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        let isFast = SpatialShape.isFast(
            pixels: size.height * size.width, inputs: inputs, outputs: outputs)
        let coefficients = try around.norm?.coefficients(source, .f32, pixels: sourceSize.height * sourceSize.width)
        let stripe = stripeRows(size, isFast: isFast, context.threads)
        let starts = Array(stride(from: 0, to: size.height, by: stripe))
        let columns = Self.neighbours(sourceSize.width, size.width)
        let lines = Self.neighbours(sourceSize.height, size.height)
        let bias = try summedBias(around.summand)
        let silu = around.norm?.activation == .silu
        let run: (Int, Context) throws -> Void = { [self] index, context in
            let first = starts[index]
            let count = min(stripe, size.height - first)
            // Winograd's weights depend on the shape: its last stripe is as high as the others, and overlaps the one before.
            let begin = isFast ? min(first, size.height - min(stripe, size.height)) : first
            let rows = isFast ? min(stripe, size.height) : count
            let shape = SpatialShape(
                rows: rows, width: size.width, isFast: isFast, accumulates: residual != nil && !isFast,
                threads: context.threads, dtype: isFast ? .f32 : context.dtype)
            let ready = try primitive(shape, context)
            let input = try context.tensor([rows + 2, size.width, inputs], shape.dtype)
            let reads = NetRows(
                channels: inputs, sourceWidth: sourceSize.width, silu: silu,
                rows: (begin - 1...begin + rows).map { (0..<size.height).contains($0) ? lines[$0] : -1 },
                columns: columns)
            let layout = isFast ? NetRows.Layout.blocked : .channelsLast(try shape.dtype.netType(weight.name))
            reads.fill(
                source, .f32, factors: coefficients?.factors, summands: coefficients?.summands, input.pointer, layout)
            let offset = first * size.width * outputs * 4
            let output: Tensor? = isFast ? try context.tensor([rows, size.width, outputs], .f32) : nil
            if !isFast, let residual, residual != target {
                (target + offset).copyMemory(from: residual + offset, byteCount: count * size.width * outputs * 4)
            }
            try bias.withUnsafeBytes { bias in
                guard let bias = bias.baseAddress else { return }
                try context.execute(
                    ready.primitive,
                    [
                        (DNNL_ARG_SRC, input.pointer), (DNNL_ARG_WEIGHTS, ready.weights),
                        (DNNL_ARG_BIAS, UnsafeMutableRawPointer(mutating: bias)),
                        (DNNL_ARG_DST, output?.pointer ?? target + offset),
                    ])
            }
            if let output {
                NetRows.unblock(
                    output.pointer.assumingMemoryBound(to: Float.self), sourceRows: rows,
                    range: first - begin..<first - begin + count, width: size.width, channels: outputs,
                    residual: residual.map { ($0 + offset).assumingMemoryBound(to: Float.self) },
                    (target + offset).assumingMemoryBound(to: Float.self))
            }
        }
        if starts.count == 1 { try run(0, context) } else { try context.parallel(starts.count, run) }
    }

    /// Rows of a stripe: all of a small image, else few enough for the buffers to stay small and for every thread to have some.
    private func stripeRows(_ size: (height: Int, width: Int), isFast: Bool, _ threads: Int) -> Int {
        let rowBytes = size.width * max(weight.shape[0], weight.shape[1]) * 4
        let most = max(12, stripeBytes / rowBytes)
        var count = (size.height + most - 1) / most
        if isFast || size.height * size.width >= 1 << 16 { count = max(count, min(threads, size.height / 16)) }
        // Winograd's tiles are four rows high.
        return ((size.height + max(1, count) - 1) / max(1, count) + 3) / 4 * 4
    }

    private func summedBias(_ summand: Tensor?) throws -> [Float] {
        let own = try biases.value(0) { try bias.floats() }
        guard let summand else { return own }
        return try summand.withElements(Float.self) { more in own.indices.map { own[$0] + more[$0] } }
    }

    /// The nearest source of each place, as PyTorch's `interpolate(mode="nearest")` chooses it.
    private static func neighbours(_ source: Int, _ target: Int) -> [Int] {
        if source == target { return Array(0..<source) }
        let scale = Float(source) / Float(target)
        return (0..<target).map { min(Int((Float($0) * scale).rounded(.down)), source - 1) }
    }

    private func primitive(_ shape: SpatialShape, _ context: Context) throws -> SpatialShape.Ready {
        try primitives.value(shape) {
            let primitive = try shape.primitive(weight.name, inputs: weight.shape[1], outputs: weight.shape[0])
            let packed = shape.isFast ? fastWeights : plainWeights
            let address = try packed.address(primitive.description(DNNL_ARG_WEIGHTS), context, canReorder: false) {
                // Other sizes of images may want other layouts: the values stay, in the file's mapped pages.
                defer { weight.dropPages() }
                return (try weight.floats(), Tensor.contiguousStrides(weight.shape))
            }
            return SpatialShape.Ready(primitive: primitive, weights: address)
        }
    }
}

/// What a stripe's convolution depends on, beside its weights.
struct SpatialShape: Hashable {
    struct Ready {
        let primitive: Primitive
        let weights: UnsafeMutableRawPointer
    }

    var rows, width: Int
    var isFast, accumulates: Bool
    var threads: Int
    var dtype: DType

    /// The fewest pixels for Winograd's algorithm: below, its weights would cost more memory than it saves time.
    private static let fewestPixels = 900

    static func isFast(pixels: Int, inputs: Int, outputs: Int) -> Bool {
        pixels >= fewestPixels && inputs % 16 == 0 && outputs % 16 == 0 && isAvailable
    }

    /// Whether this processor has it.
    private static let isAvailable: Bool = {
        let shape = SpatialShape(rows: 16, width: 16, isFast: true, accumulates: false, threads: 1, dtype: .f32)
        return (try? shape.primitive("probe", inputs: 16, outputs: 16)) != nil
    }()

    /// The operation over `rows` rows with a row of border above and below them, in f32 out.
    func primitive(_ name: String, inputs: Int, outputs: Int) throws -> Primitive {
        let layout = isFast ? dnnl_nChw16c : dnnl_nhwc
        var source = try OneDNN.description([1, inputs, rows + 2, width], dtype, layout, name)
        var weights = try OneDNN.description([outputs, inputs, 3, 3], dtype, dnnl_format_tag_any, name)
        var biases = try OneDNN.description([outputs], .f32, dnnl_a, name)
        var target = try OneDNN.description([1, outputs, rows, width], .f32, layout, name)
        var description = dnnl_convolution_desc_t()
        try OneDNN.check(
            dnnl_convolution_forward_desc_init(
                &description, dnnl_forward_inference, isFast ? dnnl_convolution_winograd : dnnl_convolution_direct,
                &source, &weights, &biases, &target, [1, 1], [0, 1], [0, 1]), name)
        return try Primitive(
            name, &description, attributes: try Attributes(accumulate: accumulates),
            arguments: [
                (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                (DNNL_ARG_DST, dnnl_query_dst_md),
            ], bias: biases)
    }
}

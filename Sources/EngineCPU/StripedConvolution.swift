import COneDNN
import Engine
import NetKernels
import Tensors

/// A 3 × 3 convolution of channels-last images with stride 1 and a border of zeros, as generators use it: what comes before
/// it (group normalisation, SiLU, enlarging to the nearest neighbour) and after it (a summand for each channel, a residual)
/// is done on the way, rows by rows, so that neither is ever a whole image of its own.
///
/// Input and output are f32 in both dtypes. Where there are many pixels for each weight, and the channels come in sixteens,
/// it runs Winograd's algorithm in f32 (Lavin and Gray, 2016, arXiv 1509.09308): a third of the multiplications, at the
/// price of weights four times as large; elsewhere it convolves directly, in the executor's dtype.
struct StripedConvolution {
    private let layer: Convolution2D

    init(_ layer: Convolution2D) { self.layer = layer }

    /// Whether a convolution has the form that runs in stripes.
    static func suits(
        _ layer: Convolution2D, _ x: Tensor, _ prologue: Prologue, _ epilogue: Epilogue<Tensor>
    ) -> Bool {
        guard layer.kernel == (3, 3), layer.groups == 1, layer.stride == (1, 1), layer.padding == (1, 1),
            layer.paddingAfter == (1, 1),
            layer.batchNorm == nil, x.dtype == .f32, x.count > 0, epilogue.result == .f32, epilogue.scale == nil,
            epilogue.activation == .none,
            prologue.activation == .none || prologue.activation == .silu
        else { return false }
        return epilogue.residual.map { $0.value.dtype == .f32 } ?? true
    }

    /// Rows of a stripe are chosen so that the buffer of its input is about this large, and for large weights larger, as
    /// each stripe reads them all.
    private var stripeBytes: Int { max(6 << 20, 18 * layer.outputs * layer.inputs) }

    /// What lies around the convolution of one image.
    private struct Around {
        var coefficients: (factors: [Float], summands: [Float])?
        var activation: Activation
        var bias: [Float]
    }

    /// The images f32 `[N, H', W', outputs]` for f32 `[N, H, W, inputs]`; all shapes have been compared.
    func run(
        _ images: Tensor, _ prologue: Prologue, _ epilogue: Epilogue<Tensor>, _ execution: CPUExecution
    ) throws -> Tensor {
        let (outputs, inputs) = (layer.outputs, layer.inputs)
        let x = try images.contiguous()
        let (height, width) = (prologue.height ?? x.shape[1], prologue.width ?? x.shape[2])
        let residual = try epilogue.residual?.value.contiguous()
        var target: Tensor?
        if case .given(let value)? = epilogue.residual, value.isContiguous { target = value }
        let result = try target ?? execution.allocate([x.shape[0], height, width, outputs], .f32)
        let own = try layer.bias.map { try execution.prepared.values($0).array(Float.self) }
        let summands = try epilogue.summand.map { try execution.convert($0, .f32).array(Float.self) }
        for image in 0..<x.shape[0] {
            let source = x.pointer + image * x.shape[1] * x.shape[2] * inputs * 4
            var around = Around(
                activation: prologue.activation, bias: own ?? [Float](repeating: 0, count: outputs))
            around.coefficients = try prologue.norm.map {
                try execution.groupCoefficients($0, source, .f32, pixels: x.shape[1] * x.shape[2])
            }
            if let summands {
                let first = summands.count > outputs ? image * outputs : 0
                for index in 0..<outputs { around.bias[index] += summands[first + index] }
            }
            let bytes = image * height * width * outputs * 4
            try convolve(
                source, (x.shape[1], x.shape[2]), residual.map { $0.pointer + bytes }, result.pointer + bytes,
                (height, width), around, execution)
        }
        withExtendedLifetime((x, residual)) {}
        return result
    }

    private func convolve(
        _ source: UnsafeMutableRawPointer, _ sourceSize: (height: Int, width: Int),
        _ residual: UnsafeMutableRawPointer?, _ target: UnsafeMutableRawPointer, _ size: (height: Int, width: Int),
        _ around: Around, _ execution: CPUExecution
    ) throws {
        let (outputs, inputs) = (layer.outputs, layer.inputs)
        let isFast = StripeShape.isFast(
            pixels: size.height * size.width, inputs: inputs, outputs: outputs)
        let coefficients = around.coefficients
        let stripe = stripeRows(size, isFast: isFast, execution.threads)
        let starts = Array(stride(from: 0, to: size.height, by: stripe))
        let columns = NearestNeighbours.sources(sourceSize.width, size.width)
        let lines = NearestNeighbours.sources(sourceSize.height, size.height)
        let silu = around.activation == .silu
        let run: (Int, CPUExecution) throws -> Void = { [self] index, execution in
            let first = starts[index]
            let count = min(stripe, size.height - first)
            // Winograd's weights depend on the shape: its last stripe is as high as the others, and overlaps the one before.
            let begin = isFast ? min(first, size.height - min(stripe, size.height)) : first
            let rows = isFast ? min(stripe, size.height) : count
            let shape = StripeShape(
                rows: rows, width: size.width, inputs: inputs, outputs: outputs, isFast: isFast,
                accumulates: residual != nil && !isFast, threads: execution.threads,
                dtype: isFast ? .f32 : execution.dtype)
            let (primitive, weights) = try ready(shape, execution)
            let input = try execution.allocate([rows + 2, size.width, inputs], shape.dtype)
            let reads = NetRows(
                channels: inputs, sourceWidth: sourceSize.width, silu: silu,
                rows: (begin - 1...begin + rows).map { (0..<size.height).contains($0) ? lines[$0] : -1 },
                columns: columns)
            let layout = isFast ? NetRows.Layout.blocked : .channelsLast(try shape.dtype.netType(layer.weight.name))
            reads.fill(
                source, .f32, factors: coefficients?.factors, summands: coefficients?.summands, input.pointer, layout)
            let offset = first * size.width * outputs * 4
            let output: Tensor? = isFast ? try execution.allocate([rows, size.width, outputs], .f32) : nil
            if !isFast, let residual, residual != target {
                (target + offset).copyMemory(from: residual + offset, byteCount: count * size.width * outputs * 4)
            }
            try around.bias.withUnsafeBytes { bias in
                guard let bias = bias.baseAddress else { return }
                try execution.execute(
                    primitive,
                    [
                        (DNNL_ARG_SRC, input.pointer), (DNNL_ARG_WEIGHTS, weights.storage.bytes),
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
        if starts.count == 1 { try run(0, execution) } else { try execution.parallel(starts.count, run) }
    }

    /// Rows of a stripe: all of a small image, else few enough for the buffers to stay small and for every thread to have some.
    private func stripeRows(_ size: (height: Int, width: Int), isFast: Bool, _ threads: Int) -> Int {
        let rowBytes = size.width * max(layer.outputs, layer.inputs) * 4
        let most = max(12, stripeBytes / rowBytes)
        var count = (size.height + most - 1) / most
        if isFast || size.height * size.width >= 1 << 16 { count = max(count, min(threads, size.height / 16)) }
        // Winograd's tiles are four rows high.
        return ((size.height + max(1, count) - 1) / max(1, count) + 3) / 4 * 4
    }

    private func ready(
        _ shape: StripeShape, _ execution: CPUExecution
    ) throws -> (primitive: Primitive, weights: PackedWeights) {
        let prepared = execution.prepared
        let primitive = try prepared.primitives.value(.stripe(shape)) { try shape.primitive() }
        let wanted = try primitive.description(DNNL_ARG_WEIGHTS)
        let form = shape.isFast ? Prepared.Form.winograd : .plain
        let weights = try prepared.weights(layer, form, in: wanted, of: execution.blocks.last) { _ in
            // Other sizes of images want the other form: the parameter keeps its value.
            defer { layer.weight.dropPages() }
            // Winograd's weights are made of f32 alone.
            if shape.isFast { return try .packed(wanted, from: layer.weight.floats(), bias: [], execution) }
            return try .packed(wanted, from: layer.weight.source(), bias: [], execution)
        }
        return (primitive, weights)
    }
}

/// What a stripe's operation depends on, beside its weights.
package struct StripeShape: Hashable {
    var rows, width, inputs, outputs: Int
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
        let shape = StripeShape(
            rows: 16, width: 16, inputs: 16, outputs: 16, isFast: true, accumulates: false, threads: 1, dtype: .f32)
        return (try? shape.primitive()) != nil
    }()

    /// The operation over `rows` rows with a row of border above and below them, in f32 out.
    func primitive() throws -> Primitive {
        let name = "convolution \(inputs) to \(outputs) in stripes"
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

import COneDNN
import Engine
import NetKernels
import Tensors

/// A convolution by our own kernel: a 1 × 1 one, or one of few channels such as the first of a network, whose kernel's rows are runs of
/// numbers once the image has its border. Their results are the bits of oneDNN's where that sums in one go.
///
/// oneDNN takes the same time for large sums. It loses where there are few inputs for each result (it waits for the memory that
/// results go to), and with three channels of bf16 (it fills each pixel up to four).
struct PanelConvolution {
    /// The most channels of images that are copied with their border.
    private static let fewChannels = 4

    private let layer: Convolution2D
    private let dtype: DType
    private let type: NetType

    /// Nil where the kernel does not serve.
    init?(_ layer: Convolution2D, activation: Activation, _ execution: CPUExecution) throws {
        let type = try execution.dtype.netType(layer.weight.name)
        guard execution.prepared.usesOwnProducts, NetProducts.areFast(type), layer.groups == 1,
            layer.outputs.isMultiple(of: NetProducts.block), activation == .none || activation == .relu
        else { return nil }
        (self.layer, self.type, dtype) = (layer, type, execution.dtype)
        if isPointwise ? type == .bf16 && !layer.inputs.isMultiple(of: 2) : layer.inputs > Self.fewChannels {
            return nil
        }
    }

    private var isPointwise: Bool {
        layer.kernel == (1, 1) && layer.padding == (0, 0) && layer.paddingAfter == (0, 0)
    }

    /// Weights `[outputs, numbers of a run, taps, 1]`, 64 outputs together.
    private func layout() throws -> dnnl_memory_desc_t {
        let sizes =
            isPointwise
            ? [layer.outputs, layer.inputs, 1, 1]
            : [layer.outputs, layer.kernel.1 * layer.inputs, layer.kernel.0, 1]
        return try OneDNN.description(sizes, dtype, dtype == .bf16 ? dnnl_AcdB64a2b : dnnl_Acdb64a, layer.weight.name)
    }

    /// The operation on images as they are, all but its target; what it points to lives as long as what comes with it.
    private func operands(
        _ images: Tensor, _ size: (height: Int, width: Int), _ scale: LayerScale?, _ execution: CPUExecution
    ) throws -> (operands: NetConvolution.Operands, keeping: [AnyObject]) {
        let weights = try execution.prepared.weights(
            layer, .panels, scale: scale, in: layout(), of: execution.blocks.last
        ) { _ in
            try .convolution(layer, scale, layout(), runs: !isPointwise, execution)
        }
        let (height, width, inputs) = (images.shape[1], images.shape[2], layer.inputs)
        var source = try isPointwise ? execution.convert(images, dtype).contiguous() : images
        var (rows, columns) = (height, width)
        if !isPointwise {
            (rows, columns) = (
                height + layer.padding.0 + layer.paddingAfter.0, width + layer.padding.1 + layer.paddingAfter.1
            )
            // Runs begin at whole steps.
            if type == .bf16 && !(columns * inputs).isMultiple(of: 2) { columns += 1 }
            source = try bordered(images, rows: rows, columns: columns, execution)
        }
        let pixel = inputs * type.size
        let operands = NetConvolution.Operands(
            weights: weights.storage.bytes, bias: Elementwise.floats(weights.bias), outputs: layer.outputs, type: type,
            source: source.pointer, pixelBytes: layer.stride.1 * pixel, lineBytes: layer.stride.0 * columns * pixel,
            imageBytes: rows * columns * pixel, taps: layer.kernel.0, tapBytes: columns * pixel,
            run: layer.kernel.1 * inputs, images: images.shape[0], height: size.height, width: size.width,
            target: source.pointer, targetType: type, residual: nil, relu: false)
        return (operands, [weights, source.storage])
    }

    /// The images with zeros around them.
    private func bordered(
        _ images: Tensor, rows: Int, columns: Int, _ execution: CPUExecution
    ) throws -> Tensor {
        let source = try images.contiguous()
        let (height, line) = (images.shape[1], images.shape[2] * layer.inputs)
        // The last run may reach one number too far.
        let result = try execution.allocate([images.shape[0] * rows * columns * layer.inputs + 1], dtype)
        result.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: result.count * dtype.size)
        let from = try source.dtype.netType(layer.weight.name)
        for image in 0..<images.shape[0] {
            for row in 0..<height {
                let place = ((image * rows + row + layer.padding.0) * columns + layer.padding.1) * layer.inputs
                NetConversion.convert(
                    source.pointer + (image * height + row) * line * source.dtype.size, from,
                    result.pointer + place * dtype.size, type, count: line)
            }
        }
        withExtendedLifetime(source) {}
        return result
    }

    /// The convolution and what follows it.
    func run(
        _ images: Tensor, _ size: (height: Int, width: Int), _ plan: ProductPlan, _ execution: CPUExecution
    ) throws -> Tensor {
        var (operands, keeping) = try operands(images, size, plan.foldedScale, execution)
        let (target, residual) = try plan.place(execution)
        operands.target = target.pointer
        operands.targetType = try plan.dtype.netType(layer.weight.name)
        operands.residual = residual.map { UnsafeRawPointer($0.pointer) }
        operands.relu = plan.activation == .relu
        NetConvolution.run(operands, threads: execution.threads)
        withExtendedLifetime((keeping, residual)) {}
        return try plan.finish(target, execution)
    }

    /// Bytes of results that wait for their windows in a core's second cache.
    private static let bandBytes = 256 << 10

    /// The convolution of each image and the pooling of its results, some rows of windows at a time: what lies between the two never leaves
    /// the cache.
    func run(
        _ images: Tensor, _ size: (height: Int, width: Int), _ activation: Activation, _ pooling: Pooling,
        _ execution: CPUExecution
    ) throws -> Tensor {
        let (all, keeping) = try operands(images, size, nil, execution)
        let shape = try pooling.outputShape([images.shape[0], size.height, size.width, layer.outputs])
        let target = try execution.allocate(shape, dtype)
        let lineBytes = size.width * layer.outputs * dtype.size
        let windows = max(1, (Self.bandBytes / max(1, lineBytes) - pooling.kernel) / pooling.stride + 1)
        let band = try execution.allocate(
            [(windows - 1) * pooling.stride + pooling.kernel, size.width, layer.outputs], dtype)
        for image in 0..<shape[0] {
            // The rows of results that `band` holds.
            var held = 0..<0
            for first in stride(from: 0, to: shape[1], by: windows) {
                let end = min(shape[1], first + windows)
                let top = first * pooling.stride - pooling.padding
                let wanted =
                    max(0, top)..<min(size.height, (end - 1) * pooling.stride - pooling.padding + pooling.kernel)
                let kept = max(0, held.upperBound - wanted.lowerBound)
                if kept > 0 {
                    band.pointer.copyMemory(
                        from: band.pointer + (wanted.lowerBound - held.lowerBound) * lineBytes,
                        byteCount: kept * lineBytes)
                }
                var operands = all
                operands.source += image * all.imageBytes + (wanted.lowerBound + kept) * all.lineBytes
                (operands.images, operands.height) = (1, wanted.count - kept)
                operands.target = band.pointer + kept * lineBytes
                operands.relu = activation == .relu
                NetConvolution.run(operands, threads: 1)
                var window = pooling.window
                window.padY = wanted.lowerBound - top
                NetPooling.pool(
                    maximum: pooling.kind == .max, band.pointer,
                    target.pointer + (image * shape[1] + first) * shape[2] * shape[3] * dtype.size, type, window,
                    NetPooling.Shape(
                        images: 1, height: wanted.count, width: size.width, channels: layer.outputs,
                        targetHeight: end - first, targetWidth: shape[2], targetStride: shape[3]))
                held = wanted
            }
        }
        withExtendedLifetime((keeping, band)) {}
        return target
    }
}

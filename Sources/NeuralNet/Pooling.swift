import NetKernels
import Tensors

/// Pooling of channels-last images; layers without parameters.
public struct Pooling {
    /// What a window's values become.
    public enum Kind: Sendable { case max, average }

    let kind: Kind
    let window: NetPooling.Window

    /// A square window.
    /// - Parameters:
    ///   - countIncludePad: averages divide by the whole window at the border too, PyTorch's default.
    ///   - relu: results below zero become zero.
    public init(
        _ kind: Kind, kernel: Int, stride: Int, padding: Int = 0, countIncludePad: Bool = true, relu: Bool = false
    ) throws {
        guard kernel > 0, stride > 0, padding >= 0, padding * 2 <= kernel else {
            throw TensorError.value(
                operation: "pooling", message: "kernel \(kernel), stride \(stride), padding \(padding)")
        }
        self.kind = kind
        window = NetPooling.Window(
            height: kernel, width: kernel, strideY: stride, strideX: stride, padY: padding, padX: padding,
            countsPadding: countIncludePad, relu: relu)
    }

    /// `[N, H', W', C]` for `[N, H, W, C]`, in the input's dtype.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        let (height, width) = try outputSize(x)
        let target = try context.tensor([x.shape[0], height, width, x.shape[3]], x.dtype)
        try run(x, target.pointer, x.shape[3], height, width)
        return target
    }

    /// As `forward`, into channels `channel ..< channel + C` of `target` `[N, H', W', C']`, without a copy.
    public func forward(_ x: Tensor, into target: Tensor, channel: Int) throws {
        let (height, width) = try outputSize(x)
        guard target.rank == 4, target.shape[0] == x.shape[0], target.shape[1] == height, target.shape[2] == width,
            channel >= 0, channel + x.shape[3] <= target.shape[3], target.dtype == x.dtype, target.isContiguous
        else {
            throw TensorError.shape(
                operation: "pooling", message: "\(Tensor.text(x.shape)) does not fit into \(Tensor.text(target.shape))")
        }
        try run(x, target.pointer + channel * x.dtype.size, target.shape[3], height, width)
    }

    private func outputSize(_ x: Tensor) throws -> (Int, Int) {
        guard x.rank == 4, x.isContiguous, x.shape[1] + 2 * window.padY >= window.height,
            x.shape[2] + 2 * window.padX >= window.width
        else {
            throw TensorError.shape(
                operation: "pooling",
                message: "wanted [N, H, W, C] of at least \(window.height) × \(window.width), got "
                    + Tensor.text(x.shape))
        }
        return (
            (x.shape[1] + 2 * window.padY - window.height) / window.strideY + 1,
            (x.shape[2] + 2 * window.padX - window.width) / window.strideX + 1
        )
    }

    private func run(
        _ x: Tensor, _ target: UnsafeMutableRawPointer, _ stride: Int, _ height: Int, _ width: Int
    ) throws {
        NetPooling.pool(
            maximum: kind == .max, x.pointer, target, try x.dtype.netType("pooling"), window,
            NetPooling.Shape(
                images: x.shape[0], height: x.shape[1], width: x.shape[2], channels: x.shape[3],
                targetHeight: height, targetWidth: width, targetStride: stride))
    }

    /// The mean over all pixels of `[N, H, W, C]`, as f32, into columns `channel ..< channel + C` of `target` `[N, C']`.
    public static func globalAverage(_ x: Tensor, into target: Tensor, channel: Int = 0) throws {
        guard x.rank == 4, x.isContiguous, x.shape[1] * x.shape[2] > 0, target.rank == 2, target.isContiguous,
            target.shape[0] == x.shape[0], channel >= 0, channel + x.shape[3] <= target.shape[1]
        else {
            throw TensorError.shape(
                operation: "global average",
                message: "\(Tensor.text(x.shape)) does not fit into \(Tensor.text(target.shape))")
        }
        let type = try x.dtype.netType("global average")
        try target.withElements(Float.self) { elements in
            guard let base = elements.baseAddress else { return }
            NetPooling.globalAverage(
                x.pointer, type, base + channel, images: x.shape[0], pixels: x.shape[1] * x.shape[2],
                channels: x.shape[3], targetStride: target.shape[1])
        }
    }
}

extension Context {
    /// The tensors, of equal shapes but for their last dimension, side by side.
    public func concatenateChannels(_ parts: [Tensor]) throws -> Tensor {
        guard let first = parts.first else {
            throw TensorError.shape(operation: "concatenate", message: "no tensors")
        }
        let total = parts.reduce(0) { $0 + ($1.shape.last ?? 0) }
        let target = try tensor(Array(first.shape.dropLast()) + [total], first.dtype)
        var channel = 0
        for part in parts {
            try copy(part, into: target, channel: channel)
            channel += part.shape.last ?? 0
        }
        return target
    }

    /// Copies `part` into channels `channel ..< channel + C` of `target`.
    public func copy(_ part: Tensor, into target: Tensor, channel: Int) throws {
        guard let channels = part.shape.last, let all = target.shape.last, channel >= 0, channel + channels <= all,
            part.shape.dropLast() == target.shape.dropLast(), part.dtype == target.dtype, part.isContiguous,
            target.isContiguous
        else {
            throw TensorError.shape(
                operation: "concatenate",
                message: "\(Tensor.text(part.shape)) does not fit into \(Tensor.text(target.shape))")
        }
        if part.count == 0 { return }
        let size = part.dtype.size
        NetConversion.copyRows(
            part.pointer, stride: channels * size, target.pointer + channel * size, stride: all * size,
            rows: part.count / channels, rowBytes: channels * size)
    }
}

extension Context {
    /// The values of an f32 or bf16 tensor in another of the two; the tensor itself where that is its dtype.
    public func converted(_ x: Tensor, _ dtype: DType) throws -> Tensor {
        if x.dtype == dtype { return x }
        let source = try x.contiguous()
        let target = try tensor(x.shape, dtype)
        NetConversion.convert(
            source.pointer, try x.dtype.netType("conversion"), target.pointer, try dtype.netType("conversion"),
            count: x.count)
        return target
    }

    /// The bytes `[…]` of images as scale · x + shift in the context's dtype.
    public func pixels(_ bytes: Tensor, scale: Float, shift: Float) throws -> Tensor {
        let target = try tensor(bytes.shape, dtype)
        let type = try dtype.netType("pixels")
        try bytes.contiguous().withElements(UInt8.self) { values in
            guard let base = values.baseAddress else { return }
            NetConversion.pixels(base, target.pointer, type, count: values.count, scale: scale, shift: shift)
        }
        return target
    }
}

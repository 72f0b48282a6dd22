import Engine
import NetKernels
import Tensors

extension Pooling {
    /// The window as kernels know it.
    package var window: NetPooling.Window {
        NetPooling.Window(
            height: kernel, width: kernel, strideY: stride, strideX: stride, padY: padding, padX: padding,
            countsPadding: countsPadding, relu: relu)
    }
}

extension CPUExecution {
    /// Pooling, in the input's dtype.
    public func pool(_ layer: Pooling, _ x: Tensor) throws -> Tensor {
        let shape = try layer.outputShape(x.shape)
        let source = try x.contiguous()
        let target = try allocate(shape, x.dtype)
        NetPooling.pool(
            maximum: layer.kind == .max, source.pointer, target.pointer, try x.dtype.netType("pooling"), layer.window,
            NetPooling.Shape(
                images: x.shape[0], height: x.shape[1], width: x.shape[2], channels: x.shape[3],
                targetHeight: shape[1], targetWidth: shape[2], targetStride: shape[3]))
        withExtendedLifetime(source) {}
        return target
    }

    /// The mean over all pixels.
    public func globalAverage(_ x: Tensor) throws -> Tensor {
        guard x.rank == 4, x.shape[1] * x.shape[2] > 0 else {
            throw TensorError.shape(
                operation: "global average", message: "wanted [N, H, W, C], got \(Tensor.text(x.shape))")
        }
        let source = try x.contiguous()
        let target = try allocate([x.shape[0], x.shape[3]], .f32)
        NetPooling.globalAverage(
            source.pointer, try x.dtype.netType("global average"), Elementwise.floats(target), images: x.shape[0],
            pixels: x.shape[1] * x.shape[2], channels: x.shape[3], targetStride: x.shape[3])
        withExtendedLifetime(source) {}
        return target
    }

    /// Each pixel's nearest neighbour.
    public func upsample(_ x: Tensor, height: Int, width: Int) throws -> Tensor {
        guard x.rank == 4, x.count > 0, height > 0, width > 0 else {
            throw TensorError.shape(
                operation: "upsample", message: "wanted [N, H, W, C], got \(Tensor.text(x.shape))")
        }
        let source = try x.contiguous()
        let (images, channels) = (x.shape[0], x.shape[3])
        let target = try allocate([images, height, width, channels], x.dtype)
        let type = try x.dtype.netType("upsample")
        let rows = NetRows(
            channels: channels, sourceWidth: x.shape[2], silu: false,
            rows: NearestNeighbours.sources(x.shape[1], height),
            columns: NearestNeighbours.sources(x.shape[2], width))
        for image in 0..<images {
            rows.fill(
                source.pointer + image * x.count / images * x.dtype.size, type, factors: nil, summands: nil,
                target.pointer + image * target.count / images * x.dtype.size, .channelsLast(type))
        }
        withExtendedLifetime(source) {}
        return target
    }

    /// Patches as tokens.
    public func patchify(_ patches: Patches, _ x: Tensor) throws -> Tensor {
        let target = try allocate(try patches.tokenShape(x.shape), x.dtype)
        let source = try x.contiguous()
        try move(patches, image: source, tokens: target, toTokens: true)
        withExtendedLifetime(source) {}
        return target
    }

    /// Tokens as patches.
    public func unpatchify(_ patches: Patches, _ x: Tensor, height: Int, width: Int) throws -> Tensor {
        let shape = try patches.imageShape(x.shape, height: height, width: width)
        let target = try allocate(shape, x.dtype)
        let source = try x.contiguous()
        try move(patches, image: target, tokens: source, toTokens: false)
        withExtendedLifetime(source) {}
        return target
    }

    private func move(_ patches: Patches, image: Tensor, tokens: Tensor, toTokens: Bool) throws {
        let shape = NetCopies.Patches(
            images: image.shape[0], height: image.shape[1], width: image.shape[2], channels: image.shape[3],
            size: patches.size, channelsFirst: patches.order == .channelsFirst)
        if patches.run == 1 {
            NetCopies.patches(
                image: image.pointer, tokens: tokens.pointer, elementBytes: image.dtype.size, toTokens: toTokens, shape)
        } else {
            NetCopies.patchRuns(
                image: image.pointer, tokens: tokens.pointer, try image.dtype.netType("patches"), toTokens: toTokens,
                run: patches.run, shape)
        }
    }

    /// Bytes through a table.
    public func pixels(_ images: Tensor, _ table: PixelTable) throws -> Tensor {
        guard images.dtype == .u8, table.values.count == 256 || images.shape.last == 3 else {
            throw TensorError.shape(
                operation: "pixels", message: "wanted u8 [N, H, W, 3], got \(images.dtype) \(Tensor.text(images.shape))"
            )
        }
        let target = try allocate(images.shape, dtype)
        let type = try dtype.netType("pixels")
        try images.contiguous().withElements(UInt8.self) { bytes in
            guard let base = bytes.baseAddress else { return }
            NetPixels.lookUp(
                base, target.pointer, type, count: bytes.count, table: table.values,
                channels: table.values.count / 256)
        }
        return target
    }
}

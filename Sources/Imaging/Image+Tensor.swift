import Tensors

extension Image {
    /// The samples as a tensor of its own memory: u8 `[H, W, C]`, or i32 `[H, W, 1]` with 0 ... 65535 for mode "I;16".
    /// Mode "1" gives 0 and 255; mode "P" gives the indexes, as NumPy does.
    /// - Throws: `TensorError.outOfMemory`.
    public func tensor() throws -> Tensor {
        let result = try Tensor(uninitialized: [height, width, channels], mode == .gray16 ? .i32 : .u8)
        withPointer { source in
            if mode == .gray16 {
                let target = result.pointer.assumingMemoryBound(to: Int32.self)
                for index in 0..<width * height {
                    target[index] = Int32(source[2 * index]) | Int32(source[2 * index + 1]) << 8
                }
            } else {
                result.pointer.copyMemory(from: source, byteCount: byteCount)
            }
        }
        return result
    }

    /// An image from a u8 tensor `[H, W]` or `[H, W, C]` with 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA) channels.
    ///
    /// Fractions are refused rather than guessed at: 0 ... 1 and 0 ... 255 look alike in dark images.
    /// - Throws: `ImageError.argument` for another dtype or shape.
    public static func from(_ tensor: Tensor) throws -> Image {
        guard tensor.dtype == .u8 else {
            let advice = tensor.dtype.isFloating ? "; scale to 0 ... 255, round, and convert to u8" : "; convert to u8"
            throw ImageError.argument(
                operation: "image from tensor", message: "wanted dtype u8, got \(tensor.dtype.rawValue)\(advice)")
        }
        let modes: [Int: Mode] = [1: .gray, 2: .grayAlpha, 3: .rgb, 4: .rgba]
        let shape = tensor.shape
        guard shape.count == 2 || shape.count == 3, let mode = modes[shape.count == 3 ? shape[2] : 1] else {
            throw ImageError.argument(
                operation: "image from tensor",
                message: "wanted the shape [H, W] or [H, W, C] with 1 to 4 channels, got \(Tensor.text(shape))")
        }
        return try Image(width: shape[1], height: shape[0], mode: mode) { target in
            let values = try tensor.contiguous()
            target.update(from: values.pointer.assumingMemoryBound(to: UInt8.self), count: values.count)
        }
    }
}

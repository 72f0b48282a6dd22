import Tensors

/// The last step of a picture.
enum PictureBytes {
    /// Grey levels u8 of values from -1 to 1 as diffusers' image processor makes them: ties go to even.
    /// - Throws: `TensorError.value` where a value is not finite.
    static func of(_ picture: Tensor) throws -> Tensor {
        try levels(picture) { UInt8((min(max($0 / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven)) }
    }

    /// Grey levels u8 of values from -1 to 1 as matplotlib's `imsave` makes them of (x + 1) / 2: rounded down.
    /// - Throws: `TensorError.value` where a value is not finite.
    static func truncated(_ picture: Tensor) throws -> Tensor {
        try levels(picture) { UInt8((min(max($0, -1), 1) + 1) / 2 * 255) }
    }

    private static func levels(_ picture: Tensor, _ level: (Float) -> UInt8) throws -> Tensor {
        let result = try Tensor(uninitialized: picture.shape, .u8)
        var hasBadValue = false
        try picture.contiguous().withElements(Float.self) { values in
            try result.withElements(UInt8.self) { bytes in
                for index in bytes.indices {
                    let value = values[index]
                    guard value.isFinite else {
                        hasBadValue = true
                        bytes[index] = 0
                        continue
                    }
                    bytes[index] = level(value)
                }
            }
        }
        if hasBadValue {
            throw TensorError.value(
                operation: "decode",
                message: "the picture holds values that are not finite: the weights are damaged, or too large for this "
                    + "dtype")
        }
        return result
    }
}

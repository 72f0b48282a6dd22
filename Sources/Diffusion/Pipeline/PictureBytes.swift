import Tensors

/// The last step of a picture.
enum PictureBytes {
    /// Grey levels u8 of values from -1 to 1 as diffusers' image processor makes them: ties go to even.
    /// - Throws: `TensorError.value` where a value is not finite.
    static func of(_ picture: Tensor) throws -> Tensor {
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
                    let unit = min(max(value / 2 + 0.5, 0), 1)
                    bytes[index] = UInt8((unit * 255).rounded(.toNearestOrEven))
                }
            }
        }
        if hasBadValue {
            throw TensorError.value(operation: "decode", message: "the picture holds values that are not finite")
        }
        return result
    }
}

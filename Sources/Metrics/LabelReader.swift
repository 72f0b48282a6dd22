import Tensors

/// Reads labels of 0 and 1 from tensors of any dtype.
public enum LabelReader {
    /// The elements of `labels` in row-major order as booleans.
    /// - Throws: `MetricError.value` naming the first element that is neither 0 nor 1.
    public static func booleans(_ labels: Tensor, metric: String) throws -> [Bool] {
        try numbers(labels).enumerated().map { index, value in
            guard value == 0 || value == 1 else {
                throw MetricError.value(
                    metric: metric, message: "label \(index + 1) is \(value); labels must be 0 or 1")
            }
            return value == 1
        }
    }

    /// The elements of a tensor of any dtype as doubles, in row-major order.
    public static func numbers(_ tensor: Tensor) throws -> [Double] {
        switch tensor.dtype {
        case .f32: return try tensor.array(Float.self).map(Double.init)
        case .f64: return try tensor.array(Double.self)
        case .bf16: return try tensor.array(BFloat16.self).map { Double($0.float) }
        case .f16: return try tensor.array(Float16.self).map(Double.init)
        case .i64: return try tensor.array(Int64.self).map(Double.init)
        case .i32: return try tensor.array(Int32.self).map(Double.init)
        case .u8: return try tensor.array(UInt8.self).map(Double.init)
        case .bool: return try tensor.array(Bool.self).map { $0 ? 1 : 0 }
        }
    }
}

/// How the elements of an array lie in memory.
public enum ElementType: UInt8, Sendable {
    case f32, f64, bf16, f16, i64, i32, u8, bool

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .f64, .i64: return 8
        case .f32, .i32: return 4
        case .bf16, .f16: return 2
        case .u8, .bool: return 1
        }
    }
}

/// The types that kernels calculate in. Elements are converted on the way in and rounded once on the way out.
public enum ComputeType: Sendable {
    case f32, f64, i64
}

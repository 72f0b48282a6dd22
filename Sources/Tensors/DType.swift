/// The element types of tensors, under the names that scripts and checkpoints use.
public enum DType: String, CaseIterable, Sendable {
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

    /// Whether the type holds fractions.
    public var isFloating: Bool {
        switch self {
        case .f32, .f64, .bf16, .f16: return true
        case .i64, .i32, .u8, .bool: return false
        }
    }
}

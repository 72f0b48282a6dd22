import ArrayKernels

/// The element types of tensors, under the names that scripts and checkpoints use.
public enum DType: String, CaseIterable, Sendable {
    case f32, f64, bf16, f16, i64, i32, u8, bool

    /// Bytes of one element.
    public var size: Int { element.size }

    /// Whether the type holds fractions.
    public var isFloating: Bool {
        switch self {
        case .f32, .f64, .bf16, .f16: return true
        case .i64, .i32, .u8, .bool: return false
        }
    }

    /// The type of `a + b`, by PyTorch's rules: a float wins over integers, integers over bool; of two floats or two
    /// integers the one that holds both (`f16` with `bf16` is `f32`).
    public static func promoted(_ a: DType, _ b: DType) -> DType {
        if a == b { return a }
        if a.isFloating != b.isFloating { return a.isFloating ? a : b }
        if a.isFloating { return a == .f64 || b == .f64 ? .f64 : .f32 }
        let order: [DType] = [.bool, .u8, .i32, .i64]
        return order.last { $0 == a || $0 == b } ?? .i64
    }

    /// The type of a tensor of this type with a scalar: the scalar decides only where it is of a higher kind.
    func promoted(with scalar: Scalar) -> DType {
        switch scalar {
        case .bool: return self
        case .integer: return self == .bool ? .i64 : self
        case .number: return isFloating ? self : .f32
        }
    }

    /// The type of functions whose results are fractions: floats stay, the others become f32.
    var floating: DType { isFloating ? self : .f32 }

    /// The dtype of `compute`: f32, f64 or i64.
    var working: DType {
        switch compute {
        case .f32: return .f32
        case .f64: return .f64
        case .i64: return .i64
        }
    }

    /// The name that kernels know the type by.
    var element: ElementType {
        switch self {
        case .f32: return .f32
        case .f64: return .f64
        case .bf16: return .bf16
        case .f16: return .f16
        case .i64: return .i64
        case .i32: return .i32
        case .u8: return .u8
        case .bool: return .bool
        }
    }

    /// The type that kernels calculate in: half precision in f32, integers in i64.
    var compute: ComputeType {
        switch self {
        case .f32, .bf16, .f16: return .f32
        case .f64: return .f64
        case .i64, .i32, .u8, .bool: return .i64
        }
    }
}

/// A Swift type that tensors of one dtype hold.
public protocol TensorElement {
    /// The dtype of tensors of this type.
    static var dtype: DType { get }
}

extension Float: TensorElement {
    /// `f32`.
    public static var dtype: DType { .f32 }
}

extension Double: TensorElement {
    /// `f64`.
    public static var dtype: DType { .f64 }
}

extension Float16: TensorElement {
    /// `f16`.
    public static var dtype: DType { .f16 }
}

extension Int64: TensorElement {
    /// `i64`.
    public static var dtype: DType { .i64 }
}

extension Int32: TensorElement {
    /// `i32`.
    public static var dtype: DType { .i32 }
}

extension UInt8: TensorElement {
    /// `u8`.
    public static var dtype: DType { .u8 }
}

extension Bool: TensorElement {
    /// `bool`.
    public static var dtype: DType { .bool }
}

/// A bfloat16 value: the upper half of a float's bits. bf16 tensors hold these.
public struct BFloat16: TensorElement, Equatable, Sendable {
    /// Sign, eight bits of exponent and seven of mantissa.
    public var bits: UInt16

    /// `bf16`.
    public static var dtype: DType { .bf16 }

    /// The nearest bfloat16, ties to even; NaN stays NaN.
    @inlinable public init(_ value: Float) {
        let bits = value.bitPattern
        if value.isNaN {
            self.bits = UInt16(truncatingIfNeeded: bits >> 16) | 0x40
        } else {
            self.bits = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
        }
    }

    /// The same value as a float, exactly.
    @inlinable public var float: Float { Float(bitPattern: UInt32(bits) << 16) }
}

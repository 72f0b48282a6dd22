/// An element as it lies in memory, with its conversions.
///
/// Floats become integers by truncation; what does not fit saturates and NaN becomes 0, except that `u8` wraps as
/// PyTorch's does. Integers become narrower integers by dropping the upper bits.
protocol Stored {
    var float: Float { get }
    var double: Double { get }
    var integer: Int64 { get }
    init(float: Float)
    init(double: Double)
    init(integer: Int64)
}

/// A type that kernels calculate in.
protocol Computed: Stored {
    static var type: ElementType { get }
    static var nought: Self { get }
    static func load<S: Stored>(_ element: S) -> Self
    func store<S: Stored>(as _: S.Type) -> S
}

/// The integer on zero's side of `value`; out of range saturates, NaN is 0.
@inline(__always) func saturated(_ value: Double) -> Int64 {
    if value >= 0x1p63 { return Int64.max }
    if value >= -0x1p63 { return Int64(value) }
    return value < 0 ? Int64.min : 0
}

extension Float: Computed {
    static var type: ElementType { .f32 }
    static var nought: Float { 0 }
    @inline(__always) var float: Float { self }
    @inline(__always) var double: Double { Double(self) }
    @inline(__always) var integer: Int64 { saturated(Double(self)) }
    @inline(__always) init(float: Float) { self = float }
    @inline(__always) init(double: Double) { self = Float(double) }
    @inline(__always) init(integer: Int64) { self = Float(integer) }
    @inline(__always) static func load<S: Stored>(_ element: S) -> Float { element.float }
    @inline(__always) func store<S: Stored>(as _: S.Type) -> S { S(float: self) }
}

extension Double: Computed {
    static var type: ElementType { .f64 }
    static var nought: Double { 0 }
    @inline(__always) var float: Float { Float(self) }
    @inline(__always) var double: Double { self }
    @inline(__always) var integer: Int64 { saturated(self) }
    @inline(__always) init(float: Float) { self = Double(float) }
    @inline(__always) init(double: Double) { self = double }
    @inline(__always) init(integer: Int64) { self = Double(integer) }
    @inline(__always) static func load<S: Stored>(_ element: S) -> Double { element.double }
    @inline(__always) func store<S: Stored>(as _: S.Type) -> S { S(double: self) }
}

extension Int64: Computed {
    static var type: ElementType { .i64 }
    static var nought: Int64 { 0 }
    @inline(__always) var float: Float { Float(self) }
    @inline(__always) var double: Double { Double(self) }
    @inline(__always) var integer: Int64 { self }
    @inline(__always) init(float: Float) { self = saturated(Double(float)) }
    @inline(__always) init(double: Double) { self = saturated(double) }
    @inline(__always) init(integer: Int64) { self = integer }
    @inline(__always) static func load<S: Stored>(_ element: S) -> Int64 { element.integer }
    @inline(__always) func store<S: Stored>(as _: S.Type) -> S { S(integer: self) }
}

extension Int32: Stored {
    @inline(__always) var float: Float { Float(self) }
    @inline(__always) var double: Double { Double(self) }
    @inline(__always) var integer: Int64 { Int64(self) }
    @inline(__always) init(float: Float) { self.init(double: Double(float)) }
    @inline(__always) init(double: Double) { self = Int32(clamping: saturated(double)) }
    @inline(__always) init(integer: Int64) { self = Int32(truncatingIfNeeded: integer) }
}

extension UInt8: Stored {
    @inline(__always) var float: Float { Float(self) }
    @inline(__always) var double: Double { Double(self) }
    @inline(__always) var integer: Int64 { Int64(self) }
    @inline(__always) init(float: Float) { self = UInt8(truncatingIfNeeded: saturated(Double(float))) }
    @inline(__always) init(double: Double) { self = UInt8(truncatingIfNeeded: saturated(double)) }
    @inline(__always) init(integer: Int64) { self = UInt8(truncatingIfNeeded: integer) }
}

/// A truth value of one byte: any byte but 0 is true when read, 1 is true when written.
struct Truth: Stored {
    var byte: UInt8
    @inline(__always) var float: Float { byte != 0 ? 1 : 0 }
    @inline(__always) var double: Double { byte != 0 ? 1 : 0 }
    @inline(__always) var integer: Int64 { byte != 0 ? 1 : 0 }
    @inline(__always) init(float: Float) { byte = float != 0 ? 1 : 0 }
    @inline(__always) init(double: Double) { byte = double != 0 ? 1 : 0 }
    @inline(__always) init(integer: Int64) { byte = integer != 0 ? 1 : 0 }
}

/// The upper half of a float's bits, rounded to nearest, ties to even.
struct BrainFloat: Stored {
    var bits: UInt16
    @inline(__always) var float: Float { Float(bitPattern: UInt32(bits) << 16) }
    @inline(__always) var double: Double { Double(float) }
    @inline(__always) var integer: Int64 { float.integer }
    @inline(__always) init(float: Float) {
        let bits = float.bitPattern
        let rounded = (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16
        self.bits = UInt16(truncatingIfNeeded: float.isNaN ? (bits >> 16) | 0x40 : rounded)
    }
    @inline(__always) init(double: Double) { self.init(float: Float(double)) }
    @inline(__always) init(integer: Int64) { self.init(float: Float(integer)) }
}

extension Float16: Stored {
    @inline(__always) var float: Float { Float(self) }
    @inline(__always) var double: Double { Double(Float(self)) }
    @inline(__always) var integer: Int64 { float.integer }
    @inline(__always) init(float: Float) { self = Float16(float) }
    @inline(__always) init(double: Double) { self = Float16(Float(double)) }
    @inline(__always) init(integer: Int64) { self = Float16(Float(integer)) }
}

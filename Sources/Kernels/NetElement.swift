/// The storage types of activations.
public enum NetType: Sendable {
    case f32, bf16

    /// Bytes of one element.
    @inlinable public var size: Int { self == .f32 ? 4 : 2 }
}

/// Loads and stores of sixteen values as floats, whatever their storage type. Indexes count elements.
protocol NetElement {
    static func load(_ base: UnsafeRawPointer, _ index: Int) -> SIMD16<Float>
    static func store(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<Float>)
    static func loadOne(_ base: UnsafeRawPointer, _ index: Int) -> Float
    static func storeOne(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: Float)
}

enum NetF32: NetElement {
    @inline(__always)
    static func load(_ base: UnsafeRawPointer, _ index: Int) -> SIMD16<Float> {
        base.loadUnaligned(fromByteOffset: index * 4, as: SIMD16<Float>.self)
    }
    @inline(__always)
    static func store(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<Float>) {
        base.storeBytes(of: value, toByteOffset: index * 4, as: SIMD16<Float>.self)
    }
    @inline(__always)
    static func loadOne(_ base: UnsafeRawPointer, _ index: Int) -> Float {
        base.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
    }
    @inline(__always)
    static func storeOne(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: Float) {
        base.storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
    }
}

enum NetBF16: NetElement {
    @inline(__always)
    static func load(_ base: UnsafeRawPointer, _ index: Int) -> SIMD16<Float> {
        // One shuffle with zeros: the compiler makes calls of the converting initialisers.
        var pairs = SIMD32<UInt16>.zero
        pairs.oddHalf = base.loadUnaligned(fromByteOffset: index * 2, as: SIMD16<UInt16>.self)
        return unsafeBitCast(pairs, to: SIMD16<Float>.self)
    }
    @inline(__always)
    static func store(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<Float>) {
        let bits = unsafeBitCast(value, to: SIMD16<UInt32>.self)
        var rounded = bits &+ 0x7FFF &+ ((bits &>> 16) & 1)
        rounded.replace(with: bits | 0x40_0000, where: value .!= value)
        base.storeBytes(
            of: unsafeBitCast(rounded, to: SIMD32<UInt16>.self).oddHalf, toByteOffset: index * 2,
            as: SIMD16<UInt16>.self)
    }
    @inline(__always)
    static func loadOne(_ base: UnsafeRawPointer, _ index: Int) -> Float {
        Float(bitPattern: UInt32(base.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)) << 16)
    }
    @inline(__always)
    static func storeOne(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: Float) {
        let bits = value.bitPattern
        let rounded = value.isNaN ? (bits >> 16) | 0x40 : (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16
        base.storeBytes(of: UInt16(truncatingIfNeeded: rounded), toByteOffset: index * 2, as: UInt16.self)
    }
}

/// Calls `body` with the static types of a source and a target.
@inline(__always)
func withNetTypes(
    _ source: NetType, _ target: NetType,
    _ both: (f32f32: () -> Void, f32bf16: () -> Void, bf16f32: () -> Void, bf16bf16: () -> Void)
) {
    switch (source, target) {
    case (.f32, .f32): both.f32f32()
    case (.f32, .bf16): both.f32bf16()
    case (.bf16, .f32): both.bf16f32()
    case (.bf16, .bf16): both.bf16bf16()
    }
}

/// The larger of each pair; a NaN in `value` stays.
@inline(__always)
func netMaximum(_ value: SIMD16<Float>, _ floor: SIMD16<Float>) -> SIMD16<Float> {
    value.replacing(with: floor, where: value .< floor)
}

/// e^x for x ≤ 88: two steps of range reduction and a degree-six polynomial; within 2 ulp, 0 below -87.3.
@inline(__always)
func netExp(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let isSmall = x .< -87.33
    let clamped = x.replacing(with: -87.33, where: isSmall).replacing(with: 88.37, where: x .> 88.37)
    // Adding 1.5 · 2^23 rounds to the nearest integer and leaves that integer in the low bits.
    let magic = SIMD16<Float>(repeating: 12582912)
    let shifted = magic.addingProduct(clamped, SIMD16(repeating: 1.44269504))
    let whole = shifted - magic
    var rest = clamped.addingProduct(whole, SIMD16(repeating: -0.693145752))
    rest = rest.addingProduct(whole, SIMD16(repeating: -1.42860677e-6))
    var sum = SIMD16<Float>(repeating: 1.388888889e-3)
    sum = SIMD16<Float>(repeating: 8.333333333e-3).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 4.166666667e-2).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 1.666666667e-1).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 0.5).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 1).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 1).addingProduct(sum, rest)
    let exponent = (unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &+ 127) &<< 23
    let result = sum * unsafeBitCast(exponent, to: SIMD16<Float>.self)
    return result.replacing(with: 0, where: isSmall)
}

/// 2^x for x ≤ 0 (and up to 127): a degree-six polynomial on half a unit each side; 0 below -126.
@inline(__always)
func netExp2(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let isSmall = x .< -126
    let clamped = x.replacing(with: -126, where: isSmall)
    let magic = SIMD16<Float>(repeating: 12582912)
    let shifted = clamped + magic
    let rest = clamped - (shifted - magic)
    var sum = SIMD16<Float>(repeating: 1.54035304e-4)
    sum = SIMD16<Float>(repeating: 1.33335581e-3).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 9.61812911e-3).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 5.55041087e-2).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 2.40226507e-1).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 6.93147181e-1).addingProduct(sum, rest)
    sum = SIMD16<Float>(repeating: 1).addingProduct(sum, rest)
    // The rounded x sits in the low bits of `shifted`; shifted into the exponent field it multiplies by its power.
    let exponent = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23
    let result = unsafeBitCast(unsafeBitCast(sum, to: SIMD16<UInt32>.self) &+ exponent, to: SIMD16<Float>.self)
    return result.replacing(with: 0, where: isSmall)
}

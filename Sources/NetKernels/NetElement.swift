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
    /// 2^x for x ≤ 0, as exact as the type can show; at least 2^-126.
    static func power(_ x: SIMD16<Float>) -> SIMD16<Float>
    /// Stores values that are not negative; ties may go up.
    static func storePositive(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<Float>)
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
    @_transparent
    static func power(_ x: SIMD16<Float>) -> SIMD16<Float> {
        let (rest, exponent) = netSplitPower(x)
        var sum = SIMD16<Float>(repeating: 1.54035304e-4)
        sum = SIMD16<Float>(repeating: 1.33335581e-3).addingProduct(sum, rest)
        sum = SIMD16<Float>(repeating: 9.61812911e-3).addingProduct(sum, rest)
        sum = SIMD16<Float>(repeating: 5.55041087e-2).addingProduct(sum, rest)
        sum = SIMD16<Float>(repeating: 2.40226507e-1).addingProduct(sum, rest)
        sum = SIMD16<Float>(repeating: 6.93147181e-1).addingProduct(sum, rest)
        sum = SIMD16<Float>(repeating: 1).addingProduct(sum, rest)
        return unsafeBitCast(unsafeBitCast(sum, to: SIMD16<UInt32>.self) &+ exponent, to: SIMD16<Float>.self)
    }
    @_transparent
    static func storePositive(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<Float>) {
        store(base, index, value)
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
    /// A degree-four polynomial, within 3e-6: a thousandth of what bfloat16 rounds away.
    @_transparent
    static func power(_ x: SIMD16<Float>) -> SIMD16<Float> {
        let (rest, exponent) = netSplitPower(x)
        var sum = SIMD16<Float>(repeating: 9.56051023e-3)
        sum = SIMD16<Float>(repeating: 5.59170392e-2).addingProduct(sum, rest)
        sum = SIMD16<Float>(repeating: 2.40249811e-1).addingProduct(sum, rest)
        sum = SIMD16<Float>(repeating: 6.93121968e-1).addingProduct(sum, rest)
        sum = SIMD16<Float>(repeating: 9.99999191e-1).addingProduct(sum, rest)
        return unsafeBitCast(unsafeBitCast(sum, to: SIMD16<UInt32>.self) &+ exponent, to: SIMD16<Float>.self)
    }
    @_transparent
    static func storePositive(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<Float>) {
        let rounded = unsafeBitCast(value, to: SIMD16<UInt32>.self) &+ 0x8000
        base.storeBytes(
            of: unsafeBitCast(rounded, to: SIMD32<UInt16>.self).oddHalf, toByteOffset: index * 2,
            as: SIMD16<UInt16>.self)
    }
}

/// The larger of each pair; a NaN in `value` stays.
@inline(__always)
func netMaximum(_ value: SIMD16<Float>, _ floor: SIMD16<Float>) -> SIMD16<Float> {
    value.replacing(with: floor, where: value .< floor)
}

// Of these functions the compiler leaves calls, with vectors cut in four, where it is only asked to inline them; hence
// `@_transparent`.

/// e^x for x ≤ 88: two steps of range reduction and a degree-six polynomial; within 2 ulp, 0 below -87.3.
@_transparent
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

/// The largest of sixteen values, in four steps: the library's own goes through them one by one.
@_transparent
func netTop(_ value: SIMD16<Float>) -> Float {
    let eight = value.lowHalf.replacing(with: value.highHalf, where: value.lowHalf .< value.highHalf)
    let four = eight.lowHalf.replacing(with: eight.highHalf, where: eight.lowHalf .< eight.highHalf)
    let two = four.lowHalf.replacing(with: four.highHalf, where: four.lowHalf .< four.highHalf)
    return two.x < two.y ? two.y : two.x
}

/// The sum of sixteen values, in four steps.
@_transparent
func netSum(_ value: SIMD16<Float>) -> Float {
    let eight = value.lowHalf + value.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
}

/// x from -126 to 127 as r + n with |r| ≤ ½; n comes ready to be added to the bits of 2^r. Smaller x become -126.
@_transparent
func netSplitPower(_ x: SIMD16<Float>) -> (rest: SIMD16<Float>, exponent: SIMD16<UInt32>) {
    let clamped = x.replacing(with: -126, where: x .< -126)
    let magic = SIMD16<Float>(repeating: 12582912)
    let shifted = clamped + magic
    return (clamped - (shifted - magic), unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23)
}

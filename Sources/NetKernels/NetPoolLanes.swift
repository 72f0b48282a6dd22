/// What is done to the value of a window before it is stored.
struct PoolFinish {
    /// Multiplied to sums.
    var factor: Float
    /// What is below becomes this.
    var floor: Float
}

/// How sixteen neighbouring channels of a window become one vector, in a form that suits the storage type.
protocol PoolLanes {
    associatedtype Vector
    /// Bytes of a stored value.
    static var size: Int { get }
    static var start: Vector { get }
    static func load(_ base: UnsafeRawPointer, _ index: Int) -> Vector
    static func combine(_ sum: Vector, _ value: Vector) -> Vector
    static func store(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: Vector, _ end: PoolFinish)
}

enum FloatMaximum: PoolLanes {
    static var size: Int { 4 }
    @inline(__always) static var start: SIMD16<Float> { SIMD16(repeating: -.infinity) }
    @inline(__always)
    static func load(_ base: UnsafeRawPointer, _ index: Int) -> SIMD16<Float> { NetF32.load(base, index) }
    // A NaN wins, as in PyTorch.
    @inline(__always)
    static func combine(_ sum: SIMD16<Float>, _ value: SIMD16<Float>) -> SIMD16<Float> {
        sum.replacing(with: value, where: (value .> sum) .| (value .!= value))
    }
    @inline(__always)
    static func store(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<Float>, _ end: PoolFinish) {
        NetF32.store(base, index, netMaximum(value, SIMD16(repeating: end.floor)))
    }
}

enum FloatMean: PoolLanes {
    static var size: Int { 4 }
    @inline(__always) static var start: SIMD16<Float> { .zero }
    @inline(__always)
    static func load(_ base: UnsafeRawPointer, _ index: Int) -> SIMD16<Float> { NetF32.load(base, index) }
    @inline(__always)
    static func combine(_ sum: SIMD16<Float>, _ value: SIMD16<Float>) -> SIMD16<Float> { sum + value }
    @inline(__always)
    static func store(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<Float>, _ end: PoolFinish) {
        NetF32.store(base, index, netMaximum(value * end.factor, SIMD16(repeating: end.floor)))
    }
}

/// The maximum of bfloat16 without making floats of them: whole numbers in the order of the floats that their bits stand for,
/// from -infinity, 0, up to infinity and, behind it, every NaN, which so wins as in PyTorch.
enum BFloat16Maximum: PoolLanes {
    /// Makes -infinity 0; what lies below it, the NaNs with a sign, comes out on top.
    @inline(__always) private static var origin: SIMD16<UInt16> { SIMD16(repeating: 0x7F81) }

    static var size: Int { 2 }
    @inline(__always) static var start: SIMD16<UInt16> { .zero }
    @inline(__always)
    static func load(_ base: UnsafeRawPointer, _ index: Int) -> SIMD16<UInt16> {
        let bits = base.loadUnaligned(fromByteOffset: index * 2, as: SIMD16<Int16>.self)
        return unsafeBitCast(bits ^ ((bits &>> 15) & 0x7FFF), to: SIMD16<UInt16>.self) &+ origin
    }
    @inline(__always)
    static func combine(_ sum: SIMD16<UInt16>, _ value: SIMD16<UInt16>) -> SIMD16<UInt16> {
        sum.replacing(with: value, where: value .> sum)
    }
    @inline(__always)
    static func store(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<UInt16>, _ end: PoolFinish) {
        let floor: SIMD16<UInt16> = end.floor == 0 ? origin : .zero
        let key = unsafeBitCast(value.replacing(with: floor, where: value .< floor) &- origin, to: SIMD16<Int16>.self)
        base.storeBytes(of: key ^ ((key &>> 15) & 0x7FFF), toByteOffset: index * 2, as: SIMD16<Int16>.self)
    }
}

/// The mean of bfloat16: of each pair of neighbours one half is shifted and the other masked into its float, so that no
/// shuffle is needed; the even ones lie in the lower half of the vector.
enum BFloat16Mean: PoolLanes {
    static var size: Int { 2 }
    @inline(__always) static var start: SIMD16<Float> { .zero }
    @inline(__always)
    static func load(_ base: UnsafeRawPointer, _ index: Int) -> SIMD16<Float> {
        let pairs = base.loadUnaligned(fromByteOffset: index * 2, as: SIMD8<UInt32>.self)
        return unsafeBitCast(
            SIMD16(lowHalf: pairs &<< 16, highHalf: pairs & 0xFFFF_0000), to: SIMD16<Float>.self)
    }
    @inline(__always)
    static func combine(_ sum: SIMD16<Float>, _ value: SIMD16<Float>) -> SIMD16<Float> { sum + value }
    @inline(__always)
    static func store(_ base: UnsafeMutableRawPointer, _ index: Int, _ value: SIMD16<Float>, _ end: PoolFinish) {
        let result = netMaximum(value * end.factor, SIMD16(repeating: end.floor))
        let bits = unsafeBitCast(result, to: SIMD16<UInt32>.self)
        var rounded = bits &+ 0x7FFF &+ ((bits &>> 16) & 1)
        rounded.replace(with: bits | 0x40_0000, where: result .!= result)
        base.storeBytes(
            of: (rounded.lowHalf &>> 16) | (rounded.highHalf & 0xFFFF_0000), toByteOffset: index * 2,
            as: SIMD8<UInt32>.self)
    }
}

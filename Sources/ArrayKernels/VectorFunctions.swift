// Elementary functions of one float, written without branches so that loops over them become vector code.
// The polynomials were fitted for this file (weighted least squares, reweighted towards the smallest largest error).

/// e^x within 1 ulp; overflow gives infinity, underflow passes through the subnormals, NaN stays NaN.
@inlinable @inline(__always) public func fastExp(_ x: Float) -> Float {
    // Adding 1.5 * 2^23 rounds to an integer, which then sits in the low bits.
    let magic: Float = 12_582_912
    let bounded = max(min(x, 89), -104)
    let shifted = magic.addingProduct(bounded, 1.442_695_04)
    let n = shifted - magic
    let r = bounded.addingProduct(n, -0.693_145_752).addingProduct(n, -1.428_606_77e-6)
    var p: Float = 1.395_054_045e-3
    p = (8.368_917_741e-3 as Float).addingProduct(p, r)
    p = (4.166_620_597e-2 as Float).addingProduct(p, r)
    p = (1.666_651_815e-1 as Float).addingProduct(p, r)
    p = (0.5 as Float).addingProduct(p, r)
    let value = 1 + r.addingProduct(p, r * r)
    // The power of two in two factors: one alone would overflow or underflow before the product does.
    let exponent = Int32(bitPattern: shifted.bitPattern) &- Int32(bitPattern: magic.bitPattern)
    let half = exponent >> 1
    let first = Float(bitPattern: UInt32(bitPattern: (half &+ 127) << 23))
    let second = Float(bitPattern: UInt32(bitPattern: (exponent &- half &+ 127) << 23))
    return x.isNaN ? x : value * first * second
}

/// The natural logarithm within 1 ulp; 0 gives -infinity, negative numbers NaN.
@inlinable @inline(__always) public func fastLog(_ x: Float) -> Float {
    let tiny = x < 0x1p-126
    let scaled = tiny ? x * 8_388_608 : x
    // The mantissa is taken from [sqrt(1/2), sqrt(2)).
    let bits = scaled.bitPattern &- 0x3F35_04F3
    let exponent = Float(Int32(bitPattern: bits) >> 23) - (tiny ? 23 : 0)
    let f = Float(bitPattern: (bits & 0x007F_FFFF) &+ 0x3F35_04F3) - 1
    var p: Float = 6.916_472_316e-2
    p = (-1.179_163_605e-1 as Float).addingProduct(p, f)
    p = (1.187_345_833e-1 as Float).addingProduct(p, f)
    p = (-1.238_409_057e-1 as Float).addingProduct(p, f)
    p = (1.421_856_582e-1 as Float).addingProduct(p, f)
    p = (-1.666_926_146e-1 as Float).addingProduct(p, f)
    p = (2.000_223_100e-1 as Float).addingProduct(p, f)
    p = (-2.499_998_659e-1 as Float).addingProduct(p, f)
    p = (3.333_331_048e-1 as Float).addingProduct(p, f)
    let square = f * f
    let tail = (exponent * -2.121_944_4e-4 as Float).addingProduct(p * f, square).addingProduct(square, -0.5)
    let value = (f + tail).addingProduct(exponent, 0.693_359_375)
    let finite = x > 0 ? (x == Float.infinity ? x : value) : Float.nan
    return x == 0 ? -Float.infinity : finite
}

/// The hyperbolic tangent within 2 ulp.
@inlinable @inline(__always) public func fastTanh(_ x: Float) -> Float {
    let square = x * x
    var p: Float = 2.231_063_787e-3
    p = (-8.267_090_656e-3 as Float).addingProduct(p, square)
    p = (2.173_443_884e-2 as Float).addingProduct(p, square)
    p = (-5.395_247_415e-2 as Float).addingProduct(p, square)
    p = (1.333_324_760e-1 as Float).addingProduct(p, square)
    p = (-3.333_333_135e-1 as Float).addingProduct(p, square)
    let near = x.addingProduct(p * square, x)
    let magnitude = abs(x)
    let far = 1 - 2 / (fastExp(2 * magnitude) + 1)
    return magnitude < 0.6 ? near : (x < 0 ? -far : far)
}

/// 1 / (1 + e^-x).
@inlinable @inline(__always) public func fastSigmoid(_ x: Float) -> Float { 1 / (1 + fastExp(-x)) }

/// e^(z²) erfc(z) for z >= 0, within 2 ulp.
@inlinable @inline(__always) public func scaledErfc(_ z: Float) -> Float {
    let u = 1 / (1 as Float).addingProduct(z, 0.4)
    var p: Float = -2.334_996_127e-2
    p = (1.071_779_057e-1 as Float).addingProduct(p, u)
    p = (-1.532_976_329e-1 as Float).addingProduct(p, u)
    p = (2.131_245_844e-2 as Float).addingProduct(p, u)
    p = (5.682_910_979e-2 as Float).addingProduct(p, u)
    p = (2.311_764_844e-2 as Float).addingProduct(p, u)
    p = (1.426_217_109e-1 as Float).addingProduct(p, u)
    p = (1.657_631_844e-1 as Float).addingProduct(p, u)
    p = (2.085_534_632e-1 as Float).addingProduct(p, u)
    p = (2.255_931_646e-1 as Float).addingProduct(p, u)
    p = (2.256_789_207e-1 as Float).addingProduct(p, u)
    return p * u
}

/// The error function within 2 ulp.
@inlinable @inline(__always) public func fastErf(_ x: Float) -> Float {
    let square = x * x
    var p: Float = -9.680_140_465e-6
    p = (1.127_054_566e-4 as Float).addingProduct(p, square)
    p = (-8.484_711_871e-4 as Float).addingProduct(p, square)
    p = (5.221_074_913e-3 as Float).addingProduct(p, square)
    p = (-2.686_544_508e-2 as Float).addingProduct(p, square)
    p = (1.128_378_287e-1 as Float).addingProduct(p, square)
    p = (-3.761_263_788e-1 as Float).addingProduct(p, square)
    p = (1.283_791_661e-1 as Float).addingProduct(p, square)
    let near = x.addingProduct(p, x)
    let magnitude = abs(x)
    let far = 1 - fastExp(-square) * scaledErfc(magnitude)
    return magnitude < 0.9 ? near : (x < 0 ? -far : far)
}

/// x Φ(x), the GELU of Hendrycks and Gimpel (2016), accurate in the negative tail as well.
@inlinable @inline(__always) public func fastGelu(_ x: Float) -> Float {
    let square = x * x
    let rest = (-square).addingProduct(x, x)
    let bell = fastExp(-0.5 * square)
    let tail = 0.5 * scaledErfc(abs(x) * 0.707_106_781) * bell.addingProduct(bell, -0.5 * rest)
    let lower = x * tail
    let value = x < 0 ? lower : x - lower
    // Far out the square overflows and the bell is 0: the limits are 0 and x.
    return abs(x) < 20 || x.isNaN ? value : (x < 0 ? 0 : x)
}

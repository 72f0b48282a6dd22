import Foundation

/// Elementary functions over arrays of floats. `source` and `result` may be the same; `count` elements lie one after the
/// other. All are serial: the caller cuts the work.
public enum VectorMath {
    /// e^x, within 1 ulp.
    public static func exp(_ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { result[index] = fastExp(source[index]) }
    }

    /// The natural logarithm, within 1 ulp.
    public static func log(_ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { result[index] = fastLog(source[index]) }
    }

    /// The hyperbolic tangent, within 2 ulp.
    public static func tanh(_ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { result[index] = fastTanh(source[index]) }
    }

    /// The error function, within 2 ulp.
    public static func erf(_ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { result[index] = fastErf(source[index]) }
    }

    /// 1 / (1 + e^-x).
    public static func sigmoid(_ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { result[index] = fastSigmoid(source[index]) }
    }

    /// x / (1 + e^-x), the SiLU (swish).
    public static func silu(_ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { result[index] = source[index] * fastSigmoid(source[index]) }
    }

    /// x Φ(x) with the exact normal distribution function: the erf form of GELU.
    public static func gelu(_ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { result[index] = fastGelu(source[index]) }
    }

    /// The tanh form of GELU: x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.
    public static func geluTanh(_ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count {
            let x = source[index]
            let inner = 0.797_884_561 * x.addingProduct(0.044_715 * x, x * x)
            result[index] = x * fastSigmoid(2 * inner)
        }
    }

    /// Softmax of one row: e^(x - max) over its sum.
    public static func softmax(_ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) {
        if count == 0 { return }
        let top = RowReduction.maximum(source, count)
        for index in 0..<count { result[index] = fastExp(source[index] - top) }
        let factor = Float(1 / RowReduction.sum(UnsafePointer(result), count))
        for index in 0..<count { result[index] *= factor }
    }

    /// The logarithm of softmax of one row: x - max - log Σ e^(x - max).
    public static func logSoftmax(
        _ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        if count == 0 { return }
        let top = RowReduction.maximum(source, count)
        var sum = 0.0
        for index in 0..<count { sum += Double(fastExp(source[index] - top)) }
        let shift = Float(Foundation.log(sum))
        for index in 0..<count { result[index] = source[index] - top - shift }
    }

    /// Floats as the bits of bfloat16, rounded to nearest, ties to even.
    public static func toBFloat16(
        _ source: UnsafePointer<Float>, _ result: UnsafeMutablePointer<UInt16>, _ count: Int
    ) {
        for index in 0..<count { result[index] = BrainFloat(float: source[index]).bits }
    }

    /// The bits of bfloat16 as floats, exactly.
    public static func fromBFloat16(
        _ source: UnsafePointer<UInt16>, _ result: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        for index in 0..<count { result[index] = Float(bitPattern: UInt32(source[index]) << 16) }
    }
}

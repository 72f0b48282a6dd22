import Foundation
import ArrayKernels
import Tensors
import Testing

/// The vector functions against the C library's in double.
@Suite struct VectorMathTests {
    typealias Function = (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void

    private let specials: [Float] = [
        0, -0.0, 1, -1, .infinity, -.infinity, .nan, 0x1p-149, -0x1p-149, 1e-38, 3e38, -3e38, 88.7, 88.8, -87.4, -103.9,
        -104.1,
    ]

    private func run(_ function: Function, _ values: [Float]) -> [Float] {
        var result = values
        values.withUnsafeBufferPointer { source in
            result.withUnsafeMutableBufferPointer { target in
                if let from = source.baseAddress, let to = target.baseAddress { function(from, to, values.count) }
            }
        }
        return result
    }

    /// The largest error in units of the last place of the true value.
    private func worst(_ function: Function, _ exact: (Double) -> Double, _ low: Float, _ high: Float) -> Double {
        let steps = 200_003
        var values = (0..<steps).map { low + (high - low) * Float($0) / Float(steps - 1) }
        values += (0..<steps).map {
            Float(sign: .plus, exponent: -($0 % 100), significand: 1 + Float($0) / Float(steps))
        }
        .filter { $0 >= low && $0 <= high }
        var worst = 0.0
        for (value, got) in zip(values, run(function, values)) {
            let wanted = exact(Double(value))
            let unit = Double(max(abs(Float(wanted)), Float.leastNormalMagnitude).ulp)
            let error = abs(Double(got) - wanted) / unit
            if !(error <= worst) { worst = error }
        }
        return worst
    }

    @Test func errorsAreSmall() {
        #expect(worst(VectorMath.exp, { exp($0) }, -87, 88.7) < 1.1)
        #expect(worst(VectorMath.log, { log($0) }, 1e-30, 1e30) < 1.1)
        #expect(worst(VectorMath.log, { log($0) }, 0.5, 2) < 1.1)
        #expect(worst(VectorMath.tanh, { tanh($0) }, -10, 10) < 2)
        #expect(worst(VectorMath.erf, { erf($0) }, -5, 5) < 2)
        #expect(worst(VectorMath.sigmoid, { 1 / (1 + exp(-$0)) }, -80, 80) < 3)
        #expect(worst(VectorMath.silu, { $0 / (1 + exp(-$0)) }, -80, 80) < 4)
        #expect(worst(VectorMath.gelu, { 0.5 * $0 * erfc(-$0 / 2.0.squareRoot()) }, -12, 12) < 8)
    }

    @Test func specialValues() {
        let names: [(Function, (Double) -> Double)] = [
            (VectorMath.exp, { exp($0) }), (VectorMath.log, { log($0) }), (VectorMath.tanh, { tanh($0) }),
            (VectorMath.erf, { erf($0) }), (VectorMath.sigmoid, { 1 / (1 + exp(-$0)) }),
        ]
        for (index, (function, exact)) in names.enumerated() {
            for (value, got) in zip(specials, run(function, specials)) {
                let wanted = Float(exact(Double(value)))
                let close = abs(got - wanted) <= 2e-7 * abs(wanted) + 0x1p-148
                #expect(got == wanted || close || (got.isNaN && wanted.isNaN), "function \(index) of \(value): \(got)")
            }
        }
        #expect(run(VectorMath.gelu, [.infinity, -.infinity, 30, -30, 3e38]) == [.infinity, 0, 30, 0, 3e38])
        #expect(run(VectorMath.gelu, [.nan])[0].isNaN)
    }

    @Test func softmaxSumsToOne() {
        let row = run(VectorMath.softmax, (0..<1001).map { Float($0 % 17) * 30 })
        #expect(abs(row.reduce(0, +) - 1) < 1e-5)
        #expect(run(VectorMath.softmax, [1e30, -1e30, 1e30]) == [0.5, 0, 0.5])
        #expect(run(VectorMath.logSoftmax, [0, 0]).allSatisfy { abs($0 + 0.693_147_2) < 1e-6 })
    }

    @Test func everyBFloat16RoundTrips() {
        let bits = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: bits.count)
        var back = [UInt16](repeating: 0, count: bits.count)
        VectorMath.fromBFloat16(bits, &floats, bits.count)
        VectorMath.toBFloat16(floats, &back, bits.count)
        for (index, value) in floats.enumerated() {
            if value.isNaN { #expect(BFloat16(value).float.isNaN) } else { #expect(back[index] == bits[index]) }
            #expect(BFloat16(value).bits == back[index])
        }
    }
}

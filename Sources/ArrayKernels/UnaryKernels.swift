import Foundation

/// Functions of one element. Those with values take them as doubles, in the elements' own type.
public enum UnaryKernel: Sendable {
    case copy, negate, absolute, sign, square, squareRoot, reciprocal
    case exp, log, sin, cos, tanh, sigmoid, relu, gelu, silu
    case floor, ceil, round
    case isNaN
    /// Between two bounds; NaN stays.
    case clamp(Double, Double)
    /// To a constant power.
    case power(Double)
    /// |x - value| to a power.
    case distance(Double, power: Double)
}

/// Functions of one element over whole arrays, in parallel.
public enum UnaryKernels {
    /// `target = kernel(source)`, element by element in row-major order, calculated in `compute`.
    /// The two have equally many elements; `target` is the source itself or does not overlap it.
    /// - Returns: whether all was done: false after a request to stop.
    public static func run(
        _ kernel: UnaryKernel, _ source: StridedView, to target: StridedView, compute: ComputeType
    ) -> Bool {
        switch compute {
        case .f32: return run(source, target) { apply(kernel, $0, $1, $2) }
        case .f64: return run(source, target) { applyDouble(kernel, $0, $1, $2) }
        case .i64: return run(source, target) { applyInteger(kernel, $0, $1, $2) }
        }
    }

    private static func run<C: Computed>(
        _ source: StridedView, _ target: StridedView,
        _ body: (UnsafePointer<C>, UnsafeMutablePointer<C>, Int) -> Void
    ) -> Bool {
        if source.count == 0 { return true }
        let direct = target.type == C.type && target.isContiguous
        let pitch = StridedCopy.pitch(source.count)
        return StridedCopy.forTiles(source.count, buffers: 2, grain: 4) { start, length, scratch in
            let input = scratch.assumingMemoryBound(to: C.self)
            let values = source.load(start, length, input)
            if direct {
                body(values, target.base.assumingMemoryBound(to: C.self) + start, length)
            } else {
                let output = input + pitch
                body(values, output, length)
                target.scatter(start, length, from: UnsafePointer(output))
            }
        }
    }

    private static func apply(
        _ kernel: UnaryKernel, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ n: Int
    ) {
        switch kernel {
        case .exp: VectorMath.exp(x, y, n)
        case .log: VectorMath.log(x, y, n)
        case .tanh: VectorMath.tanh(x, y, n)
        case .sigmoid: VectorMath.sigmoid(x, y, n)
        case .gelu: VectorMath.gelu(x, y, n)
        case .silu: VectorMath.silu(x, y, n)
        case .sin: for i in 0..<n { y[i] = sinf(x[i]) }
        case .cos: for i in 0..<n { y[i] = cosf(x[i]) }
        case .power(let exponent): power(x, y, n, Float(exponent), powf)
        default: applyCommon(kernel, x, y, n)
        }
    }

    private static func applyDouble(
        _ kernel: UnaryKernel, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ n: Int
    ) {
        switch kernel {
        case .exp: for i in 0..<n { y[i] = exp(x[i]) }
        case .log: for i in 0..<n { y[i] = log(x[i]) }
        case .tanh: for i in 0..<n { y[i] = tanh(x[i]) }
        case .sigmoid: for i in 0..<n { y[i] = 1 / (1 + exp(-x[i])) }
        case .gelu: for i in 0..<n { y[i] = 0.5 * x[i] * erfc(-x[i] * 0.5.squareRoot()) }
        case .silu: for i in 0..<n { y[i] = x[i] / (1 + exp(-x[i])) }
        case .sin: for i in 0..<n { y[i] = sin(x[i]) }
        case .cos: for i in 0..<n { y[i] = cos(x[i]) }
        case .power(let exponent): power(x, y, n, exponent, BinaryKernels.doublePower)
        default: applyCommon(kernel, x, y, n)
        }
    }

    @inline(__always)
    private static func applyCommon<F: BinaryFloatingPoint>(
        _ kernel: UnaryKernel, _ x: UnsafePointer<F>, _ y: UnsafeMutablePointer<F>, _ n: Int
    ) {
        switch kernel {
        case .negate: for i in 0..<n { y[i] = -x[i] }
        case .absolute: for i in 0..<n { y[i] = abs(x[i]) }
        case .sign: for i in 0..<n { y[i] = x[i] > 0 ? 1 : (x[i] < 0 ? -1 : x[i]) }
        case .square: for i in 0..<n { y[i] = x[i] * x[i] }
        case .squareRoot: for i in 0..<n { y[i] = x[i].squareRoot() }
        case .reciprocal: for i in 0..<n { y[i] = 1 / x[i] }
        case .relu: for i in 0..<n { y[i] = x[i] <= 0 ? 0 : x[i] }
        case .floor: for i in 0..<n { y[i] = x[i].rounded(.down) }
        case .ceil: for i in 0..<n { y[i] = x[i].rounded(.up) }
        case .round: for i in 0..<n { y[i] = x[i].rounded(.toNearestOrEven) }
        case .isNaN: for i in 0..<n { y[i] = x[i].isNaN ? 1 : 0 }
        case .clamp(let low, let high):
            let (low, high) = (F(low), F(high))
            // PyTorch's order: the lower bound first, so that a lower bound above the upper gives the upper.
            for i in 0..<n {
                let raised = x[i] < low ? low : x[i]
                y[i] = raised > high ? high : raised
            }
        case .distance(let centre, let exponent):
            for i in 0..<n {
                let d = abs(x[i] - F(centre))
                y[i] = exponent == 1 ? d : exponent == 2 ? d * d : F(pow(Double(d), exponent))
            }
        default: y.update(from: x, count: n)
        }
    }

    @inline(__always)
    private static func power<F: BinaryFloatingPoint>(
        _ x: UnsafePointer<F>, _ y: UnsafeMutablePointer<F>, _ n: Int, _ exponent: F, _ general: (F, F) -> F
    ) {
        // PyTorch's special cases, which also round as it does.
        switch exponent {
        case 0.5: for i in 0..<n { y[i] = x[i].squareRoot() }
        case 1: y.update(from: x, count: n)
        case 2: for i in 0..<n { y[i] = x[i] * x[i] }
        case 3: for i in 0..<n { y[i] = x[i] * x[i] * x[i] }
        case -0.5: for i in 0..<n { y[i] = 1 / x[i].squareRoot() }
        case -1: for i in 0..<n { y[i] = 1 / x[i] }
        case -2: for i in 0..<n { y[i] = 1 / (x[i] * x[i]) }
        default: for i in 0..<n { y[i] = general(x[i], exponent) }
        }
    }

    private static func applyInteger(
        _ kernel: UnaryKernel, _ x: UnsafePointer<Int64>, _ y: UnsafeMutablePointer<Int64>, _ n: Int
    ) {
        switch kernel {
        case .negate: for i in 0..<n { y[i] = 0 &- x[i] }
        case .absolute: for i in 0..<n { y[i] = x[i] < 0 ? 0 &- x[i] : x[i] }
        case .sign: for i in 0..<n { y[i] = x[i].signum() }
        case .square: for i in 0..<n { y[i] = x[i] &* x[i] }
        case .relu: for i in 0..<n { y[i] = max(0, x[i]) }
        case .isNaN: for i in 0..<n { y[i] = 0 }
        case .clamp(let low, let high):
            let (low, high) = (saturated(low), saturated(high))
            for i in 0..<n { y[i] = min(max(x[i], low), high) }
        case .power(let exponent):
            let exponent = saturated(exponent)
            for i in 0..<n { y[i] = BinaryKernels.power(x[i], exponent) }
        default: y.update(from: x, count: n)
        }
    }
}

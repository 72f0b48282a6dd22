import Foundation

/// Functions of two elements. Comparisons give 1 or 0.
public enum BinaryKernel: Sendable {
    case add, subtract, multiply, divide, power, minimum, maximum
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
}

/// Functions of two elements over whole arrays, in parallel.
public enum BinaryKernels {
    /// `target = kernel(lhs, rhs)`, element by element in row-major order, calculated in `compute`.
    ///
    /// The three have equally many elements (a broadcast operand repeats with strides of 0). `target` is an operand itself
    /// or overlaps none. Integers wrap; integer division truncates and division by zero gives 0.
    /// - Returns: whether all was done: false after a request to stop.
    public static func run(
        _ kernel: BinaryKernel, _ lhs: StridedView, _ rhs: StridedView, to target: StridedView, compute: ComputeType
    ) -> Bool {
        switch compute {
        case .f32: return run(lhs, rhs, target) { applyFloating(kernel, $0, $1, $2, $3, powf) }
        case .f64: return run(lhs, rhs, target) { applyFloating(kernel, $0, $1, $2, $3, doublePower) }
        case .i64: return run(lhs, rhs, target) { applyInteger(kernel, $0, $1, $2, $3) }
        }
    }

    @inline(__always)
    private static func run<C: Computed>(
        _ lhs: StridedView, _ rhs: StridedView, _ target: StridedView,
        _ body: (UnsafePointer<C>, UnsafePointer<C>, UnsafeMutablePointer<C>, Int) -> Void
    ) -> Bool {
        if target.count == 0 { return true }
        let direct = target.type == C.type && target.isContiguous
        let pitch = StridedCopy.pitch(target.count)
        return StridedCopy.forTiles(target.count, buffers: 3) { start, length, scratch in
            let first = scratch.assumingMemoryBound(to: C.self)
            let second = first + pitch
            let a = lhs.load(start, length, first)
            let b = rhs.load(start, length, second)
            if direct {
                body(a, b, target.base.assumingMemoryBound(to: C.self) + start, length)
            } else {
                let output = second + pitch
                body(a, b, output, length)
                target.scatter(start, length, from: UnsafePointer(output))
            }
        }
    }

    @inline(__always)
    private static func applyFloating<F: BinaryFloatingPoint>(
        _ kernel: BinaryKernel, _ a: UnsafePointer<F>, _ b: UnsafePointer<F>, _ y: UnsafeMutablePointer<F>, _ n: Int,
        _ power: (F, F) -> F
    ) {
        switch kernel {
        case .add: for i in 0..<n { y[i] = a[i] + b[i] }
        case .subtract: for i in 0..<n { y[i] = a[i] - b[i] }
        case .multiply: for i in 0..<n { y[i] = a[i] * b[i] }
        case .divide: for i in 0..<n { y[i] = a[i] / b[i] }
        case .power: for i in 0..<n { y[i] = power(a[i], b[i]) }
        case .minimum: for i in 0..<n { y[i] = a[i].isNaN ? a[i] : (b[i] >= a[i] ? a[i] : b[i]) }
        case .maximum: for i in 0..<n { y[i] = a[i].isNaN ? a[i] : (b[i] <= a[i] ? a[i] : b[i]) }
        case .equal: for i in 0..<n { y[i] = a[i] == b[i] ? 1 : 0 }
        case .notEqual: for i in 0..<n { y[i] = a[i] != b[i] ? 1 : 0 }
        case .less: for i in 0..<n { y[i] = a[i] < b[i] ? 1 : 0 }
        case .lessOrEqual: for i in 0..<n { y[i] = a[i] <= b[i] ? 1 : 0 }
        case .greater: for i in 0..<n { y[i] = a[i] > b[i] ? 1 : 0 }
        case .greaterOrEqual: for i in 0..<n { y[i] = a[i] >= b[i] ? 1 : 0 }
        }
    }

    private static func applyInteger(
        _ kernel: BinaryKernel, _ a: UnsafePointer<Int64>, _ b: UnsafePointer<Int64>,
        _ y: UnsafeMutablePointer<Int64>, _ n: Int
    ) {
        switch kernel {
        case .add: for i in 0..<n { y[i] = a[i] &+ b[i] }
        case .subtract: for i in 0..<n { y[i] = a[i] &- b[i] }
        case .multiply: for i in 0..<n { y[i] = a[i] &* b[i] }
        case .divide: for i in 0..<n { y[i] = b[i] == 0 ? 0 : b[i] == -1 ? 0 &- a[i] : a[i] / b[i] }
        case .power: for i in 0..<n { y[i] = power(a[i], b[i]) }
        case .minimum: for i in 0..<n { y[i] = min(a[i], b[i]) }
        case .maximum: for i in 0..<n { y[i] = max(a[i], b[i]) }
        case .equal: for i in 0..<n { y[i] = a[i] == b[i] ? 1 : 0 }
        case .notEqual: for i in 0..<n { y[i] = a[i] != b[i] ? 1 : 0 }
        case .less: for i in 0..<n { y[i] = a[i] < b[i] ? 1 : 0 }
        case .lessOrEqual: for i in 0..<n { y[i] = a[i] <= b[i] ? 1 : 0 }
        case .greater: for i in 0..<n { y[i] = a[i] > b[i] ? 1 : 0 }
        case .greaterOrEqual: for i in 0..<n { y[i] = a[i] >= b[i] ? 1 : 0 }
        }
    }

    /// The double `pow`, under a name that is not overloaded.
    @inline(__always) static func doublePower(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

    /// base^exponent modulo 2^64; a negative exponent gives 0 except for bases 1 and -1, as in PyTorch.
    static func power(_ base: Int64, _ exponent: Int64) -> Int64 {
        if exponent < 0 { return base == 1 ? 1 : base == -1 ? (exponent & 1 == 0 ? 1 : -1) : 0 }
        var (result, square, rest) = (Int64(1), base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result = result &* square }
            square = square &* square
            rest >>= 1
        }
        return result
    }
}

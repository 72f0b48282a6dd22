import Threading

import Foundation

/// Functions from a row of elements to a row of the same length.
public enum RowKernel: Sendable {
    case softmax, logSoftmax, cumulativeSum
}

/// Functions over rows that lie along the last dimension, in parallel over rows.
public enum RowKernels {
    /// Applies `kernel` to every `length` consecutive elements (in row-major order) of `source`.
    /// `target` has equally many elements and is the source itself or does not overlap it.
    /// - Returns: how it ended; `.refused` where the memory for two rows a thread could not be had.
    public static func run(
        _ kernel: RowKernel, _ source: StridedView, length: Int, to target: StridedView, compute: ComputeType
    ) -> KernelOutcome {
        switch compute {
        case .f32:
            return run(source, length, target) { (x: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>, n: Int) in
                switch kernel {
                case .softmax: VectorMath.softmax(x, y, n)
                case .logSoftmax: VectorMath.logSoftmax(x, y, n)
                case .cumulativeSum:
                    var sum = 0.0
                    for index in 0..<n {
                        sum += Double(x[index])
                        y[index] = Float(sum)
                    }
                }
            }
        case .f64:
            return run(source, length, target) { (x: UnsafePointer<Double>, y: UnsafeMutablePointer<Double>, n: Int) in
                switch kernel {
                case .softmax: softmax(x, y, n)
                case .logSoftmax: logSoftmax(x, y, n)
                case .cumulativeSum:
                    var sum = 0.0
                    for index in 0..<n {
                        sum += x[index]
                        y[index] = sum
                    }
                }
            }
        case .i64:
            return run(source, length, target) { (x: UnsafePointer<Int64>, y: UnsafeMutablePointer<Int64>, n: Int) in
                var sum: Int64 = 0
                for index in 0..<n {
                    sum = sum &+ x[index]
                    y[index] = sum
                }
            }
        }
    }

    @inline(__always)
    private static func run<C: Computed>(
        _ source: StridedView, _ length: Int, _ target: StridedView,
        _ body: (UnsafePointer<C>, UnsafeMutablePointer<C>, Int) -> Void
    ) -> KernelOutcome {
        if source.count == 0 { return .done }
        let hasMemory = Flag(true)
        let isDone = Parallel.forPieces(
            source.count / length, grain: max(1, 8192 / length), piece: max(1, KernelOutcome.piece / length)
        ) { range in
            guard let scratch = malloc(2 * length * MemoryLayout<C>.stride) else {
                hasMemory.clear()
                return
            }
            defer { free(scratch) }
            let input = scratch.assumingMemoryBound(to: C.self)
            let output = input + length
            for row in range {
                let values = source.load(row * length, length, input)
                body(values, output, length)
                target.scatter(row * length, length, from: UnsafePointer(output))
            }
        }
        return isDone ? (hasMemory.isSet ? .done : .refused) : .stopped
    }

    private static func top(_ x: UnsafePointer<Double>, _ n: Int) -> Double {
        x[RowReduction.firstExtreme(x, n, Largest())]
    }

    private static func softmax(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ n: Int) {
        let top = top(x, n)
        for index in 0..<n { y[index] = exp(x[index] - top) }
        let sum = RowReduction.sum(UnsafePointer(y), n)
        for index in 0..<n { y[index] /= sum }
    }

    private static func logSoftmax(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ n: Int) {
        let top = top(x, n)
        var sum = 0.0
        for index in 0..<n { sum += exp(x[index] - top) }
        let shift = log(sum)
        for index in 0..<n { y[index] = x[index] - top - shift }
    }
}

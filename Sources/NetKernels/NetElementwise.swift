import ArrayKernels
import Threading

/// Sums and gradients of one value at a time; f32, in parallel.
public enum NetElementwise {
    private static let grain = 16384

    /// target += other.
    public static func add(_ target: UnsafeMutablePointer<Float>, _ other: UnsafePointer<Float>, count: Int) {
        Parallel.forRanges(count, grain: grain) { range in
            for index in range { target[index] += other[index] }
        }
    }

    /// target = a + b.
    public static func sum(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, count: Int
    ) {
        Parallel.forRanges(count, grain: grain) { range in
            for index in range { target[index] = a[index] + b[index] }
        }
    }

    /// target = a + b of any storage types, worked out in f32 and rounded once.
    public static func sum(
        _ a: UnsafeRawPointer, _ aType: NetType, _ b: UnsafeRawPointer, _ bType: NetType,
        _ target: UnsafeMutableRawPointer, _ type: NetType, count: Int
    ) {
        Parallel.forRanges(count, grain: 1 << 16) { range in
            aType.dispatch(to: bType, SumOfPair(a: a, b: b, target: target, type: type, range: range))
        }
    }

    private struct SumOfPair: NetPairKernel {
        let a, b: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let type: NetType
        let range: Range<Int>

        func run<A: NetElement, B: NetElement>(_: A.Type, _: B.Type) {
            type.dispatch(Sum<A, B>(a: a, b: b, target: target, range: range))
        }
    }

    private struct Sum<A: NetElement, B: NetElement>: NetKernel {
        let a, b: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let range: Range<Int>

        func run<T: NetElement>(_: T.Type) {
            var index = range.lowerBound
            while index + 16 <= range.upperBound {
                T.store(target, index, A.load(a, index) + B.load(b, index))
                index += 16
            }
            while index < range.upperBound {
                T.storeOne(target, index, A.loadOne(a, index) + B.loadOne(b, index))
                index += 1
            }
        }
    }

    /// target = x · factor + summand; may be in place.
    public static func affine(
        _ x: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ type: NetType, factor: Float, summand: Float,
        count: Int
    ) {
        Parallel.forRanges(count, grain: 1 << 16) { range in
            type.dispatch(Affine(x: x, target: target, factor: factor, summand: summand, range: range))
        }
    }

    private struct Affine: NetKernel {
        let x: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let factor, summand: Float
        let range: Range<Int>

        func run<T: NetElement>(_: T.Type) {
            for index in range { T.storeOne(target, index, T.loadOne(x, index) * factor + summand) }
        }
    }

    /// target = a · b.
    public static func product(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, count: Int
    ) {
        Parallel.forRanges(count, grain: grain) { range in
            for index in range { target[index] = a[index] * b[index] }
        }
    }

    /// target *= factor.
    public static func scale(_ target: UnsafeMutablePointer<Float>, _ factor: Float, count: Int) {
        Parallel.forRanges(count, grain: grain) { range in
            for index in range { target[index] *= factor }
        }
    }

    /// target[column] += the sum of the column over `rows` rows.
    public static func addColumnSums(
        _ values: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, rows: Int, columns: Int
    ) {
        Parallel.forRanges(columns, grain: 64) { range in
            for column in range {
                var sum = 0.0
                for row in 0..<rows { sum += Double(values[row * columns + column]) }
                target[column] += Float(sum)
            }
        }
    }

    /// Functions whose gradients are known here.
    public enum Function: Sendable { case relu, gelu, geluTanh, quickGelu, silu, sigmoid, tanh }

    /// target = function(x); may be in place.
    public static func apply(
        _ function: Function, _ x: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, count: Int
    ) {
        Parallel.forRanges(count, grain: grain) { range in
            applyLine(function, x + range.lowerBound, target + range.lowerBound, count: range.count)
        }
    }

    /// As `apply`, on the caller's thread.
    static func applyLine(
        _ function: Function, _ x: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, count: Int
    ) {
        // From memory that is surely another's: in place, the compiler would take one value at a time.
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { memory in
            guard let own = memory.baseAddress else { return }
            var start = 0
            while start < count {
                let size = min(256, count - start)
                own.update(from: x + start, count: size)
                applyPiece(function, own, target + start, size)
                start += size
            }
        }
    }

    @inline(__always)
    private static func applyPiece(
        _ function: Function, _ x: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        let range = 0..<count
        switch function {
        case .relu: for index in range { target[index] = x[index] < 0 ? 0 : x[index] }
        case .gelu: for index in range { target[index] = fastGelu(x[index]) }
        case .geluTanh: VectorMath.geluTanh(x, target, count)
        case .quickGelu: for index in range { target[index] = x[index] * fastSigmoid(1.702 * x[index]) }
        case .silu: for index in range { target[index] = x[index] * fastSigmoid(x[index]) }
        case .sigmoid: for index in range { target[index] = fastSigmoid(x[index]) }
        case .tanh: for index in range { target[index] = fastTanh(x[index]) }
        }
    }

    /// gradient *= function'(x), in place.
    public static func multiplyDerivative(
        _ function: Function, _ x: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, count: Int
    ) {
        Parallel.forRanges(count, grain: grain) { range in
            switch function {
            case .relu: for index in range where x[index] <= 0 { gradient[index] = 0 }
            case .gelu:
                // Φ(x) + x φ(x).
                for index in range {
                    let value = x[index]
                    let bell = 0.398_942_28 * fastExp(-0.5 * value * value)
                    let area = 0.5 * (1 + fastErf(value * 0.707_106_781))
                    gradient[index] *= area + value * bell
                }
            case .geluTanh:
                for index in range {
                    let value = x[index]
                    let square = value * value
                    let bend = fastTanh(0.797_884_561 * value * (1 + 0.044_715 * square))
                    let slope = 0.797_884_561 * (1 + 0.134_145 * square)
                    gradient[index] *= 0.5 * (1 + bend) + 0.5 * value * (1 - bend * bend) * slope
                }
            case .quickGelu:
                for index in range {
                    let gate = fastSigmoid(1.702 * x[index])
                    gradient[index] *= gate * (1 + 1.702 * x[index] * (1 - gate))
                }
            case .silu:
                for index in range {
                    let gate = fastSigmoid(x[index])
                    gradient[index] *= gate * (1 + x[index] * (1 - gate))
                }
            case .sigmoid:
                for index in range {
                    let gate = fastSigmoid(x[index])
                    gradient[index] *= gate * (1 - gate)
                }
            case .tanh:
                for index in range {
                    let bend = fastTanh(x[index])
                    gradient[index] *= 1 - bend * bend
                }
            }
        }
    }
}

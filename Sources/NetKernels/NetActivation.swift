import ArrayKernels
import Threading

/// Activations that oneDNN cannot fuse.
public enum NetActivation {
    /// silu(a) · b for rows that hold a and b side by side: `[rows, 2 · width]` to `[rows, width]`.
    public static func siluGate(
        _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ type: NetType, rows: Int, width: Int
    ) {
        Parallel.forRanges(rows, grain: 16) { range in
            switch type {
            case .f32: gateRows(NetF32.self, source, target, range, width)
            case .bf16: gateRows(NetBF16.self, source, target, range, width)
            }
        }
    }

    private static func gateRows<T: NetElement>(
        _: T.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ range: Range<Int>, _ width: Int
    ) {
        for row in range {
            let first = row * 2 * width
            var index = 0
            while index + 16 <= width {
                let a = T.load(source, first + index)
                T.store(target, row * width + index, a / (1 + netExp(-a)) * T.load(source, first + width + index))
                index += 16
            }
            while index < width {
                let a = T.loadOne(source, first + index)
                let silu = a / (1 + netExp(SIMD16(repeating: -a))[0])
                T.storeOne(target, row * width + index, silu * T.loadOne(source, first + width + index))
                index += 1
            }
        }
    }

    /// a · gelu(b), with the exact GELU, for f32 rows that hold a and b side by side: `[rows, 2 · width]` to
    /// `[rows, width]` of another type.
    public static func geluGate(
        _ source: UnsafePointer<Float>, _ target: UnsafeMutableRawPointer, _ type: NetType, rows: Int, width: Int
    ) {
        Parallel.forRanges(rows, grain: 16) { range in
            switch type {
            case .f32:
                let target = target.assumingMemoryBound(to: Float.self)
                for row in range { gate(source + row * 2 * width, target + row * width, width) }
            case .bf16:
                var line = [Float](repeating: 0, count: width)
                line.withUnsafeMutableBufferPointer { line in
                    guard let line = line.baseAddress else { return }
                    for row in range {
                        gate(source + row * 2 * width, line, width)
                        VectorMath.toBFloat16(
                            line, target.assumingMemoryBound(to: UInt16.self) + row * width, width)
                    }
                }
            }
        }
    }

    /// f(a) · b, or a · f(b), for rows of `width` values of any storage types.
    /// - Parameter stride: elements from one row of a, or of b, to the next.
    public static func gate(
        _ a: UnsafeRawPointer, _ aType: NetType, stride: Int, _ b: UnsafeRawPointer, _ bType: NetType,
        _ target: UnsafeMutableRawPointer, _ type: NetType, function: NetElementwise.Function?, activatesSecond: Bool,
        rows: Int, width: Int
    ) {
        Parallel.forRanges(rows, grain: 16) { range in
            aType.dispatch(
                to: bType,
                Gate(
                    a: a, b: b, target: target, type: type, function: function, activatesSecond: activatesSecond,
                    stride: stride, width: width, range: range))
        }
    }

    private struct Gate: NetPairKernel {
        let a, b: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let type: NetType
        let function: NetElementwise.Function?
        let activatesSecond: Bool
        let stride, width: Int
        let range: Range<Int>

        func run<A: NetElement, B: NetElement>(_: A.Type, _: B.Type) {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { buffer in
                guard let active = buffer.baseAddress else { return }
                let plain = active + width
                let (first, second) = activatesSecond ? (plain, active) : (active, plain)
                for row in range {
                    for index in 0..<width {
                        first[index] = A.loadOne(a, row * stride + index)
                        second[index] = B.loadOne(b, row * stride + index)
                    }
                    if let function { NetElementwise.applyLine(function, active, active, count: width) }
                    switch type {
                    case .f32:
                        for index in 0..<width {
                            NetF32.storeOne(target, row * width + index, active[index] * plain[index])
                        }
                    case .bf16:
                        for index in 0..<width {
                            NetBF16.storeOne(target, row * width + index, active[index] * plain[index])
                        }
                    }
                }
            }
        }
    }

    private static func gate(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ width: Int) {
        for index in 0..<width { target[index] = source[index] * fastGelu(source[width + index]) }
    }
}

import Foundation

/// PyTorch's CPU generator: the stream of `torch.Generator().manual_seed(seed)`.
/// Source of the layout of draws: aten/src/ATen/native/cpu/DistributionTemplates.h and core/DistributionsHelper.h.
public final class TorchGenerator {
    private var engine: MersenneTwister
    private var cachedNormal: Double?
    /// The seed that the generator was made with.
    public let seed: UInt64

    /// `manual_seed(seed)`; the engine is seeded with the low 32 bits.
    public init(seed: UInt64) {
        self.seed = seed
        engine = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
    }

    /// 32 random bits.
    public func word() -> UInt32 { engine.next() }

    /// 64 random bits; the first word is the upper half.
    public func word64() -> UInt64 {
        let high = UInt64(engine.next())
        return high << 32 | UInt64(engine.next())
    }

    /// `torch.rand` in float32: 24 bits of one word.
    public func uniform() -> Float { Float(engine.next() & 0xFF_FFFF) * 0x1p-24 }

    /// `torch.randint(0, bound)`: a word, or two for wide ranges, modulo the bound.
    func integer(below bound: Int) -> Int {
        if bound < 1 << 28 { return Int(engine.next()) % bound }
        return Int(word64() % UInt64(bound))
    }

    /// `torch.rand` in float64: 53 bits of two words.
    public func uniformDouble() -> Double { Double(word64() & 0x1F_FFFF_FFFF_FFFF) * 0x1p-53 }

    /// `torch.randperm(count)`, indexes from 0.
    public func permutation(_ count: Int) -> [Int] {
        var order = [Int64](repeating: 0, count: max(0, count))
        order.withUnsafeMutableBufferPointer { permutation(into: $0) {} }
        return order.map { Int($0) }
    }

    /// `torch.randperm(values.count)`, indexes from 0; `pause` is called now and then, and what it throws ends the work.
    func permutation(into values: UnsafeMutableBufferPointer<Int64>, _ pause: () throws -> Void) rethrows {
        for index in values.indices {
            if index % Cancellation.stride == Cancellation.stride - 1 { try pause() }
            values[index] = Int64(index)
        }
        for index in values.indices.dropLast() {
            if index % Cancellation.stride == Cancellation.stride - 1 { try pause() }
            values.swapAt(index, index + Int(engine.next()) % (values.count - index))
        }
    }

    /// `torch.randn(count)` in float32 for a contiguous tensor.
    ///
    /// From 16 elements on, uniforms fill the buffer and blocks of 16 are transformed by Box-Muller; a rest that is no
    /// whole block redraws the last 16. Below 16, pairs are drawn in double and the second is kept for the next draw.
    public func normal(into values: UnsafeMutableBufferPointer<Float>) { normal(into: values) {} }

    /// `torch.randn(count)` in float64 for a contiguous tensor; see the other `normal`.
    public func normal(into values: UnsafeMutableBufferPointer<Double>) { normal(into: values) {} }

    /// As the public `normal`; `pause` is called now and then, and what it throws ends the work.
    func normal(into values: UnsafeMutableBufferPointer<Float>, _ pause: () throws -> Void) rethrows {
        try normal(into: values, pause, { Float($0) }, { uniform() }, { boxMuller($0, $1) })
    }

    func normal(into values: UnsafeMutableBufferPointer<Double>, _ pause: () throws -> Void) rethrows {
        try normal(into: values, pause, { $0 }, { uniformDouble() }, { boxMuller($0, $1) })
    }

    @inline(__always)
    private func normal<Element>(
        into values: UnsafeMutableBufferPointer<Element>, _ pause: () throws -> Void, _ element: (Double) -> Element,
        _ uniform: () -> Element, _ transform: (UnsafeMutableBufferPointer<Element>, Int) -> Void
    ) rethrows {
        let count = values.count
        if count < 16 {
            for index in 0..<count { values[index] = element(normalScalar()) }
            return
        }
        for index in 0..<count {
            if index % Cancellation.stride == Cancellation.stride - 1 { try pause() }
            values[index] = uniform()
        }
        for start in stride(from: 0, through: count - 16, by: 16) {
            if start % Cancellation.stride == Cancellation.stride - 16 { try pause() }
            transform(values, start)
        }
        if count % 16 != 0 {
            for index in count - 16..<count { values[index] = uniform() }
            transform(values, count - 16)
        }
    }

    /// `torch.randn(count)` in bfloat16 or float16, before rounding: blocks of 16 are drawn and transformed one after the
    /// other, and a rest draws the last 16 anew.
    func normalBlocks(into values: UnsafeMutableBufferPointer<Float>, _ pause: () throws -> Void) rethrows {
        let count = values.count
        if count < 16 { return try normal(into: values, pause) }
        var start = 0
        while start < count {
            if start % Cancellation.stride == Cancellation.stride - 16 { try pause() }
            let first = min(start, count - 16)
            for index in first..<first + 16 { values[index] = uniform() }
            boxMuller(values, first)
            start += 16
        }
    }

    /// 2π to the nearest float; `Float.pi` is rounded down, which would show in the sixth digit of large angles.
    private static let turn = Float(2 * Double.pi)

    private func boxMuller(_ values: UnsafeMutableBufferPointer<Float>, _ start: Int) {
        for lane in start..<start + 8 {
            let radius = (-2 * log(1 - values[lane])).squareRoot()
            let angle = TorchGenerator.turn * values[lane + 8]
            values[lane] = radius * cos(angle)
            values[lane + 8] = radius * sin(angle)
        }
    }

    private func boxMuller(_ values: UnsafeMutableBufferPointer<Double>, _ start: Int) {
        for lane in start..<start + 8 {
            let radius = (-2 * log(1 - values[lane])).squareRoot()
            let angle = 2 * Double.pi * values[lane + 8]
            values[lane] = radius * cos(angle)
            values[lane + 8] = radius * sin(angle)
        }
    }

    private func normalScalar() -> Double {
        if let cached = cachedNormal {
            cachedNormal = nil
            return cached
        }
        let angle = 2 * Double.pi * uniformDouble()
        let radius = (-2 * log1p(-uniformDouble())).squareRoot()
        cachedNormal = radius * sin(angle)
        return radius * cos(angle)
    }
}

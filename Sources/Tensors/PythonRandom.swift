/// Python's `random` module: `random.seed(n)` and the functions that experiments of the reference draw from.
public struct PythonRandom: Sendable {
    private var engine: MersenneTwister

    /// `random.seed(seed)` for an integer seed.
    public init(seed: Int) {
        var magnitude = seed.magnitude
        var words: [UInt32] = []
        repeat {
            words.append(UInt32(truncatingIfNeeded: magnitude))
            magnitude >>= 32
        } while magnitude > 0
        engine = MersenneTwister(key: words)
    }

    /// `random.random()`.
    public mutating func random() -> Double { engine.nextDouble() }

    /// `random.choices(population, k=count)` as indexes into a population of `size`, at least 1.
    public mutating func choices(_ size: Int, count: Int) -> [Int] {
        (0..<max(0, count)).map { _ in Int((random() * Double(size)).rounded(.down)) }
    }

    /// `random.sample(population, k=count)` as indexes into a population of `size`. No more than `size` are drawn.
    public mutating func sample(_ size: Int, count: Int) -> [Int] {
        let count = max(0, min(count, size))
        var result = [Int64](repeating: 0, count: count)
        var pool = [Int64](repeating: 0, count: Self.drawsFromPool(size, count: count) ? size : 0)
        pool.withUnsafeMutableBufferPointer { pool in
            result.withUnsafeMutableBufferPointer { sample(size, into: $0, pool: pool) {} }
        }
        return result.map { Int($0) }
    }

    /// Whether `random.sample` draws from a list of the whole population, rather than anew what was drawn before.
    static func drawsFromPool(_ size: Int, count: Int) -> Bool {
        var setSize = 21
        if count > 5 {
            var power = 1
            while power / 3 < count { power *= 4 }
            setSize += power
        }
        return size <= setSize
    }

    /// `random.sample(population, k=result.count)` as indexes into a population of `size`, which are at least as many; `pause`
    /// is called now and then, and what it throws ends the work.
    /// - Parameter pool: room for `size` indexes where `drawsFromPool`.
    mutating func sample(
        _ size: Int, into result: UnsafeMutableBufferPointer<Int64>, pool: UnsafeMutableBufferPointer<Int64>,
        _ pause: () throws -> Void
    ) rethrows {
        func pauses(_ index: Int) throws {
            if index % Cancellation.stride == Cancellation.stride - 1 { try pause() }
        }
        let count = result.count
        if Self.drawsFromPool(size, count: count) {
            for index in 0..<size {
                try pauses(index)
                pool[index] = Int64(index)
            }
            for drawn in 0..<count {
                try pauses(drawn)
                let index = below(size - drawn)
                result[drawn] = pool[index]
                pool[index] = pool[size - drawn - 1]
            }
        } else {
            var seen = Set<Int>(minimumCapacity: count)
            for drawn in 0..<count {
                try pauses(drawn)
                var index = below(size)
                while !seen.insert(index).inserted { index = below(size) }
                result[drawn] = Int64(index)
            }
        }
    }

    /// `_randbelow`: bits are drawn until they are below the bound.
    private mutating func below(_ bound: Int) -> Int {
        let bits = Int.bitWidth - bound.leadingZeroBitCount
        while true {
            let value = bits <= 32 ? Int(engine.next() >> UInt32(32 - bits)) : wide(bits)
            if value < bound { return value }
        }
    }

    private mutating func wide(_ bits: Int) -> Int {
        let low = UInt64(engine.next())
        let high = UInt64(engine.next() >> UInt32(64 - bits))
        return Int(high << 32 | low)
    }
}

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
        var setSize = 21
        if count > 5 {
            var power = 1
            while power / 3 < count { power *= 4 }
            setSize += power
        }
        var result: [Int] = []
        result.reserveCapacity(count)
        if size <= setSize {
            var pool = Array(0..<size)
            for drawn in 0..<count {
                let index = below(size - drawn)
                result.append(pool[index])
                pool[index] = pool[size - drawn - 1]
            }
        } else {
            var seen = Set<Int>()
            for _ in 0..<count {
                var index = below(size)
                while !seen.insert(index).inserted { index = below(size) }
                result.append(index)
            }
        }
        return result
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

/// NumPy's `default_rng(seed)`: PCG64 (O'Neill, 2014), seeded by a `SeedSequence`.
public struct NumPyGenerator: Sendable {
    private static let multiplier = UInt128(2_549_297_995_355_413_924) << 64 | UInt128(4_865_540_595_714_422_341)
    private var state: UInt128
    private let increment: UInt128
    /// The upper half of a word whose lower half was given.
    private var kept: UInt32?

    /// `default_rng(seed)` for a seed below 2^32.
    public init(seed: UInt32) {
        let words = Self.words(seed)
        increment = (UInt128(words[2]) << 64 | UInt128(words[3])) << 1 | 1
        state = increment &+ (UInt128(words[0]) << 64 | UInt128(words[1]))
        state = state &* Self.multiplier &+ increment
    }

    /// `SeedSequence(seed).generate_state(4, uint64)`.
    private static func words(_ seed: UInt32) -> [UInt64] {
        var factor: UInt32 = 0x43B0_D7E5
        func hashed(_ value: UInt32) -> UInt32 {
            var value = value ^ factor
            factor = factor &* 0x931E_8875
            value = value &* factor
            return value ^ value >> 16
        }
        var pool = [seed, 0, 0, 0].map(hashed)
        for source in 0..<4 {
            for target in 0..<4 where target != source {
                let value = 0xCA01_F9DD &* pool[target] &- 0x4973_F715 &* hashed(pool[source])
                pool[target] = value ^ value >> 16
            }
        }
        factor = 0x8B51_F9DD
        let halves = (0..<8).map { place -> UInt64 in
            var value = pool[place % 4] ^ factor
            factor = factor &* 0x58F3_8DED
            value = value &* factor
            return UInt64(value ^ value >> 16)
        }
        return (0..<4).map { halves[2 * $0] | halves[2 * $0 + 1] << 32 }
    }

    private mutating func next() -> UInt32 {
        if let kept {
            self.kept = nil
            return kept
        }
        state = state &* Self.multiplier &+ increment
        let folded = UInt64(truncatingIfNeeded: state >> 64) ^ UInt64(truncatingIfNeeded: state)
        let turn = UInt64(truncatingIfNeeded: state >> 122)
        let word = folded >> turn | folded << ((64 &- turn) & 63)
        kept = UInt32(truncatingIfNeeded: word >> 32)
        return UInt32(truncatingIfNeeded: word)
    }

    /// One index of `choice(bound, replace=True)` or `integers(0, bound)`, for a bound below 2^32 (Lemire, 2019).
    public mutating func index(below bound: UInt32) -> Int {
        if bound <= 1 { return 0 }
        var product = UInt64(next()) * UInt64(bound)
        if UInt32(truncatingIfNeeded: product) < bound {
            let threshold = (0 &- bound) % bound
            while UInt32(truncatingIfNeeded: product) < threshold { product = UInt64(next()) * UInt64(bound) }
        }
        return Int(product >> 32)
    }
}

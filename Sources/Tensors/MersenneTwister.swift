/// MT19937 (Matsumoto and Nishimura, 1998): the engine below NumPy's RandomState, Python's random and PyTorch's CPU stream.
/// The three seed it and consume its words differently; see `NumPyRandom`, `PythonRandom` and `TorchGenerator`.
public struct MersenneTwister: Equatable, Sendable {
    /// The 624 words of the last refill.
    public internal(set) var state: [UInt32]
    /// How many of the words were given out; 624 means that the next one refills.
    public internal(set) var position: Int

    /// Seeds as `init_genrand`: NumPy's legacy seeding of integers below 2^32, and PyTorch's.
    public init(seed: UInt32) {
        var words = [UInt32](repeating: 0, count: 624)
        words[0] = seed
        for index in 1..<624 {
            let previous = words[index - 1]
            words[index] = 1_812_433_253 &* (previous ^ (previous >> 30)) &+ UInt32(index)
        }
        state = words
        position = 624
    }

    /// Seeds as `init_by_array`: Python's seeding, with the words of the seed's absolute value, low word first.
    public init(key: [UInt32]) {
        self.init(seed: 19_650_218)
        let key = key.isEmpty ? [0] : key
        var i = 1
        var j = 0
        for _ in 0..<max(624, key.count) {
            let previous = state[i - 1]
            state[i] = (state[i] ^ ((previous ^ (previous >> 30)) &* 1_664_525)) &+ key[j] &+ UInt32(j)
            i += 1
            j += 1
            if i >= 624 {
                state[0] = state[623]
                i = 1
            }
            if j >= key.count { j = 0 }
        }
        for _ in 0..<623 {
            let previous = state[i - 1]
            state[i] = (state[i] ^ ((previous ^ (previous >> 30)) &* 1_566_083_941)) &- UInt32(i)
            i += 1
            if i >= 624 {
                state[0] = state[623]
                i = 1
            }
        }
        state[0] = 0x8000_0000
    }

    /// The next 32 random bits.
    public mutating func next() -> UInt32 {
        if position >= 624 { refill() }
        var word = state[position]
        position += 1
        word ^= word >> 11
        word ^= (word << 7) & 0x9D2C_5680
        word ^= (word << 15) & 0xEFC6_0000
        word ^= word >> 18
        return word
    }

    /// 53 random bits as a fraction of [0, 1), from two words: `random_sample` of NumPy and `random()` of Python.
    public mutating func nextDouble() -> Double {
        let high = Double(next() >> 5)
        let low = Double(next() >> 6)
        return (high * 67_108_864 + low) / 9_007_199_254_740_992
    }

    private mutating func refill() {
        state.withUnsafeMutableBufferPointer { words in
            for index in 0..<624 {
                let mixed = (words[index] & 0x8000_0000) | (words[(index + 1) % 624] & 0x7FFF_FFFF)
                words[index] = words[(index + 397) % 624] ^ (mixed >> 1) ^ ((mixed & 1) == 0 ? 0 : 0x9908_B0DF)
            }
        }
        position = 0
    }
}

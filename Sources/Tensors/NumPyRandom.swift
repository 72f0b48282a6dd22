/// NumPy's legacy `RandomState`, which pandas' `sample` and scikit-learn's `train_test_split` draw from.
public struct NumPyRandom: Sendable {
    private var engine: MersenneTwister

    /// `numpy.random.RandomState(seed)` for a seed below 2^32.
    public init(seed: UInt32) { engine = MersenneTwister(seed: seed) }

    /// `permutation(count)`: Fisher-Yates from the end with masked rejection on 32-bit words.
    public mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<max(0, count))
        shuffle(&order)
        return order
    }

    /// `shuffle(values)`, in place.
    public mutating func shuffle<Element>(_ values: inout [Element]) {
        if values.count < 2 { return }
        for last in stride(from: values.count - 1, through: 1, by: -1) {
            values.swapAt(last, interval(last))
        }
    }

    /// `choice(count, size, replace=False)`: the head of a permutation.
    public mutating func choice(_ count: Int, _ size: Int) -> [Int] { Array(permutation(count).prefix(max(0, size))) }

    /// `random_sample()`: a fraction of [0, 1) with 53 bits.
    public mutating func uniform() -> Double { engine.nextDouble() }

    /// `randint(0, bound)` for the indexes of a bootstrap: a uniform index below `bound`.
    public mutating func index(below bound: Int) -> Int { bound <= 1 ? 0 : interval(bound - 1) }

    /// A uniform integer of 0 ... maximum, by masked rejection.
    private mutating func interval(_ maximum: Int) -> Int {
        if maximum == 0 { return 0 }
        let mask = UInt64.max >> UInt64(UInt64(maximum).leadingZeroBitCount)
        while true {
            var word: UInt64
            if maximum <= Int(UInt32.max) {
                word = UInt64(engine.next())
            } else {
                word = UInt64(engine.next()) << 32
                word |= UInt64(engine.next())
            }
            word &= mask
            if word <= UInt64(maximum) { return Int(word) }
        }
    }
}

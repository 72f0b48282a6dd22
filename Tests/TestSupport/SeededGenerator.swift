import Foundation

/// Random numbers for tests, so that a failing test can fail again: splitmix64.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// The same numbers in every run.
    public init(seed: UInt64) { state = seed }

    /// Other numbers in every run. The seed is printed; the environment's `CHEXGEN_TEST_SEED` sets it.
    public init(test: String = #function, file: String = #fileID) {
        let given = ProcessInfo.processInfo.environment["CHEXGEN_TEST_SEED"].flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 0...UInt64.max)
        print("\(file) \(test): again with CHEXGEN_TEST_SEED=\(seed)")
        self.init(seed: seed)
    }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

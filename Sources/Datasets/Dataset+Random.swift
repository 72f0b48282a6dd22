import Foundation
import Tensors

extension Dataset {
    /// `n` different rows in the order of pandas' `DataFrame.sample(n, random_state=seed)`.
    /// - Throws: `DatasetError.value` where there are fewer rows, or the seed is not from 0 to 2^32 - 1.
    public func sample(_ n: Int, seed: Int) throws -> Dataset {
        guard n >= 0, n <= count else {
            throw DatasetError.value(
                operation: "sample", message: "n must be from 0 to the \(count) rows of the dataset, got \(n)")
        }
        var random = NumPyRandom(seed: try Dataset.numpySeed(seed, operation: "sample"))
        let drawn = random.choice(count, n).map { rows[$0] }
        return derived(drawn, "sample", "n = \(n), seed = \(seed)")
    }

    static func numpySeed(_ seed: Int, operation: String) throws -> UInt32 {
        guard let seed = UInt32(exactly: seed) else {
            throw DatasetError.value(
                operation: operation, message: "the seed must be from 0 to 4294967295, got \(seed)")
        }
        return seed
    }
}

import Identity

/// The settings of all statistics and of their intervals and floors. Every default of the program stands here.
public struct StatisticSettings: Equatable, Sendable {
    /// Whose definitions are followed.
    public var definition = Protocol.chexgenbench
    /// The seed of all that is drawn.
    public var seed: UInt32 = 42
    /// Which neighbour bounds a ball: precision, recall, density, coverage.
    public var nearest = 5
    /// Subsets of the kernel inception distance.
    public var subsets = 100
    /// Rows of each of them. `chexgenbench` takes the size of the smaller set instead.
    public var subsetSize = 1000
    /// Splits of the Inception Score.
    public var splits = 10
    /// Half-samples of an interval; 0 for none.
    public var replicates = 100
    /// The fraction that an interval is to cover.
    public var level = 0.95
    /// Random splits of the real set for the floor; 0 for none.
    public var floorSplits = 8

    /// The defaults.
    public init() {}

    /// - Throws: `MetricError.value` that names the setting that is out of range.
    func check() throws {
        func refuse(_ message: String) -> MetricError { .value(metric: "statistic", message: message) }
        guard (0...100_000).contains(replicates) else {
            throw refuse("half-samples must be 0 to 100000, got \(replicates)")
        }
        guard level > 0, level < 1 else { throw refuse("a level lies between 0 and 1, got \(level)") }
        guard (0...100_000).contains(floorSplits) else {
            throw refuse("the splits of the floor must be 0 to 100000, got \(floorSplits)")
        }
        guard nearest >= 1 else { throw refuse("k must be at least 1, got \(nearest)") }
        guard splits >= 1 else { throw refuse("splits must be at least 1, got \(splits)") }
    }
}

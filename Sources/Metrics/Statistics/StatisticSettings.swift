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

    /// A setting that is a whole number, and what it may be. Sums of settings and of numbers of rows cannot overflow within
    /// these bounds, and a loop over a setting ends.
    public struct Whole: Sendable {
        /// What scripts call it.
        public let name: String
        /// What it may be.
        public let range: ClosedRange<Int>
        let value: @Sendable (StatisticSettings) -> Int
    }

    /// All settings that are whole numbers.
    public static let wholes = [
        Whole(name: "k", range: 1...1_000_000) { $0.nearest },
        Whole(name: "subsets", range: 1...1_000_000) { $0.subsets },
        Whole(name: "subset_size", range: 2...1_000_000_000) { $0.subsetSize },
        Whole(name: "splits", range: 1...1_000_000) { $0.splits },
        Whole(name: "replicates", range: 0...100_000) { $0.replicates },
        Whole(name: "floor_splits", range: 0...100_000) { $0.floorSplits },
    ]

    /// For how many rows a floor may be asked.
    public static let floorSizes = 1...1_000_000_000

    /// What is asked before anything is computed, `Statistic.refusal` included.
    /// - Throws: `MetricError.value` that names the setting that is out of range.
    public func check() throws {
        func refuse(_ message: String) -> MetricError { .value(metric: "statistic", message: message) }
        for whole in Self.wholes where !whole.range.contains(whole.value(self)) {
            throw refuse(
                "\(whole.name) must be \(whole.range.lowerBound) to \(whole.range.upperBound), got \(whole.value(self))"
            )
        }
        guard level > 0, level < 1 else { throw refuse("level must lie between 0 and 1, got \(level)") }
    }
}

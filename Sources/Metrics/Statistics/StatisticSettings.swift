import Identity

/// The settings of a measurement: of its statistics, and of their intervals and floors.
public struct StatisticSettings: Equatable, Sendable {
    /// Whose definitions are followed.
    public var definition = Protocol.chexgenbench
    /// The seed of all that is drawn.
    public var seed: UInt32 = 42
    /// The fraction that an interval is to cover.
    public var level = 0.95
    /// What was set of the settings that are declared, where it is not their default.
    private var given: [String: Given] = [:]

    private struct Given: Equatable, Sendable {
        let setting: StatisticSetting
        let value: StatisticSetting.Value
    }

    /// The defaults.
    public init() {}

    /// The value of a setting.
    public subscript(setting: StatisticSetting) -> StatisticSetting.Value {
        get { given[setting.name]?.value ?? setting.standard }
        set { given[setting.name] = newValue == setting.standard ? nil : Given(setting: setting, value: newValue) }
    }

    /// The value of a setting that is a whole number.
    public func whole(_ setting: StatisticSetting) -> Int {
        if case .whole(let value) = self[setting] { return value }
        return Int(exactly: self[setting].number.rounded()) ?? 0
    }

    /// The value of a setting that is a number.
    public func number(_ setting: StatisticSetting) -> Double { self[setting].number }

    /// The settings of all intervals and floors that are whole numbers.
    public static let common = [StatisticSetting.replicates, .floorSplits]

    /// The names of options beside which a statistic's own settings stand.
    static let taken: Set<String> = [
        "protocol", "seed", "level", "replicates", "floor_splits", "statistics", "metrics", "groups", "identity",
        "chunks", "size", "settings",
    ]

    /// For how many rows a floor may be asked.
    public static let floorSizes = 1...1_000_000_000

    /// What is asked before anything is computed, `Statistic.refusal` included.
    /// - Throws: `MetricError.value` that names the setting that is out of range.
    public func check() throws {
        func refuse(_ message: String) -> MetricError { .value(metric: "statistic", message: message) }
        for item in given.values.sorted(by: { $0.setting.name < $1.setting.name }) {
            if let fault = item.setting.fault(item.value) { throw refuse(fault) }
        }
        guard level > 0, level < 1 else { throw refuse("level must lie between 0 and 1, got \(level)") }
    }
}

extension StatisticSetting {
    /// Half-samples.
    public static let replicates = StatisticSetting(
        "replicates", parameter: "bootstrap", default: 100, in: 0...100_000, "Half-samples of an interval; 0 for none.")
    /// Splits of the real set.
    public static let floorSplits = StatisticSetting(
        "floor_splits", default: 8, in: 0...100_000, "Random splits of the floor; 0 for none.")
}

extension StatisticSettings {
    /// Half-samples of an interval; 0 for none.
    public var replicates: Int {
        get { whole(.replicates) }
        set { self[.replicates] = .whole(newValue) }
    }
    /// Random splits of the real set for the floor; 0 for none.
    public var floorSplits: Int {
        get { whole(.floorSplits) }
        set { self[.floorSplits] = .whole(newValue) }
    }
}

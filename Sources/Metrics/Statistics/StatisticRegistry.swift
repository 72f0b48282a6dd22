import Files

/// The statistics by name, in the order of their columns.
public struct StatisticRegistry: Sendable {
    /// The program's own, in the order of the reference's table.
    public static let standard = StatisticRegistry(
        [
            FrechetStatistic(), InceptionStatistic(), KernelStatistic(), NeighbourStatistic(.precision),
            NeighbourStatistic(.recall), NeighbourStatistic(.density), NeighbourStatistic(.coverage),
            RadiomicsStatistic(),
        ])

    private var registry: Registry<any Statistic>

    private init(_ entries: [any Statistic]) {
        registry = Registry("statistic", entries.map { (name: $0.name, entry: $0) })
    }

    /// The statistics, in order.
    public var entries: [any Statistic] { registry.all }

    /// The names.
    public var names: [String] { registry.names }

    /// The settings of the statistics' own, each once, in their order.
    public var settings: [StatisticSetting] { Self.settings(of: entries) }

    private static func settings(of entries: [any Statistic]) -> [StatisticSetting] {
        var found: [StatisticSetting] = []
        for setting in entries.flatMap(\.ownSettings) where !found.contains(setting) { found.append(setting) }
        return found
    }

    /// The statistic of a name, if there is one.
    public subscript(name: String) -> (any Statistic)? { registry[name] }

    /// Adds a statistic behind the others, or in place of an older one of its name.
    /// - Parameter replaceable: whether it may take the place of an entry.
    /// - Throws: `RegistryError.taken` where its name is taken, `MetricError.value` where its column is, or one is empty, or where a
    ///   setting of its own bears another one's name, or a default that it may not have.
    public mutating func add(
        _ statistic: any Statistic, replacing replaceable: (any Statistic) -> Bool = { _ in false }
    ) throws {
        func refuse(_ message: String) -> MetricError { .value(metric: statistic.name, message: message) }
        guard !statistic.name.isEmpty, !statistic.column.isEmpty else {
            throw refuse("a statistic needs a name and a column")
        }
        guard !entries.contains(where: { $0.column == statistic.column && $0.name != statistic.name }) else {
            throw refuse("there is a statistic with the column \"\(statistic.column)\"")
        }
        let others = Self.settings(of: entries.filter { $0.name != statistic.name })
        for (index, setting) in statistic.ownSettings.enumerated() {
            let known = others.filter { $0 != setting } + statistic.ownSettings.prefix(index)
            guard !setting.name.isEmpty, !StatisticSettings.taken.contains(setting.name),
                !known.contains(where: { $0.name == setting.name || $0.parameter == setting.parameter })
            else { throw refuse("the setting \"\(setting.name)\" has no name, or that of another one") }
            if let fault = setting.fault(setting.standard) { throw refuse("the default of its setting: " + fault) }
        }
        try registry.put(statistic.name, statistic, replacing: replaceable)
    }
}

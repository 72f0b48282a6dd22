/// The statistics by name, in the order of their columns.
public struct StatisticRegistry: Sendable {
    /// The program's own, in the order of the reference's table.
    public static let standard = StatisticRegistry(
        own: [
            FrechetStatistic(), InceptionStatistic(), KernelStatistic(), NeighbourStatistic(.precision),
            NeighbourStatistic(.recall), NeighbourStatistic(.density), NeighbourStatistic(.coverage),
            RadiomicsStatistic(),
        ])

    /// The statistics, in order.
    public private(set) var entries: [any Statistic]

    private init(own entries: [any Statistic]) { self.entries = entries }

    /// The names.
    public var names: [String] { entries.map(\.name) }

    /// The statistic of a name, if there is one.
    public subscript(name: String) -> (any Statistic)? { entries.first { $0.name == name } }

    /// Adds a statistic behind the others, or in place of an older one of its name.
    /// - Parameter replaceable: whether it may take the place of an entry.
    /// - Throws: `MetricError.value` where its name or its column is taken or empty.
    public mutating func add(
        _ statistic: any Statistic, replacing replaceable: (any Statistic) -> Bool = { _ in false }
    ) throws {
        func refuse(_ message: String) -> MetricError { .value(metric: statistic.name, message: message) }
        guard !statistic.name.isEmpty, !statistic.column.isEmpty else {
            throw refuse("a statistic needs a name and a column")
        }
        let place = entries.firstIndex { $0.name == statistic.name }
        if let place, !replaceable(entries[place]) { throw refuse("there is a statistic of this name") }
        guard !entries.contains(where: { $0.column == statistic.column && $0.name != statistic.name }) else {
            throw refuse("there is a statistic with the column \"\(statistic.column)\"")
        }
        if let place { entries[place] = statistic } else { entries.append(statistic) }
    }
}

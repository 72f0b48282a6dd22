import Metrics

/// Whether two metrics put the same models in the same order.
public struct MetricAgreement {
    /// The two columns.
    public let first: String
    /// The other column.
    public let second: String
    /// Kendall's tau-b of both, better before worse: 1 where they agree, -1 where one is the other upside down.
    public let tau: Double
    /// Its interval over models; nil of fewer than four, or where it cannot be drawn.
    public let low: Double?
    /// The upper end of the interval.
    public let high: Double?
    /// How many models it is over.
    public let models: Int
    /// How many models have both numbers but of other kinds, which are not compared.
    public let leftOut: Int

    /// Every pair of columns that at least three models have, in the order of columns. Only numbers of one kind are compared, the
    /// kind that most models have, unless `isMixed`.
    /// - Throws: `MetricError` for options out of range.
    public static func all(
        _ rows: [LeaderboardRow], isMixed: Bool = false, _ options: Bootstrap.Options = Bootstrap.Options()
    ) throws -> [MetricAgreement] {
        guard rows.count <= KendallTau.limit else {
            throw LeaderboardError("wanted at most \(KendallTau.limit) rows, got \(rows.count)")
        }
        let metrics = Leaderboard.metrics(rows).filter { Leaderboard.direction(of: $0, rows) != nil }.prefix(40)
        var found: [MetricAgreement] = []
        for (index, first) in metrics.enumerated() {
            for second in metrics.dropFirst(index + 1) {
                if let pair = try agreement(rows, first, second, isMixed, options) { found.append(pair) }
            }
        }
        return found
    }

    private static func agreement(
        _ rows: [LeaderboardRow], _ first: String, _ second: String, _ isMixed: Bool, _ options: Bootstrap.Options
    ) throws -> MetricAgreement? {
        let isLower = [first, second].map { Leaderboard.direction(of: $0, rows) == .lower }
        var order: [String] = []
        var kinds: [String: [(Double, Double)]] = [:]
        var count = 0
        for row in rows {
            guard let a = row.number(first), let b = row.number(second), !a.value.isNaN, !b.value.isNaN else {
                continue
            }
            count += 1
            let key = isMixed ? "" : Leaderboard.Kind.key(row, a) + "\u{1F}" + Leaderboard.Kind.key(row, b)
            if kinds[key] == nil { order.append(key) }
            kinds[key, default: []].append((isLower[0] ? -a.value : a.value, isLower[1] ? -b.value : b.value))
        }
        // The first of the kinds that most models have.
        guard let largest = order.map({ kinds[$0] ?? [] }).max(by: { $0.count < $1.count }), largest.count >= 3 else {
            return nil
        }
        let (a, b) = (largest.map(\.0), largest.map(\.1))
        guard let tau = try KendallTau.value(a, b) else { return nil }
        let interval = try KendallTau.interval(a, b, options)
        return MetricAgreement(
            first: first, second: second, tau: tau, low: interval?.low, high: interval?.high, models: largest.count,
            leftOut: count - largest.count)
    }
}

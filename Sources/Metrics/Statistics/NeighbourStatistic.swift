/// Precision, recall, density and coverage as statistics; a sample's four numbers come from one search for neighbours.
struct NeighbourStatistic: Statistic {
    enum Part: String, Sendable {
        case precision, recall, density, coverage
    }

    private let part: Part
    let direction = StatisticDirection.higher
    let input = StatisticInput.neighbours
    let sizeBias = SizeBias.slow
    let ownSettings = [StatisticSetting.nearest]

    init(_ part: Part) { self.part = part }

    var name: String { part.rawValue }
    var column: String { part.rawValue.prefix(1).uppercased() + part.rawValue.dropFirst() }
    var range: ClosedRange<Double> { part == .density ? 0...Double.infinity : 0...1 }

    var about: String {
        switch part {
        case .precision:
            return "The fraction of synthetic images in the ball of any real one (Kynkäänniemi et al., 2019)."
        case .recall: return "The fraction of real images in the ball of any synthetic one (Kynkäänniemi et al., 2019)."
        case .density: return "The mean number of real balls around a synthetic image, over k (Naeem et al., 2020)."
        case .coverage:
            return "The fraction of real images with a synthetic one in their ball (Naeem et al., 2020)."
        }
    }

    func estimator(_ settings: StatisticSettings) -> String { "nearest-neighbour-balls" }

    func leastRows(_ settings: StatisticSettings) -> Int { settings.nearest + 1 }

    /// Of all other images, n - 1 real and m synthetic ones in any order of distance, the k nearest are all real with the chance
    /// that the product gives; else a ball holds a synthetic one (Naeem et al., 2020, section 3.3).
    func knownFloor(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Double? {
        if real <= settings.nearest { return nil }
        switch part {
        case .precision, .recall: return nil
        case .density: return 1
        case .coverage:
            let uncovered = (1...max(1, settings.nearest)).reduce(1.0) {
                $0 * Double(real - $1) / Double(real + synthetic - $1)
            }
            return 1 - uncovered
        }
    }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        let score = try sample.once("prdc \(settings.nearest)") {
            try PRDC.score(sample.real(), sample.synthetic(), k: settings.nearest)
        }
        switch part {
        case .precision: return score.precision
        case .recall: return score.recall
        case .density: return score.density
        case .coverage: return score.coverage
        }
    }
}

extension StatisticSetting {
    /// Which neighbour bounds a ball.
    public static let nearest = StatisticSetting(
        "k", parameter: "nearest_k", default: 5, in: 1...1_000_000,
        "Neighbours that precision, recall, density and coverage look at: the last of them bounds a ball.")
}

extension StatisticSettings {
    /// Which neighbour bounds a ball: precision, recall, density, coverage.
    public var nearest: Int {
        get { whole(.nearest) }
        set { self[.nearest] = .whole(newValue) }
    }
}

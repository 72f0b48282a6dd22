import Identity

/// The Inception Score as a statistic.
struct InceptionStatistic: Statistic {
    let name = "inception-score"
    let column = "Inception Score"
    let about =
        "The exponential of the mean divergence of each image's classes from all images' classes (Salimans et al., 2016)."
    let direction = StatisticDirection.higher
    let input = StatisticInput.logits
    let comparesWithReal = false
    let range = 1...Double.infinity
    let hasSpread = true
    let sizeBias = SizeBias.inverse
    let ownSettings = [StatisticSetting.splits]

    func estimator(_ settings: StatisticSettings) -> String { "mean-of-splits" }

    func isDrawn(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Bool { settings.splits > 1 }

    /// A split of one image has a score of 1 whatever it shows. The reference prints it all the same.
    func leastRows(_ settings: StatisticSettings) -> Int {
        settings.definition == .exact ? InceptionScore.leastRows(splits: settings.splits) : 1
    }

    func leastRowsOfParts(_ settings: StatisticSettings) -> Int { InceptionScore.leastRows(splits: settings.splits) }

    func note(_ settings: StatisticSettings, real: Int, synthetic: Int) -> String? {
        synthetic < InceptionScore.leastRows(splits: settings.splits)
            ? "an Inception Score of \(synthetic) images in \(settings.splits) splits is 1 whatever they show" : nil
    }

    func reading(_ whole: Sample, _ settings: StatisticSettings) throws -> Reading {
        let score = try score(whole, settings)
        return Reading(score.mean, spread: score.std)
    }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double { try score(sample, settings).mean }

    private func score(_ sample: Sample, _ settings: StatisticSettings) throws -> InceptionScore.Score {
        try InceptionScore.score(sample.synthetic(), splits: settings.splits, seed: UInt64(settings.seed))
    }
}

extension StatisticSetting {
    /// Parts of the Inception Score.
    public static let splits = StatisticSetting(
        "splits", parameter: "inception_splits", default: 10, in: 1...1_000_000,
        "Parts that the Inception Score averages over.")
}

extension StatisticSettings {
    /// Parts of the Inception Score.
    public var splits: Int {
        get { whole(.splits) }
        set { self[.splits] = .whole(newValue) }
    }
}

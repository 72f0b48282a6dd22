/// The Fréchet distance as a statistic.
struct FrechetStatistic: Statistic {
    let name = "fid"
    let column = "FID"
    let about = "The Fréchet distance between Gaussians fitted to both sets' features (Heusel et al., 2017)."
    let direction = StatisticDirection.lower
    let input = StatisticInput.features
    let range = 0...Double.infinity
    let sizeBias = SizeBias.distance

    func estimator(_ settings: StatisticSettings) -> String { "frechet-f64" }
    func leastRows(_ settings: StatisticSettings) -> Int { 2 }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        try FrechetDistance.distance(sample.real(), sample.synthetic())
    }
}

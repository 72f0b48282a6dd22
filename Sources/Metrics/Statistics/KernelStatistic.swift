import Identity

/// The kernel inception distance as a statistic.
///
/// Its printed value is a mean over random subsets. Given the images, that mean is expected to be the estimate over all
/// pairs, so intervals are made from the latter and from the variance that the draw of subsets adds.
struct KernelStatistic: Statistic {
    let name = "kid"
    let column = "KID"
    let about = "The squared maximum mean discrepancy under a cubic kernel, without bias (Bińkowski et al., 2018)."
    let direction = StatisticDirection.lower
    let input = StatisticInput.features
    let hasSpread = true
    let sizeBias = SizeBias.none
    let ownSettings = [StatisticSetting.subsets, .subsetSize]

    func estimator(_ settings: StatisticSettings) -> String { "unbiased-mmd2-polynomial-3" }

    func details(_ settings: StatisticSettings, real: Int, synthetic: Int) -> [String: String] {
        [
            "subsets": String(settings.subsets),
            "subset_size": String(subsetSize(settings, real: real, synthetic: synthetic)),
        ]
    }

    func isDrawn(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Bool {
        let size = subsetSize(settings, real: real, synthetic: synthetic)
        return size != real || size != synthetic
    }

    func leastRows(_ settings: StatisticSettings) -> Int { 2 }

    /// It is unbiased.
    func knownFloor(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Double? { 0 }

    /// All samples' sums come from one pass over the kernels.
    var sharesWork: Bool { true }

    func reading(_ whole: Sample, _ settings: StatisticSettings) throws -> Reading {
        let (real, synthetic) = (whole.pair.real, whole.pair.synthetic)
        var options = KernelInceptionDistance.Options()
        options.subsets = settings.subsets
        options.subsetSize = subsetSize(settings, real: real.rows, synthetic: synthetic.rows)
        options.seed = UInt64(settings.seed)
        options.ignoresOrder = settings.definition == .exact
        let score = try KernelInceptionDistance.score(real, synthetic, options)
        return Reading(
            score.mean, spread: score.std, drawVariance: score.std * score.std / Double(max(1, settings.subsets)))
    }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        try KernelInceptionDistance.allPairs(sample.real(), sample.synthetic())
    }

    func values(_ samples: [Sample], _ settings: StatisticSettings) throws -> [Double] {
        guard let pair = samples.first?.pair else { return [] }
        return try KernelInceptionDistance.allPairs(
            pair.real, pair.synthetic, of: samples.map { ($0.realRows, $0.syntheticRows) })
    }

    private func subsetSize(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Int {
        let smaller = min(real, synthetic)
        return settings.definition == .exact ? min(settings.subsetSize, smaller) : smaller
    }
}

extension StatisticSetting {
    /// Subsets of the kernel inception distance.
    public static let subsets = StatisticSetting(
        "subsets", parameter: "kid_subsets", default: 100, in: 1...1_000_000, "Subsets that KID averages over.")
    /// Rows of each of them.
    public static let subsetSize = StatisticSetting(
        "subset_size", parameter: "kid_subset_size", default: 1000, in: 2...1_000_000_000,
        "Images of each of KID's subsets; studies under chexgenbench take subsets as large as the smaller set.")
}

extension StatisticSettings {
    /// Subsets of the kernel inception distance.
    public var subsets: Int {
        get { whole(.subsets) }
        set { self[.subsets] = .whole(newValue) }
    }
    /// Rows of each of them. `chexgenbench` takes the size of the smaller set instead.
    public var subsetSize: Int {
        get { whole(.subsetSize) }
        set { self[.subsetSize] = .whole(newValue) }
    }
}

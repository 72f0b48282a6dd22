import Identity

/// The Fréchet Radiomics Distance as a statistic. Its samples hold the values that `RadiomicFeatures` chose.
struct RadiomicsStatistic: Statistic {
    let name = "frd"
    let column = "FRD"
    let about =
        "The logarithm of the Fréchet distance between standardised radiomic features (Konz et al., 2024): below 0 where the distance "
        + "is below 1."
    let direction = StatisticDirection.lower
    let input = StatisticInput.radiomics
    let sizeBias = SizeBias.distance

    func estimator(_ settings: StatisticSettings) -> String { settings.definition == .exact ? "ln d" : "ln d2" }

    func details(_ settings: StatisticSettings, real: Int, synthetic: Int) -> [String: String] {
        [
            "norm": "real set, population deviation",
            "diagnostics": settings.definition == .exact ? "left out" : "kept",
        ]
    }

    func isDrawn(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Bool {
        settings.definition == .chexgenbench && real != synthetic
    }

    func leastRows(_ settings: StatisticSettings) -> Int { 2 }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        try StandardScores(sample.real(), sample.synthetic(), settings.definition, seed: settings.seed)
            .squaredDistance()
    }

    func shown(_ raw: Double, _ settings: StatisticSettings) -> Double {
        FrechetRadiomicsDistance.shown(raw, settings.definition)
    }

    /// A distance that is nothing but bias leaves 0, or less, for endless sets, which has no logarithm: what is left is no more
    /// than the rounding of the distance at hand.
    func shownLimit(_ raw: Double, of whole: Double, _ settings: StatisticSettings) -> Double {
        shown(max(raw, whole * .ulpOfOne), settings)
    }
}

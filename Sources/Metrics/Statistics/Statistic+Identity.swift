import Identity

extension Statistic {
    /// The identity of its value of sets of so many rows.
    /// - Parameter isLimit: of the value for endless sets, which is extrapolated from those rows.
    public func identity(
        _ features: FeatureIdentity, _ settings: StatisticSettings, real: Int, synthetic: Int, isLimit: Bool = false
    ) -> MetricIdentity {
        var details = details(settings, real: real, synthetic: synthetic)
        if isLimit {
            details["limit"] = "linear in 1/N, from N and N/2"
            details["half_samples"] = String(settings.replicates)
        }
        let isDrawn = isLimit || isDrawn(settings, real: real, synthetic: synthetic)
        return MetricIdentity(
            metric: name, definition: settings.definition, features: features, estimator: estimator(settings),
            realCount: real, syntheticCount: synthetic, seed: isDrawn ? UInt64(settings.seed) : nil, details: details)
    }
}

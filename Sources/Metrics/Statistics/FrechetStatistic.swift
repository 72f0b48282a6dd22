import Tensors

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

    var sharesWork: Bool { true }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        try FrechetDistance.distance(sample.real(), sample.synthetic())
    }

    /// Halves and parts of two sets share the products of their rows, and are worked out several at a time.
    func values(_ samples: [Sample], _ settings: StatisticSettings) throws -> [Double] {
        let sizes = samples.map { (real: $0.realCount, synthetic: $0.syntheticCount) }
        guard let pair = samples.first?.pair, CrossProducts.suits(pair, sizes),
            // A set beside itself: where the rows are the same, the distance is 0 to the last bit.
            !pair.real.isIdentical(to: pair.synthetic) || samples.allSatisfy({ $0.realRows != $0.syntheticRows })
        else { return try samples.map { try value($0, settings) } }
        let products: CrossProducts
        do {
            products = try pair.once("cross products") { try CrossProducts(pair) }
        } catch TensorError.outOfMemory {
            return try samples.map { try value($0, settings) }
        }
        return try Threads.map(samples.count) { index in
            try Cancellation.check()
            let sample = samples[index]
            return try products.distance(
                sample.realRows ?? Array(0..<pair.real.rows), sample.syntheticRows ?? Array(0..<pair.synthetic.rows),
                metric: name)
        }
    }
}

import Tensors

/// The Fréchet distance between Gaussians fitted to two sets of features (Dowson and Landau, 1982; as FID: Heusel et al.,
/// 2017): `|m1 - m2|² + tr S1 + tr S2 - 2 tr (S1 S2)^½`.
///
/// With covariances `F1ᵀ F1` and `F2ᵀ F2` the last trace is the nuclear norm (the sum of singular values) of `F1 F2ᵀ`, so
/// no matrix square root is taken and nothing can become complex or NaN. F is the centred features themselves where a set
/// has at most D rows, the triangle of their QR decomposition where it has more, and Cholesky's factor where only moments
/// are at hand. All arithmetic is f64. Both protocols agree: the reference's eigenvalues differ by rounding only.
public enum FrechetDistance {
    /// The distance between features `[N, D]` and `[M, D]`, f32 or f64.
    /// - Throws: `MetricError` for other shapes, fewer than two rows, a feature that is not finite, or overflow.
    public static func distance(_ real: Tensor, _ synthetic: Tensor, metric: String = "fid") throws -> Double {
        let (first, second) = try FeatureSet.pair(real, synthetic, metric: metric)
        return try distance(first, second, metric: metric)
    }

    /// The distance between two sets of features.
    /// - Throws: `MetricError` for fewer than two rows or overflow.
    public static func distance(
        _ real: FeatureSet, _ synthetic: FeatureSet, metric: String = "fid"
    ) throws -> Double {
        let first = try GaussianFactor(real, metric: metric)
        let second = try GaussianFactor(synthetic, metric: metric)
        if real.isIdentical(to: synthetic) { return 0 }
        return try distance(first, second, metric: metric)
    }

    /// The distance between two sets' moments.
    /// - Throws: `MetricError` for different dimensions or fewer than two rows.
    public static func distance(_ real: Moments, _ synthetic: Moments, metric: String = "fid") throws -> Double {
        guard real.dimension == synthetic.dimension else {
            throw MetricError.shape(
                metric: metric,
                message: "real moments have \(real.dimension) columns, synthetic moments \(synthetic.dimension)")
        }
        let first = try real.gaussian(metric: metric, name: "real")
        let second = try synthetic.gaussian(metric: metric, name: "synthetic")
        return try distance(first, second, metric: metric)
    }

    /// The distance between moments and features: the features' moments are taken first.
    /// - Throws: as the two others.
    public static func distance(_ real: Moments, _ synthetic: Tensor, metric: String = "fid") throws -> Double {
        let moments = try Moments(dimension: real.dimension)
        try moments.update(synthetic, name: "synthetic", metric: metric)
        return try distance(real, moments, metric: metric)
    }

    static func distance(_ first: GaussianFactor, _ second: GaussianFactor, metric: String) throws -> Double {
        let dimension = first.dimension
        var shift = 0.0
        for column in 0..<dimension {
            let difference = first.mean.pointer[column] - second.mean.pointer[column]
            shift += difference * difference
        }
        try checkTraces((first.trace, second.trace), metric: metric)
        var cross = 0.0
        if first.rank > 0 && second.rank > 0 {
            cross = try NuclearNorm.ofProduct(
                first.factor, rows: first.rank, second.factor, rows: second.rank, dimension: dimension, metric: metric)
            cross *= (first.unit * second.unit).squareRoot()
        }
        return try distance(shift: shift, traces: (first.trace, second.trace), cross: cross, metric: metric)
    }

    private static func checkTraces(_ traces: (Double, Double), metric: String) throws {
        guard traces.0.isFinite, traces.1.isFinite else {
            throw MetricError.value(metric: metric, message: "the features are too large: their squares overflow")
        }
    }

    /// The distance from its parts: |m1 - m2|², the traces of both covariances, and that of the root of their product.
    /// - Throws: `MetricError.value` for overflow.
    static func distance(
        shift: Double, traces: (Double, Double), cross: Double, metric: String
    ) throws -> Double {
        try checkTraces(traces, metric: metric)
        // The sum is a square of a distance, so only rounding can take it below zero.
        let value = shift + (traces.0 + traces.1 - 2 * cross)
        guard value.isFinite else {
            throw MetricError.value(metric: metric, message: "the features are too large: their squares overflow")
        }
        return max(0, value)
    }
}

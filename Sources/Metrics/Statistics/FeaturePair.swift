import Tensors

/// Features of a real and of a synthetic set, each checked once, and what statistics keep of them between samples.
public final class FeaturePair {
    /// The features of the real set.
    public let real: FeatureSet
    /// The features of the synthetic set.
    public let synthetic: FeatureSet
    private let kept = Kept()

    /// A pair of sets.
    /// - Throws: `MetricError.shape` where the sets have different numbers of columns.
    public init(_ real: FeatureSet, _ synthetic: FeatureSet, metric: String = "statistic") throws {
        guard real.dimension == synthetic.dimension else {
            throw MetricError.shape(
                metric: metric,
                message: "real features have \(real.dimension) columns, synthetic features \(synthetic.dimension)")
        }
        self.real = real
        self.synthetic = synthetic
    }

    /// A pair of feature tensors `[N, D]` and `[M, D]`.
    /// - Throws: `MetricError` for other shapes, integers, or a feature that is not finite.
    public convenience init(_ real: Tensor, _ synthetic: Tensor, metric: String = "statistic") throws {
        try self.init(
            FeatureSet(real, name: "real", metric: metric), FeatureSet(synthetic, name: "synthetic", metric: metric),
            metric: metric)
    }

    /// All rows of both sets.
    public func whole() -> Sample { Sample(self, nil, nil) }

    /// Some rows of both sets, counted from 0, each at most once.
    public func sample(real: [Int], synthetic: [Int]) -> Sample { Sample(self, real, synthetic) }

    /// Computes a value once for all samples of the pair.
    func once<Value>(_ key: String, _ make: () throws -> Value) rethrows -> Value { try kept.once(key, make) }
}

/// Rows of a pair: all of them, a half, or two parts of the real set that are compared for a floor.
public final class Sample {
    /// What the rows are of.
    public let pair: FeaturePair
    /// The rows of the real set, from 0; nil is all.
    public let realRows: [Int]?
    /// The rows of the synthetic set, from 0; nil is all.
    public let syntheticRows: [Int]?
    private let kept = Kept()

    init(_ pair: FeaturePair, _ realRows: [Int]?, _ syntheticRows: [Int]?) {
        self.pair = pair
        self.realRows = realRows
        self.syntheticRows = syntheticRows
    }

    /// The number of real rows.
    public var realCount: Int { realRows?.count ?? pair.real.rows }
    /// The number of synthetic rows.
    public var syntheticCount: Int { syntheticRows?.count ?? pair.synthetic.rows }

    /// The features of the real rows; gathered once for all statistics.
    /// - Throws: `TensorError`.
    public func real() throws -> FeatureSet {
        guard let realRows else { return pair.real }
        return try once("real") { try pair.real.gathered(realRows) }
    }

    /// The features of the synthetic rows; gathered once for all statistics.
    /// - Throws: `TensorError`.
    public func synthetic() throws -> FeatureSet {
        guard let syntheticRows else { return pair.synthetic }
        return try once("synthetic") { try pair.synthetic.gathered(syntheticRows) }
    }

    /// Computes a value once for all statistics of the sample, such as the balls of precision and recall.
    func once<Value>(_ key: String, _ make: () throws -> Value) rethrows -> Value { try kept.once(key, make) }

    /// Forgets what was kept.
    func release() { kept.release() }
}

/// Values by key. What makes a value may ask for others.
private final class Kept {
    private var values: [String: Any] = [:]

    func once<Value>(_ key: String, _ make: () throws -> Value) rethrows -> Value {
        if let value = values[key] as? Value { return value }
        let value = try make()
        values[key] = value
        return value
    }

    func release() { values = [:] }
}

import COpenBLAS
import Tensors

/// The kernel inception distance (Bińkowski et al., 2018): the squared maximum mean discrepancy of two sets under the
/// polynomial kernel `(gamma x·y + coef)^degree`, estimated without bias.
public enum KernelInceptionDistance {
    /// The kernel, the subsets and the seed; the defaults are torchmetrics'.
    public struct Options: Equatable, Sendable {
        /// How many subsets are drawn.
        public var subsets = 100
        /// Rows of each subset. Nil is CheXGenBench's choice: the size of the smaller set.
        public var subsetSize: Int? = 1000
        /// The power, from 1 to 16.
        public var degree = 3
        /// The factor of the inner product; nil is 1/D.
        public var gamma: Double?
        /// The constant beside the inner product.
        public var coefficient = 1.0
        /// The seed of the PyTorch generator that draws real, then synthetic rows for each subset in turn.
        public var seed: UInt64 = 42
        /// Sort rows by content before drawing, so that the value does not depend on their order (`protocol = "exact"`).
        public var ignoresOrder = false

        /// The defaults.
        public init() {}
    }

    /// A mean and a deviation over subsets.
    public struct Score: Equatable, Sendable {
        /// The mean over the subsets.
        public let mean: Double
        /// The standard deviation over the subsets (divisor: their number).
        public let std: Double
    }

    /// The distance over random subsets of features `[N, D]` and `[M, D]`.
    ///
    /// A value is the mean kernel between different real rows, plus that of synthetic rows, less twice that between the
    /// two, in f64. The kernels of all pairs are computed once, tile by tile, and each tile is multiplied by the subsets'
    /// indicator vectors; where subsets are few and small beside the sets, each subset's own kernels are computed instead.
    /// Subsets that are both whole sets are all the same one, which is computed once.
    /// - Throws: `MetricError` for other shapes, a subset below 2 or above a set, or a feature that is not finite.
    public static func score(_ real: Tensor, _ synthetic: Tensor, _ options: Options = Options()) throws -> Score {
        let (first, second) = try FeatureSet.pair(real, synthetic, metric: metric)
        return try score(first, second, options)
    }

    /// The distance over random subsets of two feature sets.
    /// - Throws: as the other `score`.
    public static func score(
        _ real: FeatureSet, _ synthetic: FeatureSet, _ options: Options = Options()
    ) throws -> Score {
        let size = options.subsetSize ?? min(real.rows, synthetic.rows)
        try check(options, size, real, synthetic)
        let kernel = PolynomialKernel(options, dimension: real.dimension)
        let isWhole = size == real.rows && size == synthetic.rows
        let draws = SubsetDraws(real, synthetic, options, size)
        let count = isWhole ? 1 : options.subsets
        // Subsets are held a few million rows at a time.
        let chunk = max(1, 4_000_000 / size)
        var values: [Double] = []
        while values.count < count {
            let drawn = (0..<min(chunk, count - values.count)).map { _ in draws.next() }
            let sums = try kernel.subsetSums(real, synthetic, drawn)
            for sum in sums { values.append(try finite(sum.discrepancy(first: size, second: size))) }
        }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return Score(mean: mean, std: (squares / Double(values.count)).squareRoot())
    }

    /// The unbiased estimate over all pairs of both sets, whatever their sizes: no draw, no seed, no dependence on order.
    /// - Throws: as `score`; each set needs two rows.
    public static func allPairs(_ real: Tensor, _ synthetic: Tensor, _ options: Options = Options()) throws -> Double {
        let (first, second) = try FeatureSet.pair(real, synthetic, metric: metric)
        return try allPairs(first, second, options)
    }

    /// The unbiased estimate over all pairs of two feature sets.
    /// - Throws: as the other `allPairs`.
    public static func allPairs(
        _ real: FeatureSet, _ synthetic: FeatureSet, _ options: Options = Options()
    ) throws -> Double {
        try check(options, 2, real, synthetic)
        let kernel = PolynomialKernel(options, dimension: real.dimension)
        let whole = SubsetDraw(real: Array(0..<real.rows), synthetic: Array(0..<synthetic.rows))
        let sums = try kernel.subsetSums(real, synthetic, [whole])
        return try finite(sums[0].discrepancy(first: real.rows, second: synthetic.rows))
    }

    /// The unbiased estimates over all pairs of rows of some parts of both sets, from one pass over the kernels.
    /// - Parameter parts: rows of the real and of the synthetic set, each at most once; nil is all rows.
    /// - Throws: as `score`; each part needs two rows.
    static func allPairs(
        _ real: FeatureSet, _ synthetic: FeatureSet, of parts: [(real: [Int]?, synthetic: [Int]?)]
    ) throws -> [Double] {
        let options = Options()
        let draws = parts.map {
            SubsetDraw(real: $0.real ?? Array(0..<real.rows), synthetic: $0.synthetic ?? Array(0..<synthetic.rows))
        }
        for draw in draws { try check(options, min(draw.real.count, draw.synthetic.count), real, synthetic) }
        let kernel = PolynomialKernel(options, dimension: real.dimension)
        var values: [Double] = []
        // The weights of so many parts fit beside the kernels.
        for start in stride(from: 0, to: draws.count, by: 256) {
            let some = Array(draws[start..<min(draws.count, start + 256)])
            for (sum, draw) in zip(try kernel.subsetSums(real, synthetic, some), some) {
                values.append(
                    try finite(sum.discrepancy(first: draw.real.count, second: draw.synthetic.count)))
            }
        }
        return values
    }

    static let metric = "kid"

    private static func finite(_ value: Double) throws -> Double {
        guard value.isFinite else {
            throw MetricError.value(metric: metric, message: "the features are too large: their kernels overflow")
        }
        return value
    }

    private static func check(
        _ options: Options, _ size: Int, _ real: FeatureSet, _ synthetic: FeatureSet
    ) throws {
        func refuse(_ message: String) -> MetricError { MetricError.value(metric: metric, message: message) }
        guard (1...1_000_000).contains(options.subsets) else {
            throw refuse("subsets must be at least 1 and at most 1000000, got \(options.subsets)")
        }
        guard (1...16).contains(options.degree) else { throw refuse("degree must be 1 to 16, got \(options.degree)") }
        guard options.coefficient.isFinite, options.gamma?.isFinite ?? true else {
            throw refuse("gamma and coef must be finite")
        }
        guard size >= 2 else { throw refuse("subset_size must be at least 2, got \(size)") }
        for set in [real, synthetic] where set.rows < size {
            throw refuse("subset_size \(size) is larger than the \(set.name) set, which has \(set.rows) rows")
        }
    }
}

/// The rows of one subset.
struct SubsetDraw {
    let real: [Int]
    let synthetic: [Int]
}

/// The stream of subsets: a real, then a synthetic permutation for each, and their first rows.
private final class SubsetDraws {
    private let size: Int
    private let rows: (real: Int, synthetic: Int)
    private let order: (real: [Int]?, synthetic: [Int]?)
    private let generator: TorchGenerator

    init(
        _ real: FeatureSet, _ synthetic: FeatureSet, _ options: KernelInceptionDistance.Options, _ size: Int
    ) {
        self.size = size
        rows = (real.rows, synthetic.rows)
        order = options.ignoresOrder ? (RowOrder.byContent(real), RowOrder.byContent(synthetic)) : (nil, nil)
        generator = TorchGenerator(seed: options.seed)
    }

    func next() -> SubsetDraw {
        let first = generator.permutation(rows.real).prefix(size)
        let second = generator.permutation(rows.synthetic).prefix(size)
        return SubsetDraw(
            real: first.map { order.real?[$0] ?? $0 }, synthetic: second.map { order.synthetic?[$0] ?? $0 })
    }
}

/// The sums of kernels over the pairs of a subset: all ordered pairs of different rows within a set, and all across.
struct KernelSums {
    var real = 0.0
    var synthetic = 0.0
    var cross = 0.0

    /// The unbiased estimate of the squared discrepancy.
    func discrepancy(first: Int, second: Int) -> Double {
        let (n, m) = (Double(first), Double(second))
        return real / (n * (n - 1)) + synthetic / (m * (m - 1)) - 2 * cross / (n * m)
    }
}

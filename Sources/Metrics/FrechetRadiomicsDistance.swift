import ArrayKernels
import Foundation
import Identity
import Tensors

/// The Fréchet Radiomics Distance (Konz et al., 2024, arXiv 2412.01496): the Fréchet distance d² between Gaussians fitted
/// to standardised radiomic features.
public struct FrechetRadiomicsDistance: Sendable {
    /// How far a feature's mean moved.
    public struct Moved: Sendable {
        /// The feature.
        public let name: String
        /// The difference of the means, in standard deviations of the real set.
        public let shift: Double
        /// Its part of the squared distance between the means, 0 to 1.
        public let share: Double
    }

    /// ln d² under `chexgenbench`, ln d under `exact`; -inf where the sets are the same.
    public let value: Double
    /// d².
    public let squaredDistance: Double
    /// Rows of each set that entered.
    public let realCount, syntheticCount: Int
    /// The features that entered.
    public let features: [String]
    /// Features that were left out: constant in the real set, or not finite.
    public let droppedFeatures: [String]
    /// The files that were left out, and why.
    public let dropped: [RadiomicFeatures.Dropped]
    /// Every feature that entered, the farthest first.
    public let moved: [Moved]

    /// Compares two tables.
    /// - Parameters:
    ///   - isChunked: as of `RadiomicFeatures`.
    ///   - seed: NumPy's seed for matching the sizes, under `chexgenbench`.
    /// - Throws: `MetricError.value` where fewer than two rows or no features are left.
    public init(
        real: FeatureTable, synthetic: FeatureTable, protocol way: Protocol, isChunked: Bool, seed: UInt32 = 42
    ) throws {
        let chosen = try RadiomicFeatures(real: real, synthetic: synthetic, protocol: way, isChunked: isChunked)
        do {
            try self.init(chosen, protocol: way, seed: seed)
        } catch MetricError.value(let metric, let message) where isChunked && way == .chexgenbench {
            throw MetricError.value(
                metric: metric, message: message + "; the reference processes none of fewer than 16 files")
        }
    }

    /// Compares rows and columns that were chosen.
    /// - Throws: `MetricError.value` where fewer than two rows or no features are left.
    public init(_ chosen: RadiomicFeatures, protocol way: Protocol, seed: UInt32 = 42) throws {
        let scores = try StandardScores(chosen.pair.real, chosen.pair.synthetic, way, seed: seed)
        squaredDistance = try scores.squaredDistance()
        value = Self.shown(squaredDistance, way)
        realCount = scores.real.shape[0]
        syntheticCount = scores.synthetic.shape[0]
        features = scores.columns.map { chosen.columns[$0] }
        let entered = Set(scores.columns)
        droppedFeatures =
            chosen.droppedColumns + chosen.columns.indices.filter { !entered.contains($0) }.map { chosen.columns[$0] }
        dropped = chosen.dropped
        moved = try scores.shifts().map { Moved(name: chosen.columns[$0.column], shift: $0.shift, share: $0.share) }
    }

    /// What is printed for a squared distance.
    static func shown(_ squared: Double, _ way: Protocol) -> Double {
        way == .exact ? 0.5 * log(squared) : log(squared)
    }
}

/// Radiomic features of two sets in standard deviations of the real one.
struct StandardScores {
    /// The columns that entered, from 0: those that vary in the real set and have finite scores in both.
    let columns: [Int]
    /// The scores, f64 `[N, columns]`.
    let real, synthetic: Tensor

    /// Under `chexgenbench` the larger set is sampled down to the size of the smaller one, and scores are f32.
    /// - Throws: `MetricError.value` where fewer than two rows or no features are left.
    init(_ first: FeatureSet, _ second: FeatureSet, _ way: Protocol, seed: UInt32) throws {
        var (first, second) = (first, second)
        if way == .chexgenbench, first.rows != second.rows {
            var random = NumPyRandom(seed: seed)
            let size = min(first.rows, second.rows)
            if first.rows > size {
                first = try first.gathered(random.choice(first.rows, size))
            } else {
                second = try second.gathered(random.choice(second.rows, size))
            }
        }
        guard first.rows >= 2, second.rows >= 2 else {
            throw MetricError.value(
                metric: "frd",
                message: "\(first.rows) real and \(second.rows) synthetic images are left, 2 are needed of each")
        }
        let width = first.dimension
        let (a, b) = (try first.tensor.array(Double.self), try second.tensor.array(Double.self))
        let scale = way == .exact ? Self.scale(a, width) : Self.floatScale(a, width)
        func scores(_ values: [Double]) -> [Double] {
            values.indices.map { scale($0 % width, values[$0]) }
        }
        let (x, y) = (scores(a), scores(b))
        func isFinite(_ values: [Double], _ column: Int) -> Bool {
            stride(from: column, to: values.count, by: width).allSatisfy { values[$0].isFinite }
        }
        let kept = (0..<width).filter { isFinite(x, $0) && isFinite(y, $0) }
        guard !kept.isEmpty else {
            throw MetricError.value(metric: "frd", message: "no feature varies in the real set")
        }
        func tensor(_ values: [Double]) throws -> Tensor {
            let rows = values.count / width
            return try Tensor(
                (0..<rows).flatMap { row in kept.map { values[row * width + $0] } }, shape: [rows, kept.count])
        }
        columns = kept
        real = try tensor(x)
        synthetic = try tensor(y)
    }

    /// d².
    func squaredDistance() throws -> Double { try FrechetDistance.distance(real, synthetic, metric: "frd") }

    /// How far the mean of every column moved and its part of the whole, the farthest first.
    func shifts() throws -> [(column: Int, shift: Double, share: Double)] {
        let width = columns.count
        func means(_ tensor: Tensor) throws -> [Double] {
            let values = try tensor.array(Double.self)
            return (0..<width).map { column in
                stride(from: column, to: values.count, by: width).reduce(0) { $0 + values[$1] }
                    / Double(tensor.shape[0])
            }
        }
        let shifts = zip(try means(synthetic), try means(real)).map { $0 - $1 }
        let total = shifts.reduce(0) { $0 + $1 * $1 }
        return zip(columns, shifts)
            .map { (column: $0, shift: $1, share: total == 0 ? 0 : $1 * $1 / total) }
            .sorted { abs($0.shift) > abs($1.shift) }
    }

    private typealias Scale = (_ column: Int, _ value: Double) -> Double

    private static func scale(_ real: [Double], _ width: Int) -> Scale {
        let count = Double(real.count / width)
        var (means, deviations) = ([Double](), [Double]())
        for column in 0..<width {
            let places = stride(from: column, to: real.count, by: width)
            let mean = places.reduce(0) { $0 + real[$1] } / count
            let squares = places.reduce(0) { $0 + (real[$1] - mean) * (real[$1] - mean) }
            let isConstant = places.allSatisfy { real[$0] == real[column] }
            means.append(mean)
            deviations.append(isConstant ? 0 : (squares / count).squareRoot())
        }
        return { ($1 - means[$0]) / deviations[$0] }
    }

    /// Scores in f32 with NumPy's sums, as the reference has them.
    private static func floatScale(_ real: [Double], _ width: Int) -> Scale {
        let count = Float(real.count / width)
        var (means, deviations) = ([Float](), [Float]())
        for column in 0..<width {
            let values = stride(from: column, to: real.count, by: width).map { Float(real[$0]) }
            let mean = PairwiseSum.of(values, count: values.count) / count
            let squares = values.map { ($0 - mean) * ($0 - mean) }
            means.append(mean)
            deviations.append((PairwiseSum.of(squares, count: squares.count) / count).squareRoot())
        }
        return { Double((Float($1) - means[$0]) / deviations[$0]) }
    }
}

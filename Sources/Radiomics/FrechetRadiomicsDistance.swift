import Foundation
import Identity
import RadiomicsKernels
import Metrics
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
    public let dropped: [(path: String, reason: String)]
    /// Every feature that entered, the farthest first.
    public let moved: [Moved]
    /// What the number depends on beside the images.
    public let identity: MetricIdentity

    /// Compares two tables.
    /// - Parameters:
    ///   - isChunked: whether files that the reference never processes are left out: of n files in sorted order it takes
    ///     16 chunks of n / 16. Only under `chexgenbench`.
    ///   - seed: NumPy's seed for matching the sizes, under `chexgenbench`.
    ///   - settings: what the identity says about the features.
    /// - Throws: `RadiomicsError.table` where fewer than two rows or no features are left.
    public init(
        real: RadiomicsTable, synthetic: RadiomicsTable, protocol way: Protocol, isChunked: Bool,
        seed: UInt32 = 42, settings: String
    ) throws {
        let isExact = way == .exact
        let synthetics = Set(synthetic.names)
        let columns = real.names.filter { !isExact || !$0.hasPrefix("diagnostics_") }
        let missing = columns.filter { !synthetics.contains($0) && !$0.hasPrefix("diagnostics_") }
        guard missing.isEmpty else {
            throw RadiomicsError.table(
                "the synthetic table lacks \(missing.count) columns of the real one, such as \"\(missing[0])\"")
        }
        let shared = columns.filter { synthetics.contains($0) }
        var dropped: [(path: String, reason: String)] = []
        func take(_ table: RadiomicsTable) throws -> [[Double]] {
            var rows = Array(0..<table.count)
            if !isExact, isChunked {
                rows.sort { Self.name(table.paths[$0]).utf8.lexicographicallyPrecedes(Self.name(table.paths[$1]).utf8) }
                let taken = 16 * (rows.count / 16)
                dropped += rows[taken...].map { (table.paths[$0], "beyond the reference's 16 chunks of \(taken / 16)") }
                rows = Array(rows.prefix(taken))
            }
            let values = try table.values(of: shared)
            return rows.compactMap { row in
                if values[row].contains(where: \.isNaN) {
                    dropped.append((table.paths[row], table.unmeasured[row] ?? "a feature is not a number"))
                    return nil
                }
                return values[row]
            }
        }
        var (first, second) = (try take(real), try take(synthetic))
        if !isExact, first.count != second.count {
            var random = NumPyRandom(seed: seed)
            let size = min(first.count, second.count)
            if first.count > size {
                first = random.choice(first.count, size).map { first[$0] }
            } else {
                second = random.choice(second.count, size).map { second[$0] }
            }
        }
        guard first.count >= 2, second.count >= 2 else {
            let note = isChunked && !isExact ? "; the reference processes none of fewer than 16 files" : ""
            throw RadiomicsError.table(
                "\(first.count) real and \(second.count) synthetic images are left, 2 are needed of each\(note)")
        }
        let scores = isExact ? Self.exactScores(first, second) : Self.floatScores(first, second)
        let kept = shared.indices.filter { column in
            scores.real.allSatisfy { $0[column].isFinite } && scores.synthetic.allSatisfy { $0[column].isFinite }
        }
        guard !kept.isEmpty else { throw RadiomicsError.table("no feature varies in the real set") }
        func tensor(_ rows: [[Double]]) throws -> Tensor {
            try Tensor(rows.flatMap { row in kept.map { row[$0] } }, shape: [rows.count, kept.count])
        }
        let distance = try FrechetDistance.distance(tensor(scores.real), tensor(scores.synthetic), metric: "frd")
        squaredDistance = distance
        value = isExact ? 0.5 * log(distance) : log(distance)
        realCount = first.count
        syntheticCount = second.count
        features = kept.map { shared[$0] }
        let keptSet = Set(kept)
        droppedFeatures = shared.indices.filter { !keptSet.contains($0) }.map { shared[$0] }
        self.dropped = dropped
        moved = Self.ranking(scores.real, scores.synthetic, kept, shared)
        identity = MetricIdentity(
            metric: "frd", definition: way,
            features: FeatureIdentity(
                encoder: "radiomics", source: .formula, preprocessing: settings, output: "features",
                dtype: isExact ? "f64" : "f32"),
            estimator: isExact ? "ln d" : "ln d2", realCount: first.count,
            syntheticCount: second.count, seed: isExact ? nil : UInt64(seed),
            details: [
                "norm": "real set, population deviation", "features": String(kept.count),
                "dropped": String(dropped.count), "diagnostics": isExact ? "left out" : "kept",
            ])
    }

    private static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    private typealias Scores = (real: [[Double]], synthetic: [[Double]])

    private static func exactScores(_ real: [[Double]], _ synthetic: [[Double]]) -> Scores {
        let count = Double(real.count)
        var (means, deviations) = ([Double](), [Double]())
        for column in real[0].indices {
            let mean = real.reduce(0) { $0 + $1[column] } / count
            let squares = real.reduce(0) { $0 + ($1[column] - mean) * ($1[column] - mean) }
            let isConstant = real.allSatisfy { $0[column] == real[0][column] }
            means.append(mean)
            deviations.append(isConstant ? 0 : (squares / count).squareRoot())
        }
        func scaled(_ row: [Double]) -> [Double] { row.indices.map { (row[$0] - means[$0]) / deviations[$0] } }
        return (real.map(scaled), synthetic.map(scaled))
    }

    /// Scores in f32 with NumPy's sums, as the reference has them.
    private static func floatScores(_ real: [[Double]], _ synthetic: [[Double]]) -> Scores {
        let count = Float(real.count)
        var (means, deviations) = ([Float](), [Float]())
        for column in real[0].indices {
            let values = real.map { Float($0[column]) }
            let mean = RadiomicsSums.pairwise(values, count: values.count, stride: 1) / count
            let squares = values.map { ($0 - mean) * ($0 - mean) }
            means.append(mean)
            deviations.append((RadiomicsSums.pairwise(squares, count: squares.count, stride: 1) / count).squareRoot())
        }
        func scaled(_ row: [Double]) -> [Double] {
            row.indices.map { Double((Float(row[$0]) - means[$0]) / deviations[$0]) }
        }
        return (real.map(scaled), synthetic.map(scaled))
    }

    private static func ranking(
        _ real: [[Double]], _ synthetic: [[Double]], _ kept: [Int], _ names: [String]
    ) -> [Moved] {
        func mean(_ rows: [[Double]], _ column: Int) -> Double {
            rows.reduce(0) { $0 + $1[column] } / Double(rows.count)
        }
        let shifts = kept.map { mean(synthetic, $0) - mean(real, $0) }
        let total = shifts.reduce(0) { $0 + $1 * $1 }
        return zip(kept, shifts)
            .map { Moved(name: names[$0], shift: $1, share: total == 0 ? 0 : $1 * $1 / total) }
            .sorted { abs($0.shift) > abs($1.shift) }
    }
}

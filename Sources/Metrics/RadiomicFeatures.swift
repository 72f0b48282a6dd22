import Foundation
import Identity
import Tensors

/// The rows and columns of two tables of radiomic features that a Fréchet Radiomics Distance is made of.
public struct RadiomicFeatures {
    /// A file that was left out.
    public struct Dropped: Equatable, Sendable {
        /// Why a file is left out.
        public enum Kind: String, CaseIterable, Sendable {
            /// It cannot be read.
            case image
            /// A feature of it is not a number.
            case features
            /// It lies behind the last of the reference's chunks.
            case chunks
        }

        /// The file.
        public let path: String
        /// Why it is left out.
        public let kind: Kind
        /// The same for people.
        public let reason: String

        /// A file that is left out.
        public init(path: String, kind: Kind, reason: String) {
            (self.path, self.kind, self.reason) = (path, kind, reason)
        }
    }

    /// The features that entered.
    public let columns: [String]
    /// Features that were left out as one of their values is infinite.
    public let droppedColumns: [String]
    /// The values of both sets, f64.
    public let pair: FeaturePair
    /// The rows of the tables that entered, from 0.
    public let realRows, syntheticRows: [Int]
    /// The files that were left out, and why.
    public let dropped: [Dropped]

    /// Chooses rows and columns.
    /// - Parameters:
    ///   - protocol: under `exact` the diagnostics columns are left out.
    ///   - isChunked: whether files that the reference never processes are left out: of n files in sorted order it takes
    ///     16 chunks of n / 16. Only under `chexgenbench`.
    /// - Throws: `MetricError.value` where the tables have no features in common.
    public init(
        real: FeatureTable, synthetic: FeatureTable, protocol way: Protocol, isChunked: Bool
    ) throws {
        let places = Dictionary(synthetic.names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let wanted = real.names.indices.filter { way == .chexgenbench || !real.names[$0].hasPrefix(Self.diagnostics) }
        let missing = wanted.map { real.names[$0] }.filter { places[$0] == nil && !$0.hasPrefix(Self.diagnostics) }
        if let first = missing.first {
            throw MetricError.value(
                metric: "frd",
                message: "the synthetic table lacks \(missing.count) columns of the real one, such as \"\(first)\"")
        }
        let shared = wanted.compactMap { column in places[real.names[column]].map { (real: column, synthetic: $0) } }
        let chunked = way == .chexgenbench && isChunked
        let first = Self.rows(real, shared.map(\.real), chunked)
        let second = Self.rows(synthetic, shared.map(\.synthetic), chunked)
        let finite = shared.indices.filter { place in
            Self.isFinite(real, shared[place].real, first.kept)
                && Self.isFinite(synthetic, shared[place].synthetic, second.kept)
        }
        guard !finite.isEmpty else {
            throw MetricError.value(metric: "frd", message: "the tables have no features in common")
        }
        let isKept = Set(finite)
        columns = finite.map { real.names[shared[$0].real] }
        droppedColumns = shared.indices.filter { !isKept.contains($0) }.map { real.names[shared[$0].real] }
        realRows = first.kept
        syntheticRows = second.kept
        dropped = first.dropped + second.dropped
        pair = try FeaturePair(
            Self.tensor(real, finite.map { shared[$0].real }, realRows),
            Self.tensor(synthetic, finite.map { shared[$0].synthetic }, syntheticRows), metric: "frd")
    }

    private static let diagnostics = "diagnostics_"

    private static func rows(_ table: FeatureTable, _ columns: [Int], _ chunked: Bool) -> (
        kept: [Int], dropped: [Dropped]
    ) {
        var rows = Array(table.paths.indices)
        var dropped: [Dropped] = []
        if chunked {
            func name(_ row: Int) -> String {
                table.paths[row].split(separator: "/").last.map(String.init) ?? table.paths[row]
            }
            rows.sort { name($0).utf8.lexicographicallyPrecedes(name($1).utf8) }
            let taken = 16 * (rows.count / 16)
            dropped += rows[taken...].map {
                Dropped(
                    path: table.paths[$0], kind: .chunks, reason: "beyond the reference's 16 chunks of \(taken / 16)")
            }
            rows = Array(rows.prefix(taken))
        }
        let width = table.names.count
        let kept = rows.filter { row in
            if columns.contains(where: { table.values[row * width + $0].isNaN }) {
                let reason = table.unmeasured[row] ?? "a feature is not a number"
                dropped.append(Dropped(path: table.paths[row], kind: .features, reason: reason))
                return false
            }
            return true
        }
        return (kept, dropped)
    }

    private static func isFinite(_ table: FeatureTable, _ column: Int, _ rows: [Int]) -> Bool {
        rows.allSatisfy { table.values[$0 * table.names.count + column].isFinite }
    }

    private static func tensor(_ table: FeatureTable, _ columns: [Int], _ rows: [Int]) throws -> Tensor {
        let width = table.names.count
        return try Tensor(
            rows.flatMap { row in columns.map { table.values[row * width + $0] } }, shape: [rows.count, columns.count])
    }
}

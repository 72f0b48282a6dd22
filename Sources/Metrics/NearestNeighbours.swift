import MetricKernels
import Tensors

/// For every row of one feature set the nearest rows of another.
public enum NearestNeighbours {
    /// How far two rows are from each other.
    public enum Distance: String, CaseIterable, Sendable {
        /// The root of the sum of squared differences.
        case l2
        /// 1 less the cosine of the rows' angle.
        case cosine
    }

    /// The most neighbours that can be asked for.
    public static let most = 4096

    /// The k nearest rows of a database `[M, D]` for each query `[N, D]`, nearest first, of equals the earlier row first:
    /// distances f32 `[N, k]` and rows, from 0, i64 `[N, k]`.
    ///
    /// No matrix of all pairs is held: memory beside the features, and beside unit vectors of them for cosines, is about 16 MB
    /// and `36 max(48, 3 k)` bytes a query. Features are taken in f32; the choice is that of exact arithmetic.
    /// - Throws: `MetricError` for other shapes, features that are not finite or overflow f32, a row of zeros where cosines are
    ///   asked for, or a k outside of `1 ... min(M, most)`.
    public static func search(
        _ queries: Tensor, _ database: Tensor, k: Int = 1, distance: Distance = .l2
    ) throws -> (distances: Tensor, rows: Tensor) {
        let metric = "nearest"
        var first = try FeatureSet(queries, name: "query", metric: metric)
        var second = try FeatureSet(database, name: "database", metric: metric)
        guard first.dimension == second.dimension else {
            throw MetricError.shape(
                metric: metric,
                message: "the queries have \(first.dimension) columns, the database \(second.dimension)")
        }
        guard k >= 1, k <= min(second.rows, most) else {
            throw MetricError.value(
                metric: metric, message: "k = \(k), but the database has \(second.rows) rows (and k is at most \(most))"
            )
        }
        (first, second) = try (first.singlePrecision(), second.singlePrecision())
        if distance == .cosine {
            (first, second) = try (unit(first, metric), unit(second, metric))
        } else {
            for set in [first, second] { try set.checkSquares(metric: metric) }
        }
        let distances = try Tensor(uninitialized: [first.rows, k])
        let rows = try Tensor(uninitialized: [first.rows, k], .i64)
        if first.rows == 0 { return (distances, rows) }
        let tiles = DistanceTiles(first, second, centre: try DistanceTiles.centre(of: second))
        let lists = try NearestLists(tiles, wanted: k)
        try tiles.forEach(isSymmetric: false) { lists.scanRows($0, isOneSet: false) }
        try distances.withElements(Float.self) { values in
            try rows.withElements(Int64.self) { places in
                guard let values = values.baseAddress, let places = places.baseAddress else { return }
                lists.finish { row, _, found in
                    let ordered = found.sorted { ($0.squared, $0.row) < ($1.squared, $1.row) }.prefix(k)
                    for (place, item) in ordered.enumerated() {
                        values[row * k + place] =
                            distance == .l2 ? item.squared.squareRoot() : min(2, item.squared / 2)
                        places[row * k + place] = Int64(item.row)
                    }
                }
            }
        }
        return (distances, rows)
    }

    /// The rows over their lengths.
    private static func unit(_ set: FeatureSet, _ metric: String) throws -> FeatureSet {
        let result = try set.tensor.clone()
        let dimension = set.dimension
        try result.withElements(Float.self) { values in
            for row in 0..<set.rows {
                let range = row * dimension..<(row + 1) * dimension
                let length = values[range].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                guard length > 0 else {
                    throw MetricError.value(
                        metric: metric,
                        message: "row \(row + 1) of the \(set.name) features is zero: it has no direction")
                }
                for index in range { values[index] = Float(Double(values[index]) / length) }
            }
        }
        return try FeatureSet(result, name: set.name, metric: metric)
    }
}

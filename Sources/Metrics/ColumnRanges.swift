import Foundation
import Tensors

/// What `Moments` know of every column beside its sums: the lowest and the highest value and the largest error of
/// rounding to multiples of 2⁻³⁰, all in that unit. None of it depends on the order of rows.
///
/// It is there to refuse a set whose rounding would show, rather than give a number that is wrong without a word.
struct ColumnRanges {
    /// The error of rounding that is let pass, as a share of what it falsifies.
    static let tolerance = 1e-6

    let dimension: Int
    /// Lowest, highest and lost, D values each.
    let values: Scratch<Double>

    var lowest: UnsafeMutablePointer<Double> { values.pointer }
    var highest: UnsafeMutablePointer<Double> { values.pointer + dimension }
    var lost: UnsafeMutablePointer<Double> { values.pointer + 2 * dimension }

    /// The ranges of no rows.
    init(dimension: Int) throws {
        self.dimension = dimension
        values = try Scratch<Double>(dimension, 3)
        lowest.update(repeating: .infinity, count: dimension)
        highest.update(repeating: -.infinity, count: dimension)
        lost.update(repeating: 0, count: dimension)
    }

    /// Takes in the ranges of other rows.
    func formUnion(_ other: ColumnRanges) {
        for column in 0..<dimension {
            lowest[column] = min(lowest[column], other.lowest[column])
            highest[column] = max(highest[column], other.highest[column])
            lost[column] = max(lost[column], other.lost[column])
        }
    }

    /// The largest magnitude, rounded as features are.
    var largest: Double {
        (0..<dimension).reduce(0) { max($0, magnitude($1)) }.rounded(.toNearestOrEven)
    }

    private func magnitude(_ column: Int) -> Double { max(abs(lowest[column]), abs(highest[column])) }

    private func width(_ column: Int) -> Double { highest[column] - lowest[column] }

    /// - Throws: `MetricError.value` where rounding falsifies the mean of a column.
    func checkMean(metric: String, name: String) throws {
        for column in 0..<dimension where lost[column] > ColumnRanges.tolerance * magnitude(column) {
            throw tooSmall(
                metric, "column \(column + 1) of the \(name) features reaches only", magnitude(column), grows: "mean",
                by: 1)
        }
    }

    /// - Throws: `MetricError.value` where rounding falsifies the variance of a column. A constant column has none.
    func checkCovariance(metric: String, name: String) throws {
        for column in 0..<dimension
        where width(column) > 0 && lost[column] > ColumnRanges.tolerance * width(column) {
            throw tooSmall(
                metric, "column \(column + 1) of the \(name) features spans only", width(column), grows: "covariance",
                by: 2)
        }
    }

    /// For a distance between whole sets: a column may be small beside others.
    /// - Throws: `MetricError.value` where rounding falsifies the set's spread (its place, where all rows are equal).
    func checkDistance(metric: String, name: String) throws {
        var widest = (0..<dimension).reduce(0.0) { max($0, width($1)) }
        let isConstant = widest == 0
        if isConstant { widest = (0..<dimension).reduce(0.0) { max($0, magnitude($1)) } }
        guard widest > 0 else { return }
        var (error, spread) = (0.0, 0.0)
        for column in 0..<dimension {
            let part = (isConstant ? magnitude(column) : width(column)) / widest
            let rounding = lost[column] / widest
            spread += part * part
            error += rounding * rounding
        }
        guard error.squareRoot() <= ColumnRanges.tolerance * spread.squareRoot() else {
            throw tooSmall(
                metric, "the widest column of the \(name) features \(isConstant ? "reaches" : "spans") only", widest,
                grows: "distance", by: 2)
        }
    }

    private func tooSmall(
        _ metric: String, _ what: String, _ size: Double, grows result: String, by power: Int
    ) -> MetricError {
        let factor = max(1, Int(-log2(size * ColumnRanges.tolerance).rounded(.down)))
        return .value(
            metric: metric,
            message:
                "\(what) \(String(format: "%.3g", size * 0x1p-30)), and moments keep multiples of 2^-30 (9.3e-10): "
                + "multiply all features by 2^\(factor) before the update; the \(result) grows by 2^\(power * factor)")
    }
}

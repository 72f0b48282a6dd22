/// Why a metric cannot be computed; every case names the metric.
public enum MetricError: Error, Equatable, CustomStringConvertible {
    /// A tensor has the wrong shape or dtype.
    case shape(metric: String, message: String)
    /// An option or the number of rows does not allow the metric.
    case value(metric: String, message: String)
    /// A feature is NaN or infinite. `row` and `column` count from 0; the text counts from 1, as scripts do.
    case notFinite(metric: String, set: String, row: Int, column: Int, value: Double)
    /// A numerical routine gave up, with its code.
    case notConverged(metric: String, routine: String, code: Int)

    /// The message, as scripts and users read it.
    public var description: String {
        switch self {
        case .shape(let metric, let message), .value(let metric, let message):
            return "\(metric): \(message)"
        case .notFinite(let metric, let set, let row, let column, let value):
            return "\(metric): row \(row + 1) of the \(set) features holds \(value) in column \(column + 1); "
                + "every feature must be finite"
        case .notConverged(let metric, let routine, let code):
            return "\(metric): \(routine) did not converge (code \(code))"
        }
    }
}

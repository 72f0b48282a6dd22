/// Features under names: a row an image, a column a feature.
public struct FeatureTable: Sendable {
    /// The columns.
    public let names: [String]
    /// The file of each row.
    public let paths: [String]
    /// The values, row by row.
    public let values: [Double]

    /// Why rows have no features, where that is known; their values are NaN.
    public let unmeasured: [Int: String]

    /// A table from its parts.
    /// - Throws: `MetricError.value` where the values do not fill it.
    public init(names: [String], paths: [String], values: [Double], unmeasured: [Int: String] = [:]) throws {
        guard values.count == names.count * paths.count else {
            throw MetricError.value(
                metric: "feature table",
                message: "\(values.count) values for \(paths.count) images and \(names.count) columns")
        }
        self.names = names
        self.paths = paths
        self.values = values
        self.unmeasured = unmeasured
    }
}

/// How often each label was predicted as each, as scikit-learn has it.
public struct ConfusionMatrix: Equatable, Sendable {
    /// The labels that occur, rising: the order of rows and columns.
    public let labels: [Int]
    /// `counts[i][j]`: rows of label `labels[i]` that were predicted as `labels[j]`.
    public let counts: [[Int]]

    /// Counts predictions against labels.
    /// - Throws: `MetricError.value` for lists of different lengths, none at all, or more than 10,000 different labels.
    public init(predictions: [Int], labels: [Int]) throws {
        let metric = "confusion_matrix"
        guard predictions.count == labels.count else {
            throw MetricError.value(
                metric: metric, message: "\(predictions.count) predictions but \(labels.count) labels")
        }
        guard !labels.isEmpty else { throw MetricError.value(metric: metric, message: "there are no labels") }
        let found = Set(predictions).union(labels).sorted()
        guard found.count <= 10_000 else {
            throw MetricError.value(metric: metric, message: "\(found.count) different labels are too many")
        }
        let places = Dictionary(uniqueKeysWithValues: found.enumerated().map { ($1, $0) })
        var counts = [[Int]](repeating: [Int](repeating: 0, count: found.count), count: found.count)
        for (prediction, label) in zip(predictions, labels) {
            if let row = places[label], let column = places[prediction] { counts[row][column] += 1 }
        }
        self.labels = found
        self.counts = counts
    }
}

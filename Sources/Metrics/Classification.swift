import Tensors

/// The numbers of a classifier with several labels an image, as scikit-learn 1.6.1 computes them with `zero_division = 0`.
public struct Classification: Equatable, Sendable {
    /// Precision, recall and their harmonic mean.
    public struct Rates: Equatable, Sendable {
        /// True positives over all predicted positives; 0 where nothing was predicted positive.
        public let precision: Double
        /// True positives over all positives; 0 where nothing is positive.
        public let recall: Double
        /// The F1 score; 0 where there are neither positives nor predicted positives.
        public let f1: Double

        init(truePositives: Int, falsePositives: Int, falseNegatives: Int) {
            func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
            precision = ratio(truePositives, truePositives + falsePositives)
            recall = ratio(truePositives, truePositives + falseNegatives)
            f1 = ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives)
        }

        init(meanOf rates: [Rates]) {
            let count = Double(max(1, rates.count))
            precision = rates.reduce(0) { $0 + $1.precision } / count
            recall = rates.reduce(0) { $0 + $1.recall } / count
            f1 = rates.reduce(0) { $0 + $1.f1 } / count
        }
    }

    /// One class.
    public struct ClassResult: Equatable, Sendable {
        /// Its name.
        public let name: String
        /// The fraction of images that were classified rightly.
        public let accuracy: Double
        /// Precision, recall and F1.
        public let rates: Rates
        /// The area under the ROC curve; nil where only one label occurs.
        public let auc: Double?
        /// Images that have the label.
        public let support: Int
        /// Counts of the four outcomes.
        public let truePositives, falsePositives, falseNegatives, trueNegatives: Int
    }

    /// The fraction of all cells, images times classes, that were classified rightly.
    public let accuracy: Double
    /// The fraction of images all of whose labels were predicted rightly: scikit-learn's `accuracy_score`.
    public let subsetAccuracy: Double
    /// Rates of all cells together.
    public let micro: Rates
    /// Means of the classes' rates.
    public let macro: Rates
    /// The mean area under the curve over the classes that have both labels; nil where none has.
    public let aucMacro: Double?
    /// The classes, in the order of columns.
    public let classes: [ClassResult]

    /// Compares probabilities `[N, C]` with labels `[N, C]` of 0 and 1. A cell is predicted positive from
    /// `threshold` on.
    /// - Throws: `MetricError` for other shapes, a probability that is not finite, a label that is neither 0 nor 1, no rows,
    ///   or names that do not fit.
    public init(probabilities: Tensor, labels: Tensor, threshold: Double = 0.5, names: [String]? = nil) throws {
        let metric = "classification"
        let set = try FeatureSet(probabilities, name: "probability", metric: metric)
        let (rows, columns) = (set.rows, set.dimension)
        guard labels.shape == probabilities.shape else {
            throw MetricError.shape(
                metric: metric,
                message:
                    "probabilities have shape \(Tensor.text(probabilities.shape)), labels \(Tensor.text(labels.shape))")
        }
        guard rows > 0 else { throw MetricError.value(metric: metric, message: "there are no rows") }
        if let names, names.count != columns {
            throw MetricError.value(metric: metric, message: "\(names.count) names for \(columns) classes")
        }
        let values = try Scratch<Double>(rows, columns)
        set.widen(0..<rows, less: nil, to: values.pointer)
        let truth = try LabelReader.booleans(labels, metric: metric)
        var wrongRows = [Bool](repeating: false, count: rows)
        var results: [ClassResult] = []
        for column in 0..<columns {
            var counts = (truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0)
            var scores: [Double] = []
            var columnTruth: [Bool] = []
            for row in 0..<rows {
                let value = values.pointer[row * columns + column]
                let label = truth[row * columns + column]
                scores.append(value)
                columnTruth.append(label)
                switch (value >= threshold, label) {
                case (true, true): counts.truePositives += 1
                case (true, false): counts.falsePositives += 1
                case (false, true): counts.falseNegatives += 1
                case (false, false): counts.trueNegatives += 1
                }
                if (value >= threshold) != label { wrongRows[row] = true }
            }
            results.append(
                ClassResult(
                    name: names?[column] ?? "class \(column + 1)",
                    accuracy: Double(counts.truePositives + counts.trueNegatives) / Double(rows),
                    rates: Rates(
                        truePositives: counts.truePositives, falsePositives: counts.falsePositives,
                        falseNegatives: counts.falseNegatives),
                    auc: try ROCCurve.area(scores: scores, labels: columnTruth),
                    support: counts.truePositives + counts.falseNegatives,
                    truePositives: counts.truePositives, falsePositives: counts.falsePositives,
                    falseNegatives: counts.falseNegatives, trueNegatives: counts.trueNegatives))
        }
        classes = results
        let right = results.reduce(0) { $0 + $1.truePositives + $1.trueNegatives }
        accuracy = Double(right) / Double(rows) / Double(columns)
        subsetAccuracy = Double(wrongRows.filter { !$0 }.count) / Double(rows)
        micro = Rates(
            truePositives: results.reduce(0) { $0 + $1.truePositives },
            falsePositives: results.reduce(0) { $0 + $1.falsePositives },
            falseNegatives: results.reduce(0) { $0 + $1.falseNegatives })
        macro = Rates(meanOf: results.map(\.rates))
        let areas = results.compactMap(\.auc)
        aucMacro = areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
    }
}

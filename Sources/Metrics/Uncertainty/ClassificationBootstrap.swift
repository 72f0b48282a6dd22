import Tensors

extension Bootstrap {
    /// Intervals of a classifier's numbers. A class that a draw leaves with one label only has no area under the curve in
    /// it; an interval says over how many replicates it goes.
    public struct ClassificationIntervals: Sendable {
        /// By the names that `metric.classification` gives: `accuracy`, `precision_micro`, …, `auc_macro`.
        public let overall: [(name: String, interval: Interval)]
        /// Of each class, in the order of columns: `precision`, `recall`, `f1`, `auc`.
        public let classes: [[(name: String, interval: Interval)]]
    }

    /// Draws images, or patients with all their images, anew. Labels and threshold are those of `Classification`.
    /// - Throws: `MetricError` as `Classification` does, and for more replicates of more classes than memory should hold.
    public static func classification(
        probabilities: Tensor, labels: Tensor, threshold: Double = 0.5, groups: RowGroups? = nil,
        _ options: Options = Options()
    ) throws -> ClassificationIntervals {
        // The whole set is measured first: it says what is wrong with it.
        _ = try Classification(probabilities: probabilities, labels: labels, threshold: threshold)
        let (rows, columns) = (probabilities.shape[0], probabilities.shape[1])
        let groups = groups ?? RowGroups(rows: rows)
        guard groups.rows == rows else {
            throw MetricError.value(
                metric: "bootstrap", message: "\(groups.rows) groups were given for \(rows) rows")
        }
        // Percentiles want all replicates of a score at once.
        let scores = Sample.scores(classes: columns)
        guard options.replicates <= scoreLimit / scores else {
            throw MetricError.value(
                metric: "bootstrap",
                message: "\(options.replicates) replicates of \(columns) classes are too many: ask for at most "
                    + "\(scoreLimit / scores)")
        }
        let values = try LabelReader.numbers(probabilities)
        let truth = try LabelReader.booleans(labels, metric: "bootstrap")
        let ranked = (0..<columns).map { column in
            RankedClass(
                scores: (0..<rows).map { values[$0 * columns + column] },
                labels: (0..<rows).map { truth[$0 * columns + column] }, threshold: threshold)
        }
        var draws = try SingleDraws(groups, options)
        let estimate = Sample(ranked.map { $0.counted([Int](repeating: 1, count: rows)) }, rows: rows)
        // The scores of a replicate stand beside each other; NaN where a draw has none.
        let samples = try Scratch<Double>(options.replicates, scores)
        for replicate in 0..<options.replicates {
            try Cancellation.check()
            let weights = draws.next()
            let sample = Sample(ranked.map { $0.counted(weights) }, rows: weights.reduce(0, +))
            for (place, value) in sample.values.enumerated() {
                samples.pointer[replicate * scores + place] = value ?? .nan
            }
        }
        func interval(_ place: Int, _ whole: Double?) -> Interval? {
            guard let whole else { return nil }
            let column = (0..<options.replicates).map { samples.pointer[$0 * scores + place] }
            return summary(whole, column.filter { !$0.isNaN }, options)
        }
        func intervals(_ scores: [(name: String, value: Double?)], from place: Int) -> [(
            name: String, interval: Interval
        )] {
            scores.enumerated().compactMap { index, score in
                interval(place + index, score.value).map { (name: score.name, interval: $0) }
            }
        }
        let overall = estimate.overall.count
        return ClassificationIntervals(
            overall: intervals(estimate.overall, from: 0),
            classes: estimate.classes.enumerated().map { column, scores in
                intervals(scores, from: overall + column * scores.count)
            })
    }

    /// The most scores of all replicates together: 512 MiB.
    private static let scoreLimit = 1 << 26

    /// Draws of one set of rows.
    private struct SingleDraws {
        private let groups: RowGroups
        private var random: NumPyRandom

        init(_ groups: RowGroups, _ options: Options) throws {
            try options.check()
            self.groups = groups
            random = NumPyRandom(seed: options.seed)
        }

        mutating func next() -> [Int] { groups.drawnCounts(&random) }
    }

    /// What one draw gives.
    private struct Sample {
        let overall: [(name: String, value: Double?)]
        let classes: [[(name: String, value: Double?)]]

        /// How many scores there are of so many classes.
        static func scores(classes: Int) -> Int { 8 + 4 * classes }

        /// All scores, those of all classes together first.
        var values: [Double?] { overall.map(\.value) + classes.joined().map(\.value) }

        init(_ counts: [RankedClass.Counts], rows: Int) {
            let rates = counts.map(\.rates)
            let micro = Classification.Rates(
                truePositives: counts.reduce(0) { $0 + $1.truePositives },
                falsePositives: counts.reduce(0) { $0 + $1.falsePositives },
                falseNegatives: counts.reduce(0) { $0 + $1.falseNegatives })
            let macro = Classification.Rates(meanOf: rates)
            let wrong = counts.reduce(0) { $0 + $1.falsePositives + $1.falseNegatives }
            let areas = counts.compactMap(\.area)
            overall = [
                ("accuracy", 1 - Double(wrong) / Double(max(1, rows * counts.count))),
                ("precision_micro", micro.precision), ("recall_micro", micro.recall), ("f1_micro", micro.f1),
                ("precision_macro", macro.precision), ("recall_macro", macro.recall), ("f1_macro", macro.f1),
                ("auc_macro", areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)),
            ]
            classes = zip(counts, rates).map { counts, rates in
                [
                    ("precision", rates.precision), ("recall", rates.recall), ("f1", rates.f1),
                    ("auc", counts.area),
                ]
            }
        }
    }
}

/// One class with its rows in the order of their scores, so that each draw is counted in one pass.
private struct RankedClass {
    struct Counts {
        var truePositives = 0
        var falsePositives = 0
        var falseNegatives = 0
        /// Nil where one label only was drawn.
        var area: Double?

        var rates: Classification.Rates {
            Classification.Rates(
                truePositives: truePositives, falsePositives: falsePositives, falseNegatives: falseNegatives)
        }
    }

    private struct Row {
        let row: Int
        let isPositive: Bool
        let isPredicted: Bool
        /// Whether the row before it has the same score.
        let isTied: Bool
    }
    private let rows: [Row]

    init(scores: [Double], labels: [Bool], threshold: Double) {
        let order = scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }
        rows = order.indices.map { place in
            let row = order[place]
            return Row(
                row: row, isPositive: labels[row], isPredicted: scores[row] >= threshold,
                isTied: place > 0 && scores[order[place - 1]] == scores[row])
        }
    }

    /// Counts rows as often as `weights` says. The area is the share of pairs of a positive and a negative row that stand in
    /// the right order, ties counting half (Mann and Whitney, 1947).
    func counted(_ weights: [Int]) -> Counts {
        var counts = Counts()
        var (positives, negatives, below) = (0, 0, 0)
        var tied = (positives: 0, negatives: 0)
        var doubled = 0
        func closeTie() {
            doubled += tied.positives * (2 * below + tied.negatives)
            below += tied.negatives
            tied = (0, 0)
        }
        for item in rows {
            let weight = weights[item.row]
            if !item.isTied { closeTie() }
            switch (item.isPositive, item.isPredicted) {
            case (true, true): counts.truePositives += weight
            case (true, false): counts.falseNegatives += weight
            case (false, true): counts.falsePositives += weight
            case (false, false): break
            }
            if item.isPositive {
                positives += weight
                tied.positives += weight
            } else {
                negatives += weight
                tied.negatives += weight
            }
        }
        closeTie()
        if positives > 0, negatives > 0 {
            counts.area = Double(doubled) / 2 / (Double(positives) * Double(negatives))
        }
        return counts
    }
}

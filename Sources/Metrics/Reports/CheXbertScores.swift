import Tensors

/// F1 of CheXbert's classes, as LLaVA-Rad's evaluation takes it: the classes of candidates against those of references, both
/// made binary, with scikit-learn's `classification_report` and `zero_division=0`.
public struct CheXbertScores: Sendable {
    /// What an uncertain finding (class 3) counts as.
    public enum Uncertain: String, CaseIterable, Sendable {
        /// As the reference's main columns have it.
        case negative
        /// As its columns with a "+" have it.
        case positive
    }

    /// One finding.
    public struct Finding: Equatable, Sendable {
        /// Its name.
        public let name: String
        /// Precision, recall and F1.
        public let rates: Classification.Rates
        /// How many references have it.
        public let support: Int
    }

    /// F1 over findings: all cells together, and the mean of the findings'.
    public struct Averages: Equatable, Sendable {
        /// All cells together.
        public let micro: Double
        /// The mean of the findings' F1.
        public let macro: Double
    }

    /// The five findings that CheXpert's authors compare (Irvin et al., 2019).
    public static let five: Set = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]

    /// The four whose F1 the evaluation of LLaVA-Rad gives beside them (Chaves et al., 2024).
    public static let four: Set = ["Atelectasis", "Cardiomegaly", "Pleural Effusion", "Support Devices"]

    /// All findings, the five, and the four.
    public let all, five, four: Averages
    /// The findings, in the order of columns.
    public let findings: [Finding]
    /// The intervals of `micro_14`, `macro_14`, and the same of 5 and 4, where they are wanted.
    public let intervals: [(name: String, interval: ReportInterval)]

    /// Compares classes `[N, names]`: 0 blank, 1 positive, 2 negative, 3 uncertain.
    /// - Throws: `MetricError` for other shapes, no rows, and what is no class, with its row; `TensorError.stopped`.
    public init(
        candidates: Tensor, references: Tensor, names: [String], uncertain: Uncertain = .negative,
        _ draws: ReportInterval.Draws = .init(replicates: 0, seed: 3)
    ) throws {
        try draws.check(Self.metric)
        let predicted = try Self.positives(candidates, "candidates", names.count, uncertain)
        let wanted = try Self.positives(references, "references", names.count, uncertain)
        try ReportPairs.check(predicted.count, wanted.count, metric: Self.metric)
        let (isOfFive, isOfFour) = (names.map(Self.five.contains), names.map(Self.four.contains))
        let whole = Counts(zip(predicted, wanted), columns: names.count)
        findings = zip(names, whole.columns).map { name, column in
            Finding(
                name: name, rates: column.rates, support: column.truePositives + column.falseNegatives)
        }
        all = whole.averages { _ in true }
        five = whole.averages { isOfFive[$0] }
        four = whole.averages { isOfFour[$0] }
        guard draws.replicates > 0 else {
            intervals = []
            return
        }
        // The reference draws for each of them anew from one seed: the draws are the same.
        var random = NumPyRandom(seed: draws.seed)
        let samples = try (0..<draws.replicates).map { _ in
            try Cancellation.check()
            let rows = predicted.map { _ in random.index(below: predicted.count) }
            let counts = Counts(rows.lazy.map { (predicted[$0], wanted[$0]) }, columns: names.count)
            return (
                all: counts.averages { _ in true }, five: counts.averages { isOfFive[$0] },
                four: counts.averages { isOfFour[$0] }
            )
        }
        intervals = [
            ("micro_14", ReportInterval(samples.map(\.all.micro))),
            ("macro_14", ReportInterval(samples.map(\.all.macro))),
            ("micro_5", ReportInterval(samples.map(\.five.micro))),
            ("macro_5", ReportInterval(samples.map(\.five.macro))),
            ("micro_4", ReportInterval(samples.map(\.four.micro))),
            ("macro_4", ReportInterval(samples.map(\.four.macro))),
        ]
    }

    private static let metric = "f1_chexbert"

    /// Which findings each row has.
    private static func positives(
        _ labels: Tensor, _ argument: String, _ columns: Int, _ uncertain: Uncertain
    ) throws -> [[Bool]] {
        guard labels.rank == 2, labels.shape[1] == columns else {
            throw MetricError.shape(
                metric: metric, message: "\(argument): wanted [N, \(columns)], got \(Tensor.text(labels.shape))")
        }
        let values = try LabelReader.numbers(labels.contiguous())
        return try (0..<labels.shape[0]).map { row in
            if row % 4096 == 0 { try Cancellation.check() }
            return try (0..<columns).map { column in
                switch values[row * columns + column] {
                case 1: return true
                case 3: return uncertain == .positive
                case 0, 2: return false
                case let value:
                    throw MetricError.value(
                        metric: metric,
                        message:
                            "\(argument): row \(row + 1) holds \(value) in column \(column + 1); the classes are 0 "
                            + "(blank), 1 (positive), 2 (negative) and 3 (uncertain)")
                }
            }
        }
    }

    private struct Column {
        var truePositives = 0
        var falsePositives = 0
        var falseNegatives = 0

        var rates: Classification.Rates {
            Classification.Rates(
                truePositives: truePositives, falsePositives: falsePositives, falseNegatives: falseNegatives)
        }
    }

    private struct Counts {
        var columns: [Column]

        init(_ rows: some Sequence<([Bool], [Bool])>, columns count: Int) {
            columns = [Column](repeating: Column(), count: count)
            for (predicted, wanted) in rows {
                for column in 0..<count where predicted[column] || wanted[column] {
                    if !predicted[column] {
                        columns[column].falseNegatives += 1
                    } else if wanted[column] {
                        columns[column].truePositives += 1
                    } else {
                        columns[column].falsePositives += 1
                    }
                }
            }
        }

        func averages(_ counts: (Int) -> Bool) -> Averages {
            let chosen = columns.indices.filter(counts).map { columns[$0] }
            let together = Classification.Rates(
                truePositives: chosen.reduce(0) { $0 + $1.truePositives },
                falsePositives: chosen.reduce(0) { $0 + $1.falsePositives },
                falseNegatives: chosen.reduce(0) { $0 + $1.falseNegatives })
            return Averages(micro: together.f1, macro: Classification.Rates(meanOf: chosen.map(\.rates)).f1)
        }
    }
}

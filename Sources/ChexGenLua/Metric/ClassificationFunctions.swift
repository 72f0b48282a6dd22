import Datasets
import LuaRuntime
import Metrics
import Tensors

/// `metric.classification`, `metric.roc_curve` and `metric.confusion_matrix`: a classifier's numbers, as scikit-learn has
/// them.
enum ClassificationFunctions {
    private static let values = LuaType.oneOf([.object("Tensor"), .list(.any)])

    static let all: [LuaFunctionDeclaration] = [
        LuaFunctionDeclaration(
            "classification",
            [
                LuaParameter("probabilities", .object("Tensor"), "`[N, classes]`."),
                LuaParameter("labels", .object("Tensor"), "`[N, classes]`, 0 or 1."),
                MetricModule.options([
                    LuaParameter("threshold", .number, default: .number(0.5), "From it on a label is predicted."),
                    LuaParameter(
                        "names", .list(.string), optional: true,
                        "The classes' names; `dataset.pathologies` where there are fourteen classes."),
                ]),
            ],
            returns: [
                LuaResult(
                    "scores", .table,
                    "`accuracy` (over all cells), `subset_accuracy` (images with all labels right), `precision_micro`, "
                        + "`precision_macro`, `recall_…`, `f1_…`, `auc_macro` (over the classes that have both labels; absent "
                        + "where none has) and `per_class`: a list, also by name, of `name`, `accuracy`, `precision`, "
                        + "`recall`, `f1`, `auc` (absent where one label only occurs), `support` and the counts "
                        + "`true_positives`, `false_positives`, `false_negatives`, `true_negatives`.")
            ],
            "The numbers of a classifier with several labels an image, as scikit-learn has them with `zero_division = 0`."
        ) { arguments in
            let given = try arguments.options("options")
            let probabilities = try arguments.tensor("probabilities")
            let result = try Classification(
                probabilities: probabilities, labels: arguments.tensor("labels"), threshold: given.number("threshold"),
                names: try names(given, classes: probabilities.shape.last))
            return [.table(table(result))]
        },
        LuaFunctionDeclaration(
            "classification_intervals",
            [
                LuaParameter("probabilities", .object("Tensor"), "`[N, classes]`."),
                LuaParameter("labels", .object("Tensor"), "`[N, classes]`, 0 or 1."),
                MetricModule.options([
                    LuaParameter("threshold", .number, default: .number(0.5), "From it on a label is predicted."),
                    LuaParameter(
                        "groups", .oneOf([.list(.any), .object("Dataset")]), optional: true,
                        "The patient of every row, kept together: a list, or a Dataset that names patients."),
                    LuaParameter(
                        "replicates", .integer, default: .integer(Bootstrap.Options().replicates), "How many resamples."
                    ),
                    StatisticOptions.level,
                    StatisticOptions.seed,
                ]),
            ],
            returns: [
                LuaResult(
                    "intervals", .table,
                    "`accuracy`, `precision_micro`, …, `auc_macro`, and `per_class`: a list with `precision`, `recall`, `f1` "
                        + "and `auc` of each class. Each has `low`, `high`, `estimate`, `mean`, `std` and `replicates`; a class "
                        + "with one label only has no `auc`.")
            ],
            "Percentile intervals of `metric.classification` by resampling images, or patients with all their images."
        ) { arguments in
            let given = try arguments.options("options")
            var options = Bootstrap.Options()
            options.replicates = try given.integer("replicates")
            options.level = try given.number("level")
            options.seed = try MetricModule.seed(given)
            let found = try Bootstrap.classification(
                probabilities: arguments.tensor("probabilities"), labels: arguments.tensor("labels"),
                threshold: given.number("threshold"), groups: StatisticOptions.groups(given), options)
            func fields(_ items: [(name: String, interval: Bootstrap.Interval)]) -> [(String, LuaValue)] {
                items.map { ($0.name, interval($0.interval)) }
            }
            let classes = LuaTable(array: found.classes.map { .fields(fields($0)) })
            return [.fields(fields(found.overall) + [("per_class", .table(classes))])]
        },
        LuaFunctionDeclaration(
            "roc_curve",
            [
                LuaParameter("scores", values, "`[N]`; a tensor or a list of numbers."),
                LuaParameter("labels", values, "`[N]`, 0 or 1 (or booleans in a list)."),
            ],
            returns: [
                LuaResult("false_positive_rate", .object("Tensor"), "f64, rising from 0 to 1."),
                LuaResult("true_positive_rate", .object("Tensor"), "f64, rising from 0 to 1."),
                LuaResult("thresholds", .object("Tensor"), "f64, falling from infinity."),
            ],
            "The receiver operating characteristic, without the points on straight lines. A class without members is an "
                + "error.",
            example: """
                local fpr, tpr = metric.roc_curve({ 0.9, 0.4, 0.7, 0.1 }, { 1, 0, 0, 0 })
                """
        ) { arguments in
            let labels = try numbers("labels", arguments).enumerated().map { index, value in
                guard value == 0 || value == 1 else {
                    throw arguments.fail("labels", "wanted 0 or 1, got \(value) at \(index + 1)")
                }
                return value == 1
            }
            let curve = try ROCCurve(scores: numbers("scores", arguments), labels: labels)
            return try [curve.falsePositiveRate, curve.truePositiveRate, curve.thresholds].map {
                .tensor(try Tensor($0, shape: [$0.count]))
            }
        },
        LuaFunctionDeclaration(
            "confusion_matrix",
            [
                LuaParameter("predictions", values, "`[N]` integers; a tensor or a list."),
                LuaParameter("labels", values, "`[N]` integers; a tensor or a list."),
            ],
            returns: [
                LuaResult("counts", .object("Tensor"), "`[K, K]` i64: row i, column j counts label i predicted as j."),
                LuaResult("labels", .object("Tensor"), "`[K]` i64: the labels that occur, rising."),
            ], "How often each label was predicted as each."
        ) { arguments in
            let matrix = try ConfusionMatrix(
                predictions: integers("predictions", arguments), labels: integers("labels", arguments))
            let size = matrix.labels.count
            return [
                .tensor(try Tensor(matrix.counts.flatMap { $0.map(Int64.init) }, shape: [size, size])),
                .tensor(try Tensor(matrix.labels.map(Int64.init), shape: [size])),
            ]
        },
    ]

    private static func interval(_ interval: Bootstrap.Interval) -> LuaValue {
        .fields([
            ("low", .number(interval.low)), ("high", .number(interval.high)), ("estimate", .number(interval.estimate)),
            ("mean", .number(interval.mean)), ("std", .number(interval.std)),
            ("replicates", .integer(interval.replicates)),
        ])
    }

    private static func names(_ options: LuaArguments, classes: Int?) throws -> [String]? {
        guard options.has("names") else { return classes == Pathologies.names.count ? Pathologies.names : nil }
        return try options.list("names").map { $0.stringValue ?? "" }
    }

    private static func table(_ result: Classification) -> LuaTable {
        let table = LuaTable(fields: [
            ("accuracy", .number(result.accuracy)), ("subset_accuracy", .number(result.subsetAccuracy)),
            ("auc_macro", result.aucMacro.map(LuaValue.number) ?? .nil),
        ])
        for (suffix, rates) in [("micro", result.micro), ("macro", result.macro)] {
            table["precision_\(suffix)"] = .number(rates.precision)
            table["recall_\(suffix)"] = .number(rates.recall)
            table["f1_\(suffix)"] = .number(rates.f1)
        }
        let classes = result.classes.map { item in
            LuaValue.fields([
                ("name", .string(item.name)), ("accuracy", .number(item.accuracy)),
                ("precision", .number(item.rates.precision)), ("recall", .number(item.rates.recall)),
                ("f1", .number(item.rates.f1)), ("auc", item.auc.map(LuaValue.number) ?? .nil),
                ("support", .integer(item.support)), ("true_positives", .integer(item.truePositives)),
                ("false_positives", .integer(item.falsePositives)),
                ("false_negatives", .integer(item.falseNegatives)), ("true_negatives", .integer(item.trueNegatives)),
            ])
        }
        table["per_class"] = .table(
            LuaTable(array: classes, fields: zip(result.classes, classes).map { ($0.name, $1) }))
        return table
    }

    /// The numbers of a tensor or of a list of numbers and booleans.
    private static func numbers(_ name: String, _ arguments: LuaArguments) throws -> [Double] {
        if let object = arguments.value(name).objectValue as? TensorObject {
            guard object.tensor.shape.count == 1 else {
                throw arguments.fail(name, "wanted one dimension, got shape \(Tensor.text(object.tensor.shape))")
            }
            return try LabelReader.numbers(object.tensor)
        }
        return try arguments.list(name).enumerated().map { index, value in
            guard let number = value.numberValue ?? value.booleanValue.map({ $0 ? 1 : 0 }) else {
                throw arguments.fail(name, "wanted numbers, got \(value.kind) at \(index + 1)")
            }
            return number
        }
    }

    private static func integers(_ name: String, _ arguments: LuaArguments) throws -> [Int] {
        try numbers(name, arguments).enumerated().map { index, value in
            guard let integer = Int(exactly: value) else {
                throw arguments.fail(name, "wanted integers, got \(value) at \(index + 1)")
            }
            return integer
        }
    }
}

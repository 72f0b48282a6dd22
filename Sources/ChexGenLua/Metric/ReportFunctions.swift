import Datasets
import LuaRuntime
import Metrics
import Tensors

/// `metric.bleu`, `rouge_l`, `f1_chexbert` and `f1_radgraph`: generated reports beside the radiologists', as LLaVA-Rad's
/// evaluation measures them.
enum ReportFunctions {
    static let all = [bleu, rougeL, chexbert, radgraph]

    private static let candidates = LuaParameter("candidates", .list(.string), "The generated reports.")
    private static let references = LuaParameter("references", .list(.string), "The report that each should be.")

    private static func draws(seed: Int) -> [LuaParameter] {
        [
            LuaParameter(
                "replicates", .integer, default: .integer(0),
                "How many resamples of the reports the interval goes over; 0 for none. The reference takes 500."),
            LuaParameter(
                "seed", .integer, default: .integer(seed), "The seed of the draws, the reference's by default."),
        ]
    }

    private static let interval = LuaResult(
        "interval", .table,
        "`low`, `median`, `high` (95 %), `centre`, which they lie about, and `replicates`; nil where none is wanted.")

    private static let bleu = LuaFunctionDeclaration(
        "bleu",
        [
            candidates, references,
            MetricModule.options(
                [
                    LuaParameter(
                        "n", .integer, default: .integer(4),
                        "The longest n-grams: 4 for BLEU-4, 1 for BLEU-1; up to \(BLEU.orders.upperBound).")
                ] + draws(seed: 12345)),
        ],
        returns: [LuaResult("score", .number, "From 0 to 100."), interval],
        "BLEU (Papineni et al., 2002) of all reports together, as sacrebleu's `BLEU(max_ngram_order = n).corpus_score`: its "
            + "tokenizer 13a, exponential smoothing. The interval lies about the mean of the resamples; its `median` is the "
            + "score, as in the reference's table.",
        example: "local score, interval = metric.bleu(found, written, { n = 1, replicates = 500 })"
    ) { arguments in
        let options = try arguments.options("options")
        let found = try BLEU(
            candidates: texts(arguments, "candidates"), references: texts(arguments, "references"),
            order: options.integer("n"), draws(options))
        return [.number(found.score), value(found.interval)]
    }

    private static let rougeL = LuaFunctionDeclaration(
        "rouge_l", [candidates, references, MetricModule.options(draws(seed: 3))],
        returns: [
            LuaResult("mean", .number, "From 0 to 1."),
            LuaResult("scores", .object("Tensor"), "f64 `[N]`: F of each pair."), interval,
        ],
        "ROUGE-L (Lin, 2004): F of the longest common subsequence of words, as rouge-score's `RougeScorer` without a stemmer."
    ) { arguments in
        let found = try RougeL.score(
            candidates: texts(arguments, "candidates"), references: texts(arguments, "references"),
            draws(arguments.options("options")))
        return try results(found)
    }

    private static let chexbert = LuaFunctionDeclaration(
        "f1_chexbert",
        [
            LuaParameter(
                "candidates", .object("Tensor"),
                "Classes of the generated reports, `[N, 14]` in the order of `dataset.pathologies`: 0 blank, 1 positive, 2 "
                    + "negative, 3 uncertain."),
            LuaParameter("references", .object("Tensor"), "Classes of the reports that they should be."),
            MetricModule.options(
                [
                    LuaParameter(
                        "uncertain", .choice(CheXbertScores.Uncertain.allCases.map(\.rawValue)),
                        default: .string(CheXbertScores.Uncertain.negative.rawValue),
                        "What an uncertain finding counts as: the reference has both, \"positive\" with a \"+\" behind the "
                            + "name.")
                ] + draws(seed: 3)),
        ],
        returns: [
            LuaResult(
                "scores", .table,
                "F1 `micro_14`, `macro_14`, `micro_5`, `macro_5`, `micro_4` and `macro_4`; `per_class`: `precision`, `recall`, "
                    + "`f1` and `support` by the finding's name; `intervals`, where they are wanted: `low`, `median`, `high`, "
                    + "`centre` and `replicates` of each of the six.")
        ],
        "F1 of CheXbert's classes, as scikit-learn's `classification_report` with `zero_division = 0`: of all fourteen, and of "
            + "atelectasis, cardiomegaly, consolidation, edema and pleural effusion (5), and of atelectasis, cardiomegaly, pleural "
            + "effusion and support devices (4).",
        example: "local f1 = metric.f1_chexbert(labeler:labels(found), labeler:labels(written)).micro_14"
    ) { arguments in
        let options = try arguments.options("options")
        let uncertain = CheXbertScores.Uncertain(rawValue: try options.string("uncertain")) ?? .negative
        let found = try CheXbertScores(
            candidates: arguments.tensor("candidates"), references: arguments.tensor("references"),
            names: Pathologies.names, uncertain: uncertain, draws(options))
        let classes = found.findings.map { finding in
            (
                finding.name,
                LuaValue.fields([
                    ("precision", .number(finding.rates.precision)), ("recall", .number(finding.rates.recall)),
                    ("f1", .number(finding.rates.f1)), ("support", .integer(finding.support)),
                ])
            )
        }
        var fields: [(String, LuaValue)] = [
            ("micro_14", .number(found.all.micro)), ("macro_14", .number(found.all.macro)),
            ("micro_5", .number(found.five.micro)), ("macro_5", .number(found.five.macro)),
            ("micro_4", .number(found.four.micro)), ("macro_4", .number(found.four.macro)),
            ("per_class", .fields(classes)),
        ]
        if !found.intervals.isEmpty {
            fields.append(("intervals", .fields(found.intervals.map { ($0.name, value($0.interval)) })))
        }
        return [.fields(fields)]
    }

    private static let radgraph = LuaFunctionDeclaration(
        "f1_radgraph",
        [
            LuaParameter(
                "candidates", .list(.table),
                "Annotations of the generated reports: each has `entities`, a list of tables with `tokens`, `label` and "
                    + "`relations`, a list of pairs of a kind and the place of another entity, from 1."),
            LuaParameter("references", .list(.table), "Annotations of the reports that they should be."),
            MetricModule.options(
                [
                    LuaParameter(
                        "reward", .choice(RadGraphReward.allCases.map(\.rawValue)),
                        default: .string(RadGraphReward.partial.rawValue),
                        "What must be equal: entities and labels (\"simple\"), also whether they have relations (\"partial\", "
                            + "F1-RadGraph as it is quoted), or the relations themselves (\"complete\").")
                ] + draws(seed: 3)),
        ],
        returns: [
            LuaResult("mean", .number, "From 0 to 1."),
            LuaResult("rewards", .object("Tensor"), "f64 `[N]`: the reward of each pair."), interval,
        ],
        "F1-RadGraph (Delbrouck et al., 2022) of annotated reports, as the package radgraph computes it. A report without an "
            + "entity gets 0.",
        example: "local mean = metric.f1_radgraph(found, written, { reward = \"partial\" })"
    ) { arguments in
        let options = try arguments.options("options")
        let reward = RadGraphReward(rawValue: try options.string("reward")) ?? .partial
        let found = try reward.score(
            candidates: annotations(arguments, "candidates"), references: annotations(arguments, "references"),
            draws(options))
        return try results(found)
    }

    // MARK: Values

    private static func texts(_ arguments: LuaArguments, _ name: String) throws -> [String] {
        try arguments.list(name).compactMap(\.stringValue)
    }

    private static func draws(_ options: LuaArguments) throws -> ReportInterval.Draws {
        .init(replicates: try options.integer("replicates"), seed: try MetricModule.seed(options))
    }

    private static func value(_ interval: ReportInterval?) -> LuaValue {
        guard let interval else { return .nil }
        return .fields([
            ("low", .number(interval.low)), ("median", .number(interval.median)), ("high", .number(interval.high)),
            ("centre", .number(interval.centre)), ("replicates", .integer(interval.replicates)),
        ])
    }

    private static func results(_ found: ReportMean) throws -> [LuaValue] {
        [
            .number(found.mean), .tensor(try Tensor(found.values, shape: [found.values.count])),
            value(found.interval),
        ]
    }

    private static func annotations(_ arguments: LuaArguments, _ name: String) throws -> [ReportAnnotation] {
        try arguments.list(name).enumerated().map { row, value in
            let place = "\(name)[\(row + 1)].entities"
            guard let list = value.tableValue?["entities"].tableValue else {
                throw arguments.fail(place, "wanted a list, as `labeler:annotate` gives it")
            }
            return ReportAnnotation(
                try list.array.enumerated().map { index, value in
                    let place = "\(place)[\(index + 1)]"
                    guard let entity = value.tableValue else {
                        throw arguments.fail(place, "wanted a table, got \(value.kind)")
                    }
                    func text(_ key: String) throws -> String {
                        guard let text = entity[key].stringValue else {
                            throw arguments.fail("\(place).\(key)", "wanted a string, got \(entity[key].kind)")
                        }
                        return text
                    }
                    let relations = entity["relations"]
                    guard relations.isNil || relations.tableValue != nil else {
                        throw arguments.fail("\(place).relations", "wanted a list, got \(relations.kind)")
                    }
                    return .init(
                        tokens: try text("tokens"), label: try text("label"),
                        relations: try (relations.tableValue?.array ?? []).enumerated().map { index, value in
                            let pair = value.tableValue?.array ?? []
                            guard pair.count == 2, let kind = pair[0].stringValue, let other = pair[1].integerValue,
                                other > 0
                            else {
                                throw arguments.fail(
                                    "\(place).relations[\(index + 1)]",
                                    "wanted a kind and the place of an entity, from 1")
                            }
                            return .init(kind: kind, entity: other - 1)
                        })
                })
        }
    }
}

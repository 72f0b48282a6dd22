import Identity
import LuaRuntime
import Metrics
import Tensors

/// `metric.statistics`, `metric.register`, `metric.measure` and `metric.identity`.
enum StatisticFunctions {
    static func all(_ context: ScriptContext) -> [LuaFunctionDeclaration] {
        [list(context), StatisticOptions.list(context), register(context), measure(context), identity]
    }

    /// The names of the statistics that a function knows.
    static func names(_ options: LuaArguments, _ name: String, _ context: ScriptContext) throws -> [any Statistic] {
        let known = context.statistics
        return try options.list(name).map { value in
            guard let statistic = value.stringValue.flatMap({ known[$0] }) else {
                let got = value.stringValue.map { "\"\($0)\"" } ?? value.kind
                throw options.fail(name, "wanted some of \(known.names.joined(separator: ", ")), got \(got)")
            }
            return statistic
        }
    }

    private static func list(_ context: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "statistics",
            returns: [
                LuaResult(
                    "entries", .list(.table),
                    "`name`, `column`, `about`, `direction` (`lower` or `higher` is better), `input` (which features), "
                        + "`compares_with_real`, `size_bias`, `has_limit` (whether there is a value for endless sets) and "
                        + "`has_spread` (whether there is a deviation over subsets or splits)."
                )
            ],
            "The statistics in the order of their columns: the program's own, then those that scripts registered."
        ) { _ in
            [
                .table(
                    LuaTable(
                        array: context.statistics.entries.map { entry in
                            .fields([
                                ("name", .string(entry.name)), ("column", .string(entry.column)),
                                ("about", .string(entry.about)), ("direction", .string(entry.direction.rawValue)),
                                ("input", .string(entry.input.rawValue)),
                                ("compares_with_real", .boolean(entry.comparesWithReal)),
                                ("size_bias", .string(entry.sizeBias.rawValue)),
                                ("has_limit", .boolean(entry.sizeBias.hasLimit)),
                                ("has_spread", .boolean(entry.hasSpread)),
                            ])
                        }))
            ]
        }
    }

    private static func register(_ context: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "register", [LuaParameter("entry", .options(ScriptStatistic.parameters), "What the statistic is.")],
            "Adds a statistic of one's own. It gets columns, an interval, a floor and an identity as the program's own have "
                + "them, in every experiment that measures its input. See `CONTRIBUTING.md`.",
            example: """
                metric.register { name = "mean-shift", column = "Mean shift", size_bias = "distance",
                  value = function(real, synthetic) return ((real:mean(1) - synthetic:mean(1)) ^ 2):sum() end }
                """
        ) { arguments in
            let statistic = try ScriptStatistic(arguments.options("entry"), context.host)
            try context.statistics.add(statistic) { $0 is ScriptStatistic }
            return []
        }
    }

    private static let sources = LuaType.oneOf([.object("Tensor"), .object("RadiomicsTable")])

    private static func measure(_ context: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "measure",
            [
                LuaParameter("real", sources, "Features of real images, `[N, D]`, or their radiomic features."),
                LuaParameter("synthetic", sources, "The same of synthetic images."),
                MetricModule.options(
                    [
                        LuaParameter("statistics", .list(.string), "Names of `metric.statistics()`."),
                        StatisticOptions.groups,
                        LuaParameter(
                            "identity", .dictionary(.any), optional: true,
                            "What the features depend on, as `evaluation.pass` says it: `encoder`, `weights`, `preprocessing`, "
                                + "`output`, `dtype`, `device`."),
                        LuaParameter(
                            "chunks", .boolean, default: .boolean(false),
                            "Of radiomic tables under `chexgenbench`: leave out the files that the reference never processes."
                        ),
                    ] + StatisticOptions.all(context)),
            ],
            returns: [
                LuaResult(
                    "measurements", .dictionary(.table),
                    "For every statistic `value`, `low` and `high` (its interval), `error`, `half_samples`, `std` (over subsets or "
                        + "splits), `floor` (what real images would get in place of the synthetic ones), `limit` (the same for "
                        + "endless sets: `value`, `low`, `high`, `floor`, `identity`), `identity` and `note`; what there are too "
                        + "few images for is absent, and with the value absent `note` says why.")
            ],
            "Statistics of two sets with intervals, values for endless sets, floors and identities. The interval is made from "
                + "random halves of both sets, patients kept together, and holds the value; see `docs/uncertainty.md`.",
            example: """
                local found = metric.measure(real, synthetic, { statistics = { "fid", "kid" }, groups = ds })
                print(found.fid.value, found.fid.low, found.fid.high, found.fid.limit.value, found.fid.floor)
                """
        ) { arguments in
            let options = try arguments.options("options")
            let settings = try StatisticOptions.settings(options, context)
            let statistics = try names(options, "statistics", context)
            let input = try MeasuredFeatures(arguments, options, settings)
            let counts = (real: input.pair.real.rows, synthetic: input.pair.synthetic.rows)
            let isRefused = statistics.map { $0.refusal(settings, real: counts.real, synthetic: counts.synthetic) }
            let measured = statistics.indices.filter { isRefused[$0] == nil }
            let measurer = try Measurer(input.pair, realGroups: input.groups, settings)
            var found = isRefused.map { reason in
                [("note", LuaValue.optional(reason))]
            }
            for (index, result) in zip(measured, try measurer.measure(measured.map { statistics[$0] })) {
                found[index] = fields(
                    of: result, statistics[index], settings, counts, identity: input.identity)
            }
            return [.fields(zip(statistics, found).map { ($0.name, .fields($1)) })]
        }
    }

    private static func fields(
        of result: Measurement, _ statistic: any Statistic, _ settings: StatisticSettings,
        _ counts: (real: Int, synthetic: Int), identity features: FeatureIdentity?
    ) -> [(String, LuaValue)] {
        func estimate(_ estimate: Measurement.Estimate) -> [(String, LuaValue)] {
            [
                ("value", .number(estimate.value)), ("low", .optional(estimate.interval?.low)),
                ("high", .optional(estimate.interval?.high)), ("error", .optional(estimate.interval?.error)),
                ("floor", .optional(estimate.floor)),
            ]
        }
        func identity(_ isLimit: Bool) -> (String, LuaValue) {
            let identity = features.map {
                statistic.identity($0, settings, real: counts.real, synthetic: counts.synthetic, isLimit: isLimit)
            }
            return ("identity", .optional(identity?.text))
        }
        var fields = estimate(result.estimate)
        fields += [
            identity(false), ("std", .optional(result.spread)), ("half_samples", .integer(result.halfSamples)),
            ("floor_real", result.floorSize.map { .integer($0.real) } ?? .nil),
            ("floor_synthetic", result.floorSize.map { .integer($0.synthetic) } ?? .nil),
            ("note", .optional(statistic.note(settings, real: counts.real, synthetic: counts.synthetic))),
        ]
        if let limit = result.limit { fields.append(("limit", .fields(estimate(limit) + [identity(true)]))) }
        return fields
    }

    private static let identity = LuaFunctionDeclaration(
        "identity",
        [
            LuaParameter(
                "fields",
                .options([
                    LuaParameter("metric", .string, "The metric's name."),
                    StatisticOptions.way,
                    LuaParameter(
                        "features", .dictionary(.any), optional: true,
                        "What the features depend on, as `evaluation.pass` says it."),
                    LuaParameter("estimator", .string, default: .string("script"), "The estimator."),
                    LuaParameter("real", .integer, default: .integer(0), "Real images that entered."),
                    LuaParameter("synthetic", .integer, default: .integer(0), "Synthetic images that entered."),
                    LuaParameter("seed", .integer, optional: true, "The seed, where the estimator draws."),
                    LuaParameter("details", .dictionary(.any), optional: true, "All else that changes the number."),
                ]), "What the number depends on.")
        ], returns: [LuaResult("text", .string, "One line.")],
        "The identity of a number of one's own: numbers whose identities differ do not belong into one table.",
        example:
            "local text = metric.identity { metric = \"alignment\", real = 0, synthetic = #ds, details = { round = 3 } }"
    ) { arguments in
        let fields = try arguments.options("fields")
        let details = fields.has("details") ? try fields.table("details").fields : []
        let identity = MetricIdentity(
            metric: try fields.string("metric"), definition: try MetricModule.definition(fields),
            features: try FeatureIdentity.lua(fields, "features")
                ?? FeatureIdentity(
                    encoder: "none", source: .formula, preprocessing: "none", output: "none", dtype: "f64"),
            estimator: try fields.string("estimator"), realCount: try fields.integer("real"),
            syntheticCount: try fields.integer("synthetic"),
            seed: fields.has("seed") ? UInt64(try MetricModule.seed(fields)) : nil,
            details: Dictionary(details.map { ($0.name, LuaFormat.plain($0.value)) }) { first, _ in first })
        return [.string(identity.text)]
    }
}

extension LuaValue {
    /// A number, or nil.
    static func optional(_ number: Double?) -> LuaValue { number.map { .number($0) } ?? .nil }
}

extension FeatureIdentity {
    /// What features depend on, from a table of its fields; nil where the argument is absent.
    static func lua(_ arguments: LuaArguments, _ name: String) throws -> FeatureIdentity? {
        guard arguments.has(name) else { return nil }
        let table = try arguments.table(name)
        func text(_ key: String) throws -> String {
            guard let value = table[key].stringValue else {
                throw arguments.fail("\(name).\(key)", "wanted string, got \(table[key].kind)")
            }
            return value
        }
        guard let device = DeviceKind(rawValue: try text("device")) else {
            throw arguments.fail("\(name).device", "no device kind \"\(try text("device"))\"")
        }
        return FeatureIdentity(
            encoder: try text("encoder"), source: Source(text: try text("weights")),
            preprocessing: try text("preprocessing"), output: try text("output"), dtype: try text("dtype"),
            device: device)
    }
}

import LuaRuntime
import Metrics
import Tensors

/// `metric.bootstrap` and `metric.floor`, the intervals and the floors of `metric.measure` alone; `metric.mean` and `metric.share`.
enum UncertaintyFunctions {
    private static let metrics = LuaParameter("metrics", .list(.string), "Names of `metric.statistics()`.")

    static func all(_ context: ScriptContext) -> [LuaFunctionDeclaration] {
        [bootstrap(context), floor(context), mean, share]
    }

    /// What a mean and a share are asked for: numbers, and which of them belong together.
    private static func grouped(_ values: String) -> [LuaParameter] {
        [
            LuaParameter("values", .oneOf([.object("Tensor"), .list(.number)]), values),
            MetricModule.options([
                LuaParameter(
                    "groups", .oneOf([.list(.any), .object("Dataset")]), optional: true,
                    "Which values belong together, such as the patient of each: a list, or a Dataset that names patients."
                ),
                StatisticOptions.level,
            ]),
        ]
    }

    /// The numbers of a call, their groups and the level.
    private static func given(_ arguments: LuaArguments) throws -> (
        values: [Double], groups: RowGroups, level: Double
    ) {
        let values: [Double]
        if case .object(let tensor as TensorObject) = arguments.value("values") {
            guard tensor.tensor.rank == 1 else {
                throw arguments.fail("values", "wanted [N], got \(Tensor.text(tensor.tensor.shape))")
            }
            values = try tensor.tensor.to(.f64).contiguous().array(Double.self)
        } else {
            values = try arguments.list("values").enumerated().map { index, value in
                guard let number = value.numberValue else {
                    throw arguments.fail("values", "wanted numbers, got \(value.kind) at \(index + 1)")
                }
                return number
            }
        }
        let options = try arguments.options("options")
        return try (
            values, StatisticOptions.groups(options) ?? RowGroups(rows: values.count), options.number("level")
        )
    }

    private static let mean = LuaFunctionDeclaration(
        "mean", grouped("One number an image, `[N]`."),
        returns: [
            LuaResult(
                "mean", .table, "`value`, and of two groups or more `low`, `high` and `error`; `groups`, their number.")
        ],
        "The mean of values that come in groups, with an interval that counts groups: by Student's t, for a ratio of sums."
    ) { arguments in
        let (values, groups, level) = try given(arguments)
        let found = try ClusteredMean(values, groups: groups, level: level)
        var fields: [(String, LuaValue)] = [("value", .number(found.value)), ("groups", .integer(found.groups))]
        if let interval = found.interval, let error = found.error {
            fields += [("low", .number(interval.low)), ("high", .number(interval.high)), ("error", .number(error))]
        }
        return [.fields(fields)]
    }

    private static let share = LuaFunctionDeclaration(
        "share", grouped("A 0 or a 1 an image, `[N]`."),
        returns: [
            LuaResult(
                "share", .table,
                "`value`, and of two groups or more `low` and `high`; `groups`, their number; `effective`, as many values "
                    + "without groups would tell as much.")
        ],
        "The share of ones in values that come in groups, with an interval that counts groups and holds for rare ones, too: "
            + "Clopper and Pearson's for the effective number of values (Korn and Graubard, 1998). None of 2,000 is 0 with a "
            + "`high` of 0.0018, where `metric.mean` would end at 0."
    ) { arguments in
        let (values, groups, level) = try given(arguments)
        let ones = try values.enumerated().map { index, value in
            guard value == 0 || value == 1 else {
                throw arguments.fail("values", "wanted 0 or 1, got \(value) at \(index + 1)")
            }
            return value == 1
        }
        let found = try ClusteredShare(ones, groups: groups, level: level)
        var fields: [(String, LuaValue)] = [
            ("value", .number(found.value)), ("groups", .integer(found.groups)),
            ("effective", .number(found.effectiveCount)),
        ]
        if let interval = found.interval {
            fields += [("low", .number(interval.low)), ("high", .number(interval.high))]
        }
        return [.fields(fields)]
    }

    private static func bootstrap(_ context: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "bootstrap",
            [
                LuaParameter("real", .object("Tensor"), "Features of real images."), MetricModule.synthetic,
                MetricModule.options(
                    [metrics, StatisticOptions.groups]
                        + StatisticOptions.all(context).filter { $0.name != "floor_splits" }),
            ],
            returns: [
                LuaResult(
                    "intervals", .dictionary(.table),
                    "For every metric `low`, `high`, `estimate`, `std` (the standard error) and `replicates`; a metric that "
                        + "halves of the sets are too small for is left out.")
            ],
            "Intervals by half-samples of images, or of patients with all their images. An interval holds its estimate: it is "
                + "what the number would vary within for other images of the same kind and as many of them."
        ) { arguments in
            let given = try arguments.options("options")
            var settings = try StatisticOptions.settings(given, context)
            settings.floorSplits = 0
            guard settings.replicates >= 1 else {
                throw given.fail("replicates", "wanted 1 or more, got \(settings.replicates)")
            }
            let statistics = try StatisticFunctions.names(given, "metrics", context)
            let pair = try FeaturePair(
                arguments.tensor("real"), arguments.tensor("synthetic"), metric: "bootstrap")
            let measurer = try Measurer(pair, realGroups: StatisticOptions.groups(given), settings)
            return [
                .fields(
                    zip(statistics, try measurer.measure(statistics)).compactMap { statistic, result in
                        result.estimate.interval.map { interval in
                            (
                                statistic.name,
                                .fields([
                                    ("low", .number(interval.low)), ("high", .number(interval.high)),
                                    ("estimate", .number(result.estimate.value)), ("std", .number(interval.error)),
                                    ("replicates", .integer(result.halfSamples)),
                                ])
                            )
                        }
                    })
            ]
        }
    }

    private static func floor(_ context: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "floor",
            [
                LuaParameter("real", .object("Tensor"), "Features of real images."),
                MetricModule.options([
                    metrics, StatisticOptions.groups,
                    LuaParameter(
                        "splits", .integer, default: StatisticOptions.value(StatisticSetting.floorSplits.standard),
                        "How many random splits of the real set."),
                    LuaParameter(
                        "size", .integer, optional: true,
                        "How many synthetic images the floor is for; as many as there are real ones where absent."),
                    StatisticOptions.way, StatisticOptions.seed, StatisticOptions.parameter(.nearest),
                    StatisticOptions.given,
                ]),
            ],
            returns: [LuaResult("values", .dictionary(.number), "The floor of every metric.")],
            "What a metric would be for perfect images: as many real ones in place of the synthetic ones. It is measured between "
                + "disjoint parts of the real set, without shared patients, and extrapolated to the size. A metric that the "
                + "parts are too small for is left out."
        ) { arguments in
            let given = try arguments.options("options")
            let splits = try given.integer("splits")
            guard (1...100_000).contains(splits) else {
                throw given.fail("splits", "wanted 1 to 100000, got \(splits)")
            }
            let real = try FeatureSet(arguments.tensor("real"), name: "real", metric: "floor")
            let size = given.has("size") ? try given.integer("size") : real.rows
            let sizes = StatisticSettings.floorSizes
            guard sizes.contains(size) || !given.has("size") else {
                throw given.fail("size", "wanted \(sizes.lowerBound) to \(sizes.upperBound), got \(size)")
            }
            let statistics = try StatisticFunctions.names(given, "metrics", context)
            var settings = StatisticSettings()
            settings.definition = try MetricModule.definition(given)
            settings.seed = try MetricModule.seed(given)
            settings.nearest = try given.integer("k")
            settings.floorSplits = splits
            try StatisticOptions.take(given, context, into: &settings)
            let floors = try Floor(real, synthetic: size, groups: StatisticOptions.groups(given), settings)
                .measure(statistics)
            return [.fields(zip(statistics, floors).map { ($0.name, .optional($1?.value)) })]
        }
    }
}

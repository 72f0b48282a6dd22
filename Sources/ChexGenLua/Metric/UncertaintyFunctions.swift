import LuaRuntime
import Metrics
import Tensors

/// `metric.bootstrap` and `metric.floor`: the intervals and the floors of `metric.measure` alone.
enum UncertaintyFunctions {
    private static let metrics = LuaParameter("metrics", .list(.string), "Names of `metric.statistics()`.")

    static func all(_ context: ScriptContext) -> [LuaFunctionDeclaration] {
        [bootstrap(context), floor(context), mean]
    }

    private static let mean = LuaFunctionDeclaration(
        "mean",
        [
            LuaParameter("values", .oneOf([.object("Tensor"), .list(.number)]), "One number an image, `[N]`."),
            MetricModule.options([
                LuaParameter(
                    "groups", .oneOf([.list(.any), .object("Dataset")]), optional: true,
                    "Which values belong together, such as the patient of each: a list, or a Dataset that names patients."
                ),
                StatisticOptions.level,
            ]),
        ],
        returns: [
            LuaResult(
                "mean", .table, "`value`, and of two groups or more `low`, `high` and `error`; `groups`, their number.")
        ],
        "The mean of values that come in groups, with an interval that counts groups: by Student's t, for a ratio of sums."
    ) { arguments in
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
        let found = try ClusteredMean(
            values, groups: StatisticOptions.groups(options) ?? RowGroups(rows: values.count),
            level: options.number("level"))
        var fields: [(String, LuaValue)] = [("value", .number(found.value)), ("groups", .integer(found.groups))]
        if let interval = found.interval, let error = found.error {
            fields += [("low", .number(interval.low)), ("high", .number(interval.high)), ("error", .number(error))]
        }
        return [.fields(fields)]
    }

    private static func bootstrap(_ context: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "bootstrap",
            [
                LuaParameter("real", .object("Tensor"), "Features of real images."), MetricModule.synthetic,
                MetricModule.options(
                    [metrics, StatisticOptions.groups] + StatisticOptions.all.filter { $0.name != "floor_splits" }),
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
            var settings = try StatisticOptions.settings(given)
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
                        "splits", .integer, default: StatisticOptions.floorSplits.default,
                        "How many random splits of the real set."),
                    LuaParameter(
                        "size", .integer, optional: true,
                        "How many synthetic images the floor is for; as many as there are real ones where absent."),
                    StatisticOptions.way, StatisticOptions.seed, StatisticOptions.nearest,
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
            let floors = try Floor(real, synthetic: size, groups: StatisticOptions.groups(given), settings)
                .measure(statistics)
            return [.fields(zip(statistics, floors).map { ($0.name, .optional($1?.value)) })]
        }
    }
}

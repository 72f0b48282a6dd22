import Foundation
import Identity
import LuaRuntime
import Metrics
import Tensors

/// Moments as Lua holds them.
final class MomentsObject: LuaExternalBytes {
    let moments: Moments

    init(_ moments: Moments) { self.moments = moments }

    var externalBytes: Int { moments.dimension * moments.dimension * 16 }
}

/// `chexgen.metric`: from features to numbers. Intervals and floors are in `UncertaintyFunctions.swift`.
enum MetricModule {
    static func declaration(_ session: ScriptContext) -> LuaModuleDeclaration {
        LuaModuleDeclaration(
            "chexgen.metric",
            "Metrics of feature sets: `[N, D]` tensors, one row an image. Everything is computed in f64; a feature that is "
                + "not finite is an error that names its row.",
            functions: distances(session) + DistanceFunctions.all + StatisticFunctions.all(session)
                + UncertaintyFunctions.all(session)
                + ClassificationFunctions.all + ReportFunctions.all
                + RadiomicsFunctions.all(session) + helpers,
            constants: [StatisticOptions.constant(session), StatisticOptions.bounds(session)],
            classes: [momentsClass(session), RadiomicsFunctions.tableClass(session)])
    }

    static let real = LuaParameter("real", .any, "Features of real images, `[N, D]`.")
    static let synthetic = LuaParameter("synthetic", .object("Tensor"), "Features of synthetic images, `[M, D]`.")
    static func options(_ parameters: [LuaParameter]) -> LuaParameter {
        LuaParameter("options", .options(parameters), default: .table(LuaTable()), "Settings.")
    }

    static func definition(_ options: LuaArguments) throws -> Protocol {
        Protocol(rawValue: try options.string("protocol")) ?? .chexgenbench
    }

    /// The seed of NumPy's `RandomState`, which takes 32 bits.
    static func seed(_ options: LuaArguments) throws -> UInt32 {
        let given = try options.integer("seed")
        guard let seed = UInt32(exactly: given) else {
            throw options.fail("seed", "wanted 0 to 4294967295, got \(given)")
        }
        return seed
    }

    // MARK: Distances

    private static func distances(_ session: ScriptContext) -> [LuaFunctionDeclaration] {
        [
            LuaFunctionDeclaration(
                "fid",
                [
                    LuaParameter("real", .oneOf([.object("Tensor"), .object("Moments")]), "Features or moments."),
                    LuaParameter("synthetic", .oneOf([.object("Tensor"), .object("Moments")]), "Features or moments."),
                ], returns: [LuaResult("distance", .number, "At least 0.")],
                "The Fréchet distance between Gaussians fitted to two feature sets (Heusel et al., 2017). It is exact with "
                    + "fewer images than features, too, and cannot be NaN."
            ) { arguments in
                let pair = (arguments.value("real").objectValue, arguments.value("synthetic").objectValue)
                switch pair {
                case (let real as TensorObject, let synthetic as TensorObject):
                    return [.number(try FrechetDistance.distance(real.tensor, synthetic.tensor))]
                case (let real as MomentsObject, let synthetic as MomentsObject):
                    return [.number(try FrechetDistance.distance(real.moments, synthetic.moments))]
                case (let real as MomentsObject, let synthetic as TensorObject):
                    return [.number(try FrechetDistance.distance(real.moments, synthetic.tensor))]
                case (let real as TensorObject, let synthetic as MomentsObject):
                    return [.number(try FrechetDistance.distance(synthetic.moments, real.tensor))]
                default:
                    throw arguments.fail("real", "wanted features or moments")
                }
            },
            LuaFunctionDeclaration(
                "moments", [LuaParameter("D", .integer, "The number of features.")],
                returns: [LuaResult("moments", .object("Moments"), "Empty moments.")],
                "Mean and covariance of a stream of features: they merge, so shards give the answer of the whole. Features are "
                    + "kept as multiples of 2^-30; where they are so small that this would show, it is an error that says so."
            ) { arguments in [.object(MomentsObject(try Moments(dimension: arguments.integer("D"))))] },
            LuaFunctionDeclaration(
                "load_moments", [LuaParameter("path", .string, "A file written by `moments:save`.")],
                returns: [LuaResult("moments", .object("Moments"), "The moments.")], "Reads moments from a file."
            ) { arguments in [.object(MomentsObject(try Moments.load(session.input(arguments.string("path")))))] },
            LuaFunctionDeclaration(
                "kid",
                [
                    LuaParameter("real", .object("Tensor"), "Features of real images."), synthetic,
                    options([
                        StatisticOptions.parameter(.subsets), StatisticOptions.parameter(.subsetSize),
                        LuaParameter("degree", .integer, default: .integer(3), "The kernel's degree."),
                        LuaParameter("gamma", .number, optional: true, "The kernel's scale; 1/D where absent."),
                        LuaParameter("coef", .number, default: .number(1), "The kernel's constant."),
                        StatisticOptions.seed, StatisticOptions.way,
                    ]),
                ],
                returns: [
                    LuaResult("mean", .number, "Over the subsets."), LuaResult("std", .number, "Over the subsets."),
                ],
                "The Kernel Inception Distance (Bińkowski et al., 2018): unbiased MMD² with the kernel (gamma x·y + coef)^degree."
            ) { arguments in
                let given = try arguments.options("options")
                var options = KernelInceptionDistance.Options()
                options.subsets = try given.integer("subsets")
                options.subsetSize = try given.integer("subset_size")
                options.degree = try given.integer("degree")
                options.gamma = given.has("gamma") ? try given.number("gamma") : nil
                options.coefficient = try given.number("coef")
                options.seed = UInt64(try seed(given))
                options.ignoresOrder = try definition(given) == .exact
                let score = try KernelInceptionDistance.score(
                    arguments.tensor("real"), arguments.tensor("synthetic"), options)
                return [.number(score.mean), .number(score.std)]
            },
            LuaFunctionDeclaration(
                "inception_score",
                [
                    LuaParameter("logits", .object("Tensor"), "`[N, classes]`."),
                    options([StatisticOptions.parameter(.splits), StatisticOptions.seed, StatisticOptions.way]),
                ],
                returns: [
                    LuaResult("mean", .number, "Over the parts."), LuaResult("std", .number, "Over the parts."),
                ],
                "The Inception Score (Salimans et al., 2016): the exponential of the mean divergence of each image's classes "
                    + "from all images' classes."
            ) { arguments in
                let given = try arguments.options("options")
                let score = try InceptionScore.score(
                    arguments.tensor("logits"), splits: given.integer("splits"), seed: UInt64(seed(given)),
                    protocol: definition(given))
                return [.number(score.mean), .number(score.std)]
            },
            LuaFunctionDeclaration(
                "prdc",
                [
                    LuaParameter("real", .object("Tensor"), "Features of real images."), synthetic,
                    options([StatisticOptions.parameter(.nearest)]),
                ],
                returns: [
                    LuaResult("scores", .dictionary(.number), "`precision`, `recall`, `density`, `coverage`.")
                ], "Precision, recall, density and coverage (Naeem et al., 2020)."
            ) { arguments in
                let score = try PRDC.score(
                    arguments.tensor("real"), arguments.tensor("synthetic"),
                    k: arguments.options("options").integer("k"))
                return [
                    .fields([
                        ("precision", .number(score.precision)), ("recall", .number(score.recall)),
                        ("density", .number(score.density)), ("coverage", .number(score.coverage)),
                    ])
                ]
            },
        ]
    }

    private static let helpers: [LuaFunctionDeclaration] = [
        LuaFunctionDeclaration(
            "round",
            [
                LuaParameter("value", .number, "The number."),
                LuaParameter("digits", .integer, default: .integer(3), "Decimals, 0 to 15."),
            ], returns: [LuaResult("rounded", .number, "The number.")],
            "Rounds to decimals as Python's `round` does: the exact value decides, ties go to even."
        ) { arguments in
            let digits = try arguments.integer("digits")
            guard (0...15).contains(digits) else { throw arguments.fail("digits", "wanted 0 to 15, got \(digits)") }
            let value = try arguments.number("value")
            // The C library prints the exact value correctly rounded, which is what Python's round is defined by.
            return [.number(value.isFinite ? Double(String(format: "%.*f", digits, value)) ?? value : value)]
        }
    ]

    // MARK: Moments

    private static func momentsClass(_ session: ScriptContext) -> LuaClassDeclaration {
        LuaClass<MomentsObject>.declaration(
            "Moments", "Count, mean and covariance of features.",
            methods: [
                .method(
                    "update", [LuaParameter("features", .object("Tensor"), "`[N, D]`.")],
                    returns: [LuaResult("moments", .object("Moments"), "The same object.")], "Adds rows."
                ) { object, arguments in
                    try object.moments.update(arguments.tensor("features"))
                    return [.object(object)]
                },
                .method(
                    "merge", [LuaParameter("other", .object("Moments"), "Moments of other rows.")],
                    returns: [LuaResult("moments", .object("Moments"), "The same object.")], "Adds another's rows."
                ) { object, arguments in
                    try object.moments.merge(arguments.object("other", as: MomentsObject.self).moments)
                    return [.object(object)]
                },
                .method(
                    "save", [LuaParameter("path", .string, "The file.")], "Writes the moments, whole or not at all."
                ) { object, arguments in
                    try object.moments.save(session.output(arguments.string("path")))
                    return []
                },
                .method(
                    "mean", returns: [LuaResult("mean", .object("Tensor"), "`[D]` f64.")], "The mean of the rows."
                ) { object, _ in [.tensor(try object.moments.mean())] },
                .method(
                    "covariance", returns: [LuaResult("covariance", .object("Tensor"), "`[D, D]` f64.")],
                    "The covariance over n - 1."
                ) { object, _ in [.tensor(try object.moments.covariance())] },
            ],
            properties: [
                .property("count", .integer, "How many rows were added.") { .integer($0.moments.count) }
            ])
    }
}

import Imaging
import LuaRuntime
import Metrics
import Tensors

/// Distances of pairs: of images, of features, of queries and a database.
enum DistanceFunctions {
    static let all = [pixels, latents, nearest]

    private static let image = LuaType.oneOf([.object("Image"), .object("Tensor"), .list(.any)])

    private static let pixels = LuaFunctionDeclaration(
        "pixel_distance",
        [
            LuaParameter("a", image, "An image, u8 `[H, W, C]` or `[N, H, W, C]`, or a list of images."),
            LuaParameter("b", image, "As many, of the same sizes."),
            MetricModule.options([
                LuaParameter(
                    "wrapped", .boolean, default: .boolean(false),
                    "Whether differences of bytes wrap at 256, as CheXGenBench's do by mistake.")
            ]),
        ],
        returns: [LuaResult("distance", .oneOf([.number, .object("Tensor")]), "A number, or f64 `[N]` for several.")],
        "The root of the mean squared difference in grey levels, signed: an image beside itself plus one level is 1.",
        example: "print(metric.pixel_distance(image.load \"a.png\", image.load \"b.png\"))"
    ) { arguments in
        let isWrapped = try arguments.options("options").boolean("wrapped")
        let (first, second) = try (tensors(arguments, "a"), tensors(arguments, "b"))
        guard first.list.count == second.list.count, first.isOne == second.isOne else {
            throw arguments.fail("b", "wanted \(first.list.count) images as in a, got \(second.list.count)")
        }
        let values = try zip(first.list, second.list).map {
            try isWrapped ? PairDistance.wrappedPixels($0, $1) : PairDistance.pixels($0, $1)
        }
        return first.isOne ? [.number(values[0])] : [.tensor(try Tensor(values, shape: [values.count]))]
    }

    private static func tensors(_ arguments: LuaArguments, _ name: String) throws -> (list: [Tensor], isOne: Bool) {
        switch arguments.value(name) {
        case .object(let object as ImageObject): return ([try object.image.tensor()], true)
        case .object(let object as TensorObject) where object.tensor.rank == 4:
            return (try (0..<object.tensor.shape[0]).map { try object.tensor.select(0, $0) }, false)
        case .object(let object as TensorObject): return ([object.tensor], true)
        default: return (try ImageModule.list(arguments, name).map { try $0.tensor() }, false)
        }
    }

    private static let latents = LuaFunctionDeclaration(
        "latent_distance",
        [
            LuaParameter("a", .object("Tensor"), "Features `[N, D]`."),
            LuaParameter("b", .object("Tensor"), "Features `[N, D]`."),
        ], returns: [LuaResult("distances", .object("Tensor"), "f64 `[N]`.")],
        "The distance of two features over the root of their length, L2 / √D, row by row."
    ) { arguments in [.tensor(try PairDistance.latents(arguments.tensor("a"), arguments.tensor("b")))] }

    private static let nearest = LuaFunctionDeclaration(
        "nearest",
        [
            LuaParameter("queries", .object("Tensor"), "Features `[N, D]`."),
            LuaParameter("database", .object("Tensor"), "Features `[M, D]`."),
            MetricModule.options([
                LuaParameter(
                    "k", .integer, default: .integer(1), "How many, at most M and \(NearestNeighbours.most)."),
                LuaParameter(
                    "distance", .choice(NearestNeighbours.Distance.allCases.map(\.rawValue)), default: .string("l2"),
                    "`l2`, or `cosine`: 1 less the cosine."),
            ]),
        ],
        returns: [
            LuaResult("distances", .object("Tensor"), "f32 `[N, k]`, nearest first."),
            LuaResult("rows", .object("Tensor"), "i64 `[N, k]`: rows of the database, from 1."),
        ],
        "The nearest rows of a database, of equals the earlier first. No matrix of all pairs is held.",
        example: "local distances, rows = metric.nearest(synthetic, training, { k = 5 })"
    ) { arguments in
        let options = try arguments.options("options")
        let (distances, rows) = try NearestNeighbours.search(
            arguments.tensor("queries"), arguments.tensor("database"), k: options.integer("k"),
            distance: NearestNeighbours.Distance(rawValue: options.string("distance")) ?? .l2)
        try rows.withElements(Int64.self) { for index in $0.indices { $0[index] += 1 } }
        return [.tensor(distances), .tensor(rows)]
    }
}

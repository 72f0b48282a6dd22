import Encoders
import Evaluation
import LuaRuntime
import Tensors

/// The class `Encoder` of Lua.
enum EncoderMethods {
    /// The options of functions that take images into features.
    static let settings = [
        ImageArguments.batch, ImageArguments.way, ImageArguments.onBadImage, ImageArguments.label("embedding"),
    ]

    static let declaration = LuaClass<EncoderObject>.declaration(
        "Encoder", "A network that turns images into features.",
        methods: [
            .method(
                "features",
                [
                    LuaParameter("images", .any, images),
                    LuaParameter(
                        "options",
                        .options(
                            settings + [
                                LuaParameter("output", .string, optional: true, "Another output of the network.")
                            ]),
                        default: .table(LuaTable()), "Settings."),
                ], returns: [LuaResult("features", .object("Tensor"), "`[N, D]` f32, a row an image.")],
                "Features of images. Features of files are kept in the cache, by the bytes of the file.",
                example: "local features = encoder:features(ds, { batch = 16 })"
            ) { object, arguments in
                try features(of: "images", arguments, object.encoder, object.session)
            },
            .method(
                "similarity",
                [
                    LuaParameter("a", .object("Tensor"), "Features `[N, D]`."),
                    LuaParameter("b", .object("Tensor"), "Features `[N, D]`, or `[M, D]` for all pairs."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter(
                                "pairs", .choice(["rows", "all"]), default: .string("rows"),
                                "Row by row, or every row of a with every row of b.")
                        ]), default: .table(LuaTable()), "Which pairs."),
                ], returns: [LuaResult("probabilities", .object("Tensor"), "f32 `[N]`, or `[N, M]` of all pairs.")],
                "The probability that the images of features show the same: of patient-reid, the same patient.",
                example: "local same = reid:similarity(synthetic, training, { pairs = \"all\" })"
            ) { object, arguments in
                let encoder = object.encoder
                guard let comparing = encoder as? any ComparingEncoder else {
                    throw LuaError("\(encoder.name) compares no images: patient-reid does")
                }
                let (a, b) = try (arguments.tensor("a"), arguments.tensor("b"))
                let isAll = try arguments.options("options").string("pairs") == "all"
                return [.tensor(try isAll ? comparing.similarities(a, b) : comparing.similarity(a, b))]
            },
            .method(
                "forward",
                [
                    LuaParameter(
                        "x", .object("Tensor"),
                        "`[N, H, W, 3]`: u8 or f32 of 0 to 255 for inception-v3, normalised f32 for rad-dino.")
                ], returns: [LuaResult("features", .object("Tensor"), "`[N, D]`.")],
                "The network alone, for checking it against its reference."
            ) { object, arguments in
                [.tensor(try object.encoder.forward(arguments.tensor("x")))]
            },
            .method(
                "identity",
                [
                    LuaParameter(
                        "options",
                        .options([
                            ImageArguments.way,
                            LuaParameter("output", .string, optional: true, "Another output of the network."),
                        ]), default: .table(LuaTable()), "Which features.")
                ], returns: [LuaResult("identity", .string, "`encoder=…; weights=…; preprocessing=…; …`")],
                "What its features depend on, beside the image: the words that stand in the identities of numbers.",
                example: "print(encoder:identity { protocol = \"exact\" })"
            ) { object, arguments in
                let options = try arguments.options("options")
                let output = options.has("output") ? try options.string("output") : nil
                return [.string(try object.encoder.identity(ImageArguments.way(options), output: output).line)]
            },
        ],
        properties: [
            .property("dim", .integer, "The number of features.") { .integer($0.encoder.dimension) },
            .property("name", .string, "The encoder's name.") { .string($0.encoder.name) },
            .property("dtype", .string, "The dtype it computes in.") { .string($0.encoder.dtype.rawValue) },
            .property("outputs", .list(.string), "The names of its outputs.") { .list($0.encoder.outputs.map(\.name)) },
        ],
        operators: [
            .tostring: .unary { object in
                return .string("Encoder(\(object.encoder.name), \(object.encoder.dtype.rawValue))")
            }
        ])

    /// What an argument of images looks like to people.
    static let images = "A Dataset, a list of paths, a list of images, or u8 `[N, H, W, 3]`."

    /// The features of the images of the argument `name`, with the call's `options`.
    static func features(
        of name: String, _ arguments: LuaArguments, _ encoder: any Encoder, _ session: ScriptContext
    ) throws -> [LuaValue] {
        let options = try arguments.options("options")
        let output = try encoder.output(options.has("output") ? options.string("output") : nil).name
        let way = try ImageArguments.way(options)
        switch arguments.value(name) {
        case .object(let source as TensorObject):
            return [.tensor(try batched(encoder, source.tensor, output, options))]
        case .object(let source as ImageObject):
            return [.tensor(try encoder.features(images: [source.image], protocol: way, output: output))]
        case .table(let table) where table.array.first?.objectValue != nil:
            let images = try ImageModule.list(arguments, name)
            return [.tensor(try encoder.features(images: images, protocol: way, output: output))]
        case .object(is DatasetObject), .table:
            let task = try EncoderTask(encoder, way, outputs: [output])
            let outcome = try session.run(
                [task], over: ImageArguments.sources(arguments, name), options, clipping: ClippingPolicy(way),
                batch: ImageArguments.batch(options), label: options.string("label"))
            return try task.features(outcome).map { .tensor($0) }
        default:
            throw arguments.fail(
                name, "wanted a Dataset, a list of paths or images, or a u8 tensor, got \(arguments.value(name).kind)")
        }
    }

    private static func batched(
        _ encoder: any Encoder, _ images: Tensor, _ output: String, _ options: LuaArguments
    ) throws -> Tensor {
        let batch = try ImageArguments.batch(options)
        guard images.rank == 4, images.shape[0] > batch else { return try encoder.embed(images, output: output) }
        var parts: [Tensor] = []
        for start in stride(from: 0, to: images.shape[0], by: batch) {
            try Cancellation.check()
            let length = min(batch, images.shape[0] - start)
            parts.append(try encoder.embed(images.narrow(0, start, length), output: output))
        }
        return try Tensor.cat(parts, axis: 0)
    }
}

import Encoders
import Evaluation
import LuaRuntime
import Tensors

/// The class `Encoder` of Lua.
enum EncoderMethods {
    static let declaration = LuaClassDeclaration(
        "Encoder", type: EncoderObject.self, "A network that turns images into features.",
        methods: [
            LuaFunctionDeclaration(
                "features",
                [
                    LuaParameter("images", .any, "A Dataset, a list of paths, a list of images, or u8 `[N, H, W, 3]`."),
                    LuaParameter(
                        "options",
                        .options(
                            [
                                ImageArguments.batch, ImageArguments.way, ImageArguments.onBadImage,
                                ImageArguments.label("embedding"),
                                LuaParameter("output", .string, optional: true, "Another output of the network."),
                            ]
                        ),
                        default: .table(LuaTable()), "Settings."),
                ], returns: [LuaResult("features", .object("Tensor"), "`[N, D]` f32, a row an image.")],
                "Features of images. Features of files are kept in the cache, by the bytes of the file.",
                example: "local features = encoder:features(ds, { batch = 16 })", body: features),
            LuaFunctionDeclaration(
                "forward",
                [
                    LuaParameter(
                        "x", .object("Tensor"),
                        "`[N, H, W, 3]`: u8 or f32 of 0 to 255 for inception-v3, normalised f32 for rad-dino.")
                ], returns: [LuaResult("features", .object("Tensor"), "`[N, D]`.")],
                "The network alone, for checking it against its reference."
            ) { arguments in
                let object = try arguments.object("self", as: EncoderObject.self)
                return [.tensor(try object.encoder.forward(arguments.tensor("x")))]
            },
        ],
        properties: [
            property("dim", .integer, "The number of features.") { .integer($0.encoder.dimension) },
            property("name", .string, "The encoder's name.") { .string($0.encoder.name) },
            property("dtype", .string, "The dtype it computes in.") { .string($0.encoder.dtype.rawValue) },
            property("outputs", .list(.string), "The names of its outputs.") { .list($0.encoder.outputs.map(\.name)) },
            property("identity", .string, "What its features depend on, beside the image and the protocol.") {
                .string(
                    "\($0.encoder.name) weights=\($0.encoder.source.text.prefix(16)) dtype=\($0.encoder.dtype.rawValue)"
                )
            },
        ],
        operators: [
            .tostring: { values in
                guard case .object(let object as EncoderObject) = values.first ?? .nil else {
                    return .string("Encoder")
                }
                return .string("Encoder(\(object.encoder.name), \(object.encoder.dtype.rawValue))")
            }
        ])

    private static func property(
        _ name: String, _ type: LuaType, _ text: String, _ get: @escaping (EncoderObject) -> LuaValue
    ) -> LuaPropertyDeclaration {
        LuaPropertyDeclaration(name, type, text) { object in (object as? EncoderObject).map(get) ?? .nil }
    }

    private static let features: (LuaArguments) throws -> [LuaValue] = { arguments in
        let object = try arguments.object("self", as: EncoderObject.self)
        let options = try arguments.options("options")
        let encoder = object.encoder
        let output = try encoder.output(options.has("output") ? options.string("output") : nil).name
        let way = try ImageArguments.way(options)
        switch arguments.value("images") {
        case .object(let source as TensorObject):
            return [.tensor(try batched(encoder, source.tensor, output, options))]
        case .object(let source as ImageObject):
            return [.tensor(try encoder.features(images: [source.image], protocol: way, output: output))]
        case .table(let table) where table.array.first?.objectValue != nil:
            let images = try ImageModule.list(arguments, "images")
            return [.tensor(try encoder.features(images: images, protocol: way, output: output))]
        case .object(is DatasetObject), .table:
            let task = try EncoderTask(encoder, way, outputs: [output])
            let outcome = try object.session.run(
                [task], over: ImageArguments.sources(arguments, "images"), options, clipping: ClippingPolicy(way),
                batch: ImageArguments.batch(options), label: options.string("label"))
            return try task.features(outcome).map { .tensor($0) }
        default:
            throw arguments.fail(
                "images",
                "wanted a Dataset, a list of paths or images, or a u8 tensor, got \(arguments.value("images").kind)")
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

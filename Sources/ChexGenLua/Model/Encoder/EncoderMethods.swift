import Datasets
import Encoders
import Identity
import Imaging
import LuaRuntime
import Runs
import Tensors

/// The class `Encoder` of Lua.
enum EncoderMethods {
    private static let common: [LuaParameter] = [
        LuaParameter("batch", .integer, default: .integer(16), "Images a batch."),
        LuaParameter(
            "protocol", .choice(Protocol.allCases.map(\.rawValue)), default: .string("exact"),
            "How images become the network's input."),
        LuaParameter(
            "on_bad_image", .choice(["stop", "skip"]), default: .string("stop"), "What to do with one that is broken."),
        LuaParameter("label", .string, default: .string("embedding"), "What the progress bar says."),
    ]

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
                            common + [LuaParameter("output", .string, optional: true, "Another output of the network.")]
                        ),
                        default: .table(LuaTable()), "Settings."),
                ], returns: [LuaResult("features", .object("Tensor"), "`[N, D]` f32, a row an image.")],
                "Features of images. Features of files are kept in the cache, by the bytes of the file.",
                example: "local features = encoder:features(ds, { batch = 16 })", body: features),
            LuaFunctionDeclaration(
                "embed",
                [
                    LuaParameter("dataset", .object("Dataset"), "The images."),
                    LuaParameter(
                        "options",
                        .options(
                            common + [
                                LuaParameter(
                                    "outputs", .list(.string), optional: true,
                                    "Names of outputs; `features` is the default one.")
                            ]), default: .table(LuaTable()), "Settings."),
                ],
                returns: [
                    LuaResult(
                        "result", .table,
                        "A tensor under the name of every output, `kept` (row numbers) and `skipped` "
                            + "(`index`, `path`, `reason` of every image that was left out).")
                ], "Features of a table's images by output, with what was left out.", body: embed),
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

    private static func way(_ options: LuaArguments) throws -> Protocol {
        Protocol(rawValue: try options.string("protocol")) ?? .exact
    }

    private static let features: (LuaArguments) throws -> [LuaValue] = { arguments in
        let object = try arguments.object("self", as: EncoderObject.self)
        let options = try arguments.options("options")
        let output = try object.encoder.output(options.has("output") ? options.string("output") : nil).name
        let way = try way(options)
        switch arguments.value("images") {
        case .object(let source as DatasetObject):
            let outcome = try extract(object, source.dataset.imagePaths(), [output], options)
            return outcome.features.map { .tensor($0.tensor) }
        case .object(let source as TensorObject):
            return [.tensor(try batched(object.encoder, source.tensor, output, options))]
        case .object(let source as ImageObject):
            return [.tensor(try object.encoder.features(images: [source.image], protocol: way, output: output))]
        case .table(let table):
            if case .object = table.array.first ?? .nil {
                let images = try ImageModule.list(arguments, "images")
                return [.tensor(try object.encoder.features(images: images, protocol: way, output: output))]
            }
            let paths = try table.array.map { value -> String in
                guard let path = value.stringValue else {
                    throw arguments.fail("images", "wanted paths or images, got \(value.kind) in the list")
                }
                return path
            }
            let outcome = try extract(object, paths, [output], options)
            return outcome.features.map { .tensor($0.tensor) }
        default:
            throw arguments.fail(
                "images",
                "wanted a Dataset, a list of paths or images, or a u8 tensor, got \(arguments.value("images").kind)")
        }
    }

    private static let embed: (LuaArguments) throws -> [LuaValue] = { arguments in
        let object = try arguments.object("self", as: EncoderObject.self)
        let dataset = try arguments.object("dataset", as: DatasetObject.self).dataset
        let options = try arguments.options("options")
        let names = options.has("outputs") ? try options.list("outputs").compactMap(\.stringValue) : ["features"]
        let outcome = try extract(
            object, dataset.imagePaths(), names.map { try object.encoder.output($0).name }, options)
        var fields = zip(names, outcome.features).map { ($0, LuaValue.tensor($1.tensor)) }
        let kept = outcome.kept.map { Int64($0 + 1) }
        fields.append(("kept", .tensor(try Tensor(kept, shape: [kept.count]))))
        fields.append(("skipped", FeatureExtraction.BadImage.lua(outcome.skipped)))
        return [.fields(fields)]
    }

    private static func extract(
        _ object: EncoderObject, _ paths: [String], _ outputs: [String], _ options: LuaArguments
    ) throws -> FeatureExtraction.Outcome {
        let batch = try options.integer("batch")
        guard (1...4096).contains(batch) else { throw options.fail("batch", "wanted 1 to 4096, got \(batch)") }
        let session = object.session
        let extraction = FeatureExtraction(
            encoder: object.encoder, way: try way(options), outputs: outputs, batch: batch,
            skipsBad: try options.string("on_bad_image") == "skip", cache: session.cache)
        let progress = Runs.Progress(total: paths.count, label: try options.string("label"))
        defer { progress.finish() }
        let outcome = try extraction.embed(paths) { progress.step($0) }
        try session.folder?.pin(files: outcome.files, under: commonFolder(outcome.files.map(\.path)))
        return outcome
    }

    /// The deepest folder that holds all files.
    static func commonFolder(_ paths: [String]) -> String {
        guard let first = paths.first else { return "." }
        var common = first.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        for path in paths {
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            common = common.prefix(zip(common, parts).prefix { $0 == $1 }.count)
        }
        let folder = common.joined(separator: "/")
        return folder.isEmpty ? (first.hasPrefix("/") ? "/" : ".") : folder
    }

    private static func batched(
        _ encoder: any Encoder, _ images: Tensor, _ output: String, _ options: LuaArguments
    ) throws -> Tensor {
        let batch = try options.integer("batch")
        guard (1...4096).contains(batch) else { throw options.fail("batch", "wanted 1 to 4096, got \(batch)") }
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

import Checkpoints
import Encoders
import Files
import LuaRuntime
import Tensors

/// An image-text model as Lua holds it.
final class ImageTextObject {
    let model: any ImageTextModel
    let session: ScriptContext

    init(_ model: any ImageTextModel, _ session: ScriptContext) {
        self.model = model
        self.session = session
    }
}

/// `model.image_text`, and the class of what it gives.
enum ImageTextModule {
    static func names(_ session: ScriptContext) -> LuaConstantDeclaration {
        LuaConstantDeclaration(
            "image_texts", .list(.string), .list(session.known.imageTexts.names),
            "The models that put images and texts into one space: names of `model.image_text`, and of `model.encoder`, "
                + "which is their images' side.")
    }

    static func function(_ session: ScriptContext) -> LuaFunctionDeclaration {
        let known = session.known.imageTexts
        let places = zip(known.names, known.all).map { "`\($1.place)` of `\($0)`" }
        return LuaFunctionDeclaration(
            "image_text",
            [
                LuaParameter("name", .choice(known.names), known.listing(\.about) + "."),
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter(
                            "weights", .string, optional: true,
                            "A folder, or a Hub name found in the local cache; where absent "
                                + places.joined(separator: ", ") + "."),
                        ModelOptions.dtype, DeviceOption.parameter(session),
                    ]), default: .table(LuaTable()), "Which weights."),
            ], returns: [LuaResult("model", .object("ImageText"), "The model.")],
            "Loads a model that puts images and texts into one space. Loading is strict.",
            example: "local m = model.image_text(\"biovil-t\", { weights = \"microsoft/BiomedVLP-BioViL-T\" })"
        ) { arguments in
            let options = try arguments.options("options")
            let name = try arguments.string("name")
            guard let entry = known[name] else { throw arguments.fail("name", known.unknown(name).description) }
            let folder = try entry.folder(options.has("weights") ? options.string("weights") : nil)
            let model = try entry.open(folder, session.compute(options))
            try session.input(model.images.files + model.textFiles)
            return [.object(ImageTextObject(model, session))]
        }
    }

    static let declaration = LuaClass<ImageTextObject>.declaration(
        "ImageText", "A model of images and texts in one space.",
        methods: [
            .method(
                "images",
                [
                    LuaParameter("images", .any, EncoderMethods.images),
                    LuaParameter(
                        "options", .options(EncoderMethods.settings), default: .table(LuaTable()), "Settings."),
                ], returns: [LuaResult("vectors", .object("Tensor"), "Unit vectors f32 `[N, D]`.")],
                "Images into the space. Vectors of files are kept in the cache, by the bytes of the file."
            ) { object, arguments in
                try EncoderMethods.features(of: "images", arguments, object.model.images, object.session)
            },
            .method(
                "texts", [LuaParameter("texts", TextArguments.texts, "A text, or a list of them.")],
                returns: [LuaResult("vectors", .object("Tensor"), "Unit vectors f32 `[N, D]`.")],
                "Texts into the space, each alone. A text that is too long is an error that names it."
            ) { object, arguments in
                [.tensor(try object.model.texts(TextArguments.strings(arguments, "texts")))]
            },
            .method(
                "similarity",
                [
                    LuaParameter("images", .any, "Unit vectors, or what `images` takes."),
                    LuaParameter("texts", .any, "Unit vectors, or what `texts` takes."),
                    LuaParameter(
                        "options", .options(EncoderMethods.settings), default: .table(LuaTable()), "Settings."),
                ], returns: [LuaResult("cosines", .object("Tensor"), "f32 `[N]`.")],
                "How well each image and its text belong together: the cosine, row by row."
            ) { object, arguments in
                func vectors(_ name: String) throws -> Tensor? {
                    guard case .object(let tensor as TensorObject) = arguments.value(name), tensor.tensor.rank == 2
                    else {
                        return nil
                    }
                    return tensor.tensor
                }
                let texts = try vectors("texts") ?? object.model.texts(TextArguments.strings(arguments, "texts"))
                var images = try vectors("images")
                if images == nil {
                    let found = try EncoderMethods.features(
                        of: "images", arguments, object.model.images, object.session)
                    guard case .object(let tensor as TensorObject)? = found.first else { return [.nil] }
                    images = tensor.tensor
                }
                guard let images else { return [.nil] }
                return [.tensor(try object.model.similarity(images, texts))]
            },
        ],
        properties: [
            .property("name", .string, "The model's name.") { .string($0.model.name) },
            .property("dim", .integer, "The dimensions of the space.") { .integer($0.model.images.dimension) },
            .property("dtype", .string, "The dtype it computes in.") { .string($0.model.images.dtype.rawValue) },
            .property("texts_sha256", .string, "The hash of the texts' side: its weights and its tokenizer.") {
                .string(SHA256.hex(of: $0.model.textFiles.map(\.sha256).joined(separator: "\n")))
            },
        ])
}

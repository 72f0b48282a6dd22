import Diffusion
import Encoders
import LuaRuntime
import Tensors
import Tokenizers

/// A denoiser as Lua holds it.
final class DenoiserObject {
    let denoiser: any Denoiser

    init(_ denoiser: any Denoiser) { self.denoiser = denoiser }
}

/// An autoencoder as Lua holds it.
final class AutoencoderObject {
    let autoencoder: any Autoencoder

    init(_ autoencoder: any Autoencoder) { self.autoencoder = autoencoder }
}

/// A text encoder as Lua holds it.
final class TextEncoderObject {
    let encoder: any TextEncoder

    init(_ encoder: any TextEncoder) { self.encoder = encoder }
}

/// A tokenizer as Lua holds it, with the length of the sequences that a pipeline wants.
final class TokenizerObject {
    let tokenizer: any Tokenizer
    let length: Int

    init(_ tokenizer: any Tokenizer, length: Int) {
        self.tokenizer = tokenizer
        self.length = length
    }
}

/// The parts of a pipeline, for checking them against their reference.
enum PipelineParts {
    static let denoiser = LuaClassDeclaration(
        "Denoiser", type: DenoiserObject.self, "The network of a pipeline that says what is noise in a latent.",
        methods: [
            LuaFunctionDeclaration(
                "forward",
                [
                    LuaParameter("latents", .object("Tensor"), "f32 `[N, h, w, C]`."),
                    LuaParameter("timestep", .number, "The timestep of all of them."),
                    LuaParameter("context", .object("Tensor"), "What the text encoder gives, f32 `[N, T, D]`."),
                ], returns: [LuaResult("answer", .object("Tensor"), "f32 `[N, h, w, C]`.")],
                "The network alone, for checking it against its reference."
            ) { arguments in
                let denoiser = try arguments.object("self", as: DenoiserObject.self).denoiser
                return [
                    .tensor(
                        try denoiser.forward(
                            arguments.tensor("latents"), timestep: Float(arguments.number("timestep")),
                            context: arguments.tensor("context")))
                ]
            }
        ],
        properties: [
            LuaPropertyDeclaration("latent_channels", .integer, "Channels of a latent.") { object in
                (object as? DenoiserObject).map { .integer($0.denoiser.latentChannels) } ?? .nil
            },
            LuaPropertyDeclaration("sample_size", .integer, "The side of the latents that it was trained on.") {
                ($0 as? DenoiserObject).map { .integer($0.denoiser.sampleSize) } ?? .nil
            },
            LuaPropertyDeclaration("context_width", .integer, "Channels of a token of the context.") { object in
                (object as? DenoiserObject).map { .integer($0.denoiser.contextWidth) } ?? .nil
            },
        ])

    static let autoencoder = LuaClassDeclaration(
        "Autoencoder", type: AutoencoderObject.self, "The network of a pipeline between images and latents.",
        methods: [
            LuaFunctionDeclaration(
                "encode", [LuaParameter("images", .object("Tensor"), "f32 `[N, H, W, 3]`, -1 to 1.")],
                returns: [LuaResult("latents", .object("Tensor"), "f32 `[N, h, w, C]`: the mean, not scaled.")],
                "Latents of images."
            ) { arguments in
                let autoencoder = try arguments.object("self", as: AutoencoderObject.self).autoencoder
                return [.tensor(try autoencoder.encode(arguments.tensor("images")))]
            },
            LuaFunctionDeclaration(
                "decode",
                [
                    LuaParameter(
                        "latents", .object("Tensor"),
                        "f32 `[N, h, w, C]`, not scaled: a pipeline's latents divided by `scaling_factor`."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter("tiled", .boolean, default: .boolean(false), "In overlapping tiles.")
                        ]), default: .table(LuaTable()), "How."),
                ], returns: [LuaResult("images", .object("Tensor"), "f32 `[N, H, W, 3]`, about -1 to 1.")],
                "Images of latents."
            ) { arguments in
                let autoencoder = try arguments.object("self", as: AutoencoderObject.self).autoencoder
                let latents = try arguments.tensor("latents")
                let isTiled = try arguments.options("options").boolean("tiled")
                return [.tensor(try isTiled ? autoencoder.decodeTiled(latents) : autoencoder.decode(latents))]
            },
        ],
        properties: [
            LuaPropertyDeclaration("scaling_factor", .number, "What latents are multiplied by for the denoiser.") {
                ($0 as? AutoencoderObject).map { .number($0.autoencoder.scalingFactor) } ?? .nil
            },
            LuaPropertyDeclaration("scale", .integer, "Pixels a side of one cell of a latent.") { object in
                (object as? AutoencoderObject).map { .integer($0.autoencoder.scale) } ?? .nil
            },
        ])

    static let textEncoder = LuaClassDeclaration(
        "TextEncoder", type: TextEncoderObject.self, "The network of a pipeline that reads the prompt.",
        methods: [
            LuaFunctionDeclaration(
                "forward",
                [LuaParameter("ids", .object("Tensor"), "i64 `[N, T]`, or `[T]` for one text; counted from 0.")],
                returns: [LuaResult("states", .object("Tensor"), "f32 `[N, T, D]`: `last_hidden_state`.")],
                "The states of tokens."
            ) { arguments in
                let encoder = try arguments.object("self", as: TextEncoderObject.self).encoder
                var ids = try arguments.tensor("ids")
                guard ids.dtype == .i64, ids.rank == 1 || ids.rank == 2 else {
                    throw arguments.fail(
                        "ids", "wanted i64 of [N, T] or [T], got \(ids.dtype) of \(Tensor.text(ids.shape))")
                }
                if ids.rank == 1 { ids = try ids.reshaped([1, ids.count]) }
                return [.tensor(try encoder.states(ids))]
            }
        ])

    static let tokenizer = LuaClassDeclaration(
        "Tokenizer", type: TokenizerObject.self, "What cuts a pipeline's prompts into tokens.",
        methods: [
            LuaFunctionDeclaration(
                "encode",
                [
                    LuaParameter("text", .oneOf([.string, .list(.string)]), "A text, or a list of them."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter(
                                "overflow", .choice(Overflow.allCases.map(\.rawValue)),
                                default: .string(Overflow.truncate.rawValue), "What to do with a text that is too long."
                            )
                        ]), default: .table(LuaTable()), "How."),
                ],
                returns: [
                    LuaResult(
                        "ids", .object("Tensor"),
                        "i64 `[N, T]`: begin, text, end and padding, as the pipeline takes them; values as in the "
                            + "vocabulary, counted from 0."),
                    LuaResult("lost", .list(.integer), "How many tokens of each text were cut off."),
                ], "The tokens of texts."
            ) { arguments in
                let object = try arguments.object("self", as: TokenizerObject.self)
                let texts =
                    try arguments.value("text").stringValue.map { [$0] }
                    ?? arguments.list("text").compactMap(\.stringValue)
                let overflow = Overflow(rawValue: try arguments.options("options").string("overflow")) ?? .truncate
                let found = try texts.map {
                    try object.tokenizer.encode($0, length: object.length, overflow: overflow)
                }
                let ids = found.flatMap { $0.ids.map(Int64.init) }
                return [.tensor(try Tensor(ids, shape: [found.count, object.length])), .list(found.map(\.lost))]
            }
        ],
        properties: [
            LuaPropertyDeclaration("length", .integer, "Tokens of a text, begin, end and padding included.") {
                ($0 as? TokenizerObject).map { .integer($0.length) } ?? .nil
            },
            LuaPropertyDeclaration("vocabulary_size", .integer, "How many ids there are.") { object in
                (object as? TokenizerObject).map { .integer($0.tokenizer.vocabularySize) } ?? .nil
            },
        ])
}

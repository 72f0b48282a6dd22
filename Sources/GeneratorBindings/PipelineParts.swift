import ChexGenLua
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
    /// The field of a pipeline that holds a part, by the name of the part's folder.
    static func property(_ name: String, _ role: PipelinePart.Role?) -> LuaClass<PipelineObject>.Property {
        let kind: (type: LuaType, text: String)
        switch role {
        case .tokenizer: kind = (.object("Tokenizer"), "What cuts the prompt into tokens")
        case .textEncoder: kind = (.object("TextEncoder"), "The network that reads the prompt")
        case .codebook: kind = (.object("CodeAutoencoder"), "The network between images and codes")
        case .language: kind = (.object("LanguageModel"), "The language model that writes codes")
        case .autoencoder: kind = (.object("Autoencoder"), "The network between images and latents")
        case .denoiser: kind = (.object("Denoiser"), "The network that says what is noise")
        case nil: kind = (.any, "A part")
        }
        return .optional(
            name, kind.type, "\(kind.text); nil where the model has none of that name."
        ) { object in
            switch object.pipeline.parts[name] {
            case nil: return nil
            case .denoiser(let network): return .object(DenoiserObject(network))
            case .autoencoder(let network): return .object(AutoencoderObject(network))
            case .codebook(let network): return .object(CodeAutoencoderObject(network, object.session))
            case .language(let model): return .object(LanguageObject(model, object.session))
            case .textEncoder(let network): return .object(TextEncoderObject(network))
            case .tokenizer(let tokenizer, let length): return .object(TokenizerObject(tokenizer, length: length))
            }
        }
    }

    static let denoiser = LuaClass<DenoiserObject>.declaration(
        "Denoiser", "The network of a pipeline that says what is noise in a latent.",
        methods: [
            .method(
                "forward",
                [
                    LuaParameter("latents", .object("Tensor"), "f32 `[N, h, w, C]`."),
                    LuaParameter("timestep", .number, "The timestep of all of them."),
                    LuaParameter("context", .object("Tensor"), "What `encode_prompt` gives, f32 `[N, T, D]`."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter("pooled", .object("Tensor"), optional: true, "f32 `[N, P]`."),
                            LuaParameter("mask", .object("Tensor"), optional: true, "i64 `[N, T]`."),
                            LuaParameter(
                                "guidance", .number, optional: true,
                                "The guidance scale, of networks that learned to read it."),
                        ]), default: .table(LuaTable()), "What else it reads: of `encode_prompt`, too."),
                ],
                returns: [LuaResult("answer", .object("Tensor"), "What the scheduler is handed, f32 `[N, h, w, C]`.")],
                "The network alone, for checking it against its reference."
            ) { object, arguments in
                let denoiser = object.denoiser
                let options = try arguments.options("options")
                let conditioning = Conditioning(
                    states: try arguments.tensor("context"),
                    mask: options.has("mask") ? try options.tensor("mask") : nil,
                    pooled: options.has("pooled") ? try options.tensor("pooled") : nil)
                return [
                    .tensor(
                        try denoiser.forward(
                            arguments.tensor("latents"), timestep: Float(arguments.number("timestep")),
                            conditioning: conditioning,
                            guidance: options.has("guidance") ? Float(options.number("guidance")) : nil))
                ]
            }
        ],
        properties: [
            .property("latent_channels", .integer, "Channels of a latent.") { .integer($0.denoiser.latentChannels) },
            .property("sample_size", .integer, "The side of the latents that it was trained on.") {
                .integer($0.denoiser.sampleSize)
            },
            .property("context_width", .integer, "Channels of a token of the context.") {
                .integer($0.denoiser.contextWidth)
            },
        ])

    static let autoencoder = LuaClass<AutoencoderObject>.declaration(
        "Autoencoder", "The network of a pipeline between images and latents.",
        methods: [
            .method(
                "encode", [LuaParameter("images", .object("Tensor"), "f32 `[N, H, W, 3]`, -1 to 1.")],
                returns: [LuaResult("latents", .object("Tensor"), "f32 `[N, h, w, C]`: the mean, not scaled.")],
                "Latents of images."
            ) { object, arguments in
                [.tensor(try object.autoencoder.encode(arguments.tensor("images")))]
            },
            .method(
                "decode",
                [
                    LuaParameter(
                        "latents", .object("Tensor"),
                        "f32 `[N, h, w, C]`, not scaled: a pipeline's latents divided by `scaling_factor`, plus "
                            + "`shift_factor`."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter("tiled", .boolean, default: .boolean(false), "In overlapping tiles.")
                        ]), default: .table(LuaTable()), "How."),
                ], returns: [LuaResult("images", .object("Tensor"), "f32 `[N, H, W, 3]`, about -1 to 1.")],
                "Images of latents."
            ) { object, arguments in
                let autoencoder = object.autoencoder
                let latents = try arguments.tensor("latents")
                let isTiled = try arguments.options("options").boolean("tiled")
                return [.tensor(try isTiled ? autoencoder.decodeTiled(latents) : autoencoder.decode(latents))]
            },
        ],
        properties: [
            .property("scaling_factor", .number, "What latents are multiplied by for the denoiser.") {
                .number($0.autoencoder.scalingFactor)
            },
            .property("shift_factor", .number, "What is taken from latents before that.") {
                .number($0.autoencoder.shiftFactor)
            },
            .property("scale", .integer, "Pixels a side of one cell of a latent.") { .integer($0.autoencoder.scale) },
        ])

    static let textEncoder = LuaClass<TextEncoderObject>.declaration(
        "TextEncoder", "The network of a pipeline that reads the prompt.",
        methods: [
            .method(
                "forward",
                [
                    LuaParameter("ids", .object("Tensor"), "i64 `[N, T]`, or `[T]` for one text; counted from 0."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter(
                                "mask", .object("Tensor"), optional: true,
                                "i64 in the shape of `ids`: 1 for tokens, 0 for padding that no token sees. Without it padding "
                                    + "counts, as in Stable Diffusion's pipelines.")
                        ]), default: .table(LuaTable()), "How."),
                ],
                returns: [LuaResult("states", .object("Tensor"), "f32 `[N, T, D]`: `last_hidden_state`.")],
                "The states of tokens."
            ) { object, arguments in
                let encoder = object.encoder
                let options = try arguments.options("options")
                func rows(_ name: String, _ tensor: Tensor) throws -> Tensor {
                    guard tensor.dtype == .i64, tensor.rank == 1 || tensor.rank == 2 else {
                        throw arguments.fail(
                            name, "wanted i64 of [N, T] or [T], got \(tensor.dtype) of \(Tensor.text(tensor.shape))")
                    }
                    return tensor.rank == 1 ? try tensor.reshaped([1, tensor.count]) : tensor
                }
                let ids = try rows("ids", arguments.tensor("ids"))
                let mask = options.has("mask") ? try rows("options.mask", options.tensor("mask")) : nil
                return [.tensor(try encoder.states(ids, mask: mask))]
            }
        ])

    private static let textParameters = [
        LuaParameter("text", TextArguments.texts, "A text, or a list of them."),
        LuaParameter(
            "options",
            .options([
                LuaParameter(
                    "overflow", .choice(Overflow.allCases.map(\.rawValue)),
                    default: .string(Overflow.truncate.rawValue), "What to do with a text that is too long.")
            ]), default: .table(LuaTable()), "How."),
    ]

    private static func encodings(_ object: TokenizerObject, _ arguments: LuaArguments) throws -> [Encoding] {
        let overflow = Overflow(rawValue: try arguments.options("options").string("overflow")) ?? .truncate
        return try TextArguments.strings(arguments, "text").map {
            try object.tokenizer.encode($0, length: object.length, overflow: overflow)
        }
    }

    static let tokenizer = LuaClass<TokenizerObject>.declaration(
        "Tokenizer", "What cuts a pipeline's prompts into tokens.",
        methods: [
            .method(
                "encode", textParameters,
                returns: [
                    LuaResult(
                        "ids", .object("Tensor"),
                        "i64 `[N, T]`: begin, text, end and padding, as the pipeline takes them; values as in the "
                            + "vocabulary, counted from 0.")
                ], "The tokens of texts."
            ) { object, arguments in
                let found = try encodings(object, arguments)
                return [
                    .tensor(try Tensor(found.flatMap { $0.ids.map(Int64.init) }, shape: [found.count, object.length]))
                ]
            },
            .method(
                "mask", textParameters,
                returns: [LuaResult("mask", .object("Tensor"), "i64 `[N, T]`: 1 for tokens, 0 for padding.")],
                "Which of the ids that `encode` gives are tokens."
            ) { object, arguments in
                let found = try encodings(object, arguments)
                let values = found.flatMap { $0.attentionMask.map(Int64.init) }
                return [.tensor(try Tensor(values, shape: [found.count, object.length]))]
            },
            .method(
                "lost", textParameters,
                returns: [LuaResult("lost", .list(.integer), "How many tokens of each text do not fit.")],
                "How many tokens `encode` cuts off."
            ) { object, arguments in
                [.list(try encodings(object, arguments).map(\.lost))]
            },
        ],
        properties: [
            .property("length", .integer, "Tokens of a text, begin, end and padding included.") { .integer($0.length) },
            .property("vocabulary_size", .integer, "How many ids there are.") { .integer($0.tokenizer.vocabularySize) },
        ])
}

import Checkpoints
import Encoders
import Language
import LuaRuntime
import Tensors
import Tokenizers

/// A causal language model as Lua holds it.
package final class LanguageObject {
    let model: any LanguageModel
    let session: ScriptContext
    /// The adapters that it was opened with.
    let adapters: [Adapter]
    /// What `fit` has trained.
    var tuned: TunedLanguage?

    package init(_ model: any LanguageModel, _ session: ScriptContext, adapters: [Adapter] = []) {
        self.model = model
        self.session = session
        self.adapters = adapters
    }
}

/// The tokenizer of a language model as Lua holds it.
final class LanguageTokenizerObject {
    let tokenizer: any DecodingTokenizer

    init(_ tokenizer: any DecodingTokenizer) { self.tokenizer = tokenizer }
}

/// `model.language`, and the classes of what it gives.
enum LanguageModule {
    static let classes = [model, tokenizer]

    static func function(_ session: ScriptContext) -> LuaFunctionDeclaration {
        let known = session.known.languages.entries.all.flatMap(\.classes).map { "`\($0)`" }.joined(separator: ", ")
        return LuaFunctionDeclaration(
            "language",
            [
                LuaParameter("source", .string, "A Hugging Face folder, or a Hub name found in the local cache."),
                LuaParameter(
                    "options", .dictionary(.any), optional: true,
                    "`dtype`: \"f32\" or \"bf16\", the run's where absent. `lora`: a folder or file of peft, "
                        + "`{ path =, scale = 1 }`, or a list of them. " + DeviceOption.text(session)),
            ], returns: [LuaResult("model", .object("LanguageModel"), "The model.")],
            "Opens a causal language model by the `model_type` of its config.json: \(known). Loading is strict.",
            example:
                "local lm = model.language(\"lmsys/vicuna-7b-v1.5\", { dtype = \"bf16\" })"
        ) { arguments in
            let options = arguments.has("options") ? try arguments.table("options") : LuaTable()
            let names = ["device", "dtype", "lora"]
            for field in options.fields where !names.contains(field.name) {
                throw arguments.fail("options", ModelOptions.unknown(field.name, of: names))
            }
            let compute = try session.compute(options, arguments)
            let config = try HubCache.locate(arguments.string("source"), file: "config.json")
            let model = try session.known.languages.open(
                String(config.dropLast("/config.json".count)), dtype: compute.dtype, on: compute.device)
            let adapters = try AdapterOptions.adapters(options["lora"], arguments, "options.lora")
            if let loaded = model.loaded {
                for note in try Adapter.apply(adapters, to: [AdaptedPart("language", loaded)]) { session.note(note) }
            }
            try session.input(model.files + adapters.flatMap(\.lora.files))
            for note in model.notes { session.note(note) }
            return [.object(LanguageObject(model, session, adapters: adapters))]
        }
    }

    private static let options =
        [
            LuaParameter(
                "prompt", .oneOf([.string, .list(.any), .object("Tensor")]),
                "A text or a list of texts; or ids, an i64 tensor `[T]` or a list of numbers. Texts get what the tokenizer puts "
                    + "around them.")
        ] + writing

    /// How a model writes.
    static let writing: [LuaParameter] = [
        LuaParameter("max_new_tokens", .integer, default: .integer(256), "The most tokens of a text."),
        LuaParameter(
            "temperature", .number, optional: true,
            "Scores are divided by it, 1 where another of the three is given. Without it, `top_p` and `top_k` the token with the "
                + "highest score is taken."),
        LuaParameter(
            "top_p", .number, optional: true, "Draws among the most probable tokens that together reach it; 1 is all."),
        LuaParameter("top_k", .integer, optional: true, "Draws among so many; 0 is all."),
        LuaParameter(
            "seed", .integer, optional: true, "Of the first text; text i has seed + i - 1. The run's where absent."),
        LuaParameter("stop", .list(.string), default: .table(LuaTable()), "Texts that end a text before them."),
        LuaParameter(
            "allowed", .list(.integer), optional: true, "`{ first, last }`: the ids that may be written, both included."
        ),
        LuaParameter("batch", .integer, default: .integer(8), "How many texts share one read of the weights."),
        LuaParameter(
            "callback", .function("fun(index: integer, text: string)"), optional: true,
            "Is called behind each token with the text so far."),
    ]

    private static let model = LuaClass<LanguageObject>.declaration(
        "LanguageModel", "A causal language model.",
        methods: [
            .method(
                "forward", [LuaParameter("ids", .object("Tensor"), "i64 `[N, T]`, counted from 0.")],
                returns: [LuaResult("logits", .object("Tensor"), "f32 `[N, T, V]`.")],
                "Scores of the id behind each id, for checking the network against its reference."
            ) { object, arguments in
                [.tensor(try object.model.logits(arguments.tensor("ids")))]
            },
            .method(
                "generate", [LuaParameter("options", .options(options), "What to write, and how.")],
                returns: [
                    LuaResult("texts", .list(.string), "A text a prompt, without the prompt."),
                    LuaResult(
                        "ids", .list(.object("Tensor")), "The new tokens of each, i64, without the one that ended it."),
                ],
                "Writes on behind prompts. A prompt of a list gives what it gives alone.",
                example:
                    "local texts = lm:generate { prompt = \"The heart is\", max_new_tokens = 20, top_p = 0.9, seed = 1 }"
            ) { object, arguments in
                let given = try arguments.options("options")
                let prompts = try prompts(given, object.model.tokenizer)
                let callback = given.has("callback") ? try given.function("callback") : nil
                let written = try object.model.generate(
                    prompts, settings(given, object.session),
                    watch: callback.map { callback in
                        { index, text in _ = try callback.call([.integer(index + 1), .string(text)]) }
                    })
                return [
                    .list(written.map(\.text)),
                    try ids(of: written),
                ]
            },
            LanguageFit.fit, LanguageFit.save,
        ],
        properties: [
            .property("tokenizer", .object("LanguageTokenizer"), "What makes ids of texts.") {
                .object(LanguageTokenizerObject($0.model.tokenizer))
            },
            .property("vocabulary_size", .integer, "How many ids have a score.") { .integer($0.model.vocabularySize) },
            .property("positions", .integer, "Tokens of the longest text, the prompt included.") {
                .integer($0.model.positions)
            },
            .property("dtype", .string, "The dtype it computes in.") { .string($0.model.dtype.rawValue) },
        ])

    /// The tokens of texts, for Lua.
    static func ids(of written: [WrittenText]) throws -> LuaValue {
        .table(
            LuaTable(array: try written.map { .tensor(try Tensor($0.ids.map(Int64.init), shape: [$0.ids.count])) }))
    }

    /// The prompts of the options.
    private static func prompts(_ given: LuaArguments, _ tokenizer: any DecodingTokenizer) throws -> [Prompt] {
        if case .object(let tensor as TensorObject) = given.value("prompt") {
            return [Prompt(ids: try ids(tensor.tensor, given, "prompt"))]
        }
        if let list = given.value("prompt").tableValue?.array, list.first?.integerValue != nil {
            return [Prompt(ids: try ids(list, given, "prompt"))]
        }
        return try TextArguments.strings(given, "prompt").map { Prompt(ids: tokenizer.ids($0)) }
    }

    /// The options `writing` of a call.
    static func settings(_ given: LuaArguments, _ session: ScriptContext) throws -> WritingOptions {
        var options = WritingOptions()
        options.maximumTokens = try given.integer("max_new_tokens")
        options.batch = try given.integer("batch")
        options.stops = try given.list("stop").compactMap(\.stringValue)
        options.seeds = [UInt64(bitPattern: Int64(given.has("seed") ? try given.integer("seed") : session.seed))]
        if given.has("temperature") || given.has("top_p") || given.has("top_k") {
            options.sampling = Sampling(
                temperature: given.has("temperature") ? try given.number("temperature") : 1,
                topP: given.has("top_p") ? try given.number("top_p") : 1,
                topK: given.has("top_k") ? try given.integer("top_k") : 0)
        }
        if given.has("allowed") {
            let ends = try given.list("allowed").compactMap(\.integerValue)
            guard ends.count == 2, ends[0] <= ends[1] else {
                throw given.fail(
                    "allowed", "wanted { first, last }, got \(ends.count) ids, or the last before the first")
            }
            options.allowed = ends[0]...ends[1]
        }
        return options
    }

    private static let tokenizer = LuaClass<LanguageTokenizerObject>.declaration(
        "LanguageTokenizer", "What makes ids of texts, and texts of ids.",
        methods: [
            .method(
                "encode",
                [
                    LuaParameter("text", .string, "The text; special tokens in it are known."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter(
                                "special", .boolean, default: .boolean(true),
                                "Whether the tokens that the tokenizer puts around texts by itself are added.")
                        ]), default: .table(LuaTable()), "How."),
                ], returns: [LuaResult("ids", .object("Tensor"), "i64 `[T]`, as in the vocabulary, counted from 0.")],
                "The ids of a text."
            ) { object, arguments in
                let ids = object.tokenizer.ids(
                    try arguments.string("text"), special: try arguments.options("options").boolean("special"))
                return [.tensor(try Tensor(ids.map(Int64.init), shape: [ids.count]))]
            },
            .method(
                "decode", [LuaParameter("ids", .oneOf([.object("Tensor"), .list(.integer)]), "Ids.")],
                returns: [LuaResult("text", .string, "Their text.")], "The text of ids, special tokens left out."
            ) { object, arguments in
                if case .object(let tensor as TensorObject) = arguments.value("ids") {
                    return [.string(try object.tokenizer.decode(ids(tensor.tensor, arguments, "ids")))]
                }
                return [.string(try object.tokenizer.decode(ids(arguments.list("ids"), arguments, "ids")))]
            },
        ],
        properties: [
            .property("vocabulary_size", .integer, "How many ids there are.") { .integer($0.tokenizer.vocabularySize) }
        ])

    private static func ids(_ tensor: Tensor, _ arguments: LuaArguments, _ name: String) throws -> [Int] {
        guard tensor.dtype == .i64, tensor.rank == 1 else {
            throw arguments.fail(name, "wanted ids i64 [T], got \(tensor.dtype) \(Tensor.text(tensor.shape))")
        }
        return try tensor.contiguous().array(Int64.self).map { Int($0) }
    }

    private static func ids(_ list: [LuaValue], _ arguments: LuaArguments, _ name: String) throws -> [Int] {
        try list.enumerated().map { index, value in
            guard let id = value.integerValue else {
                throw arguments.fail("\(name)[\(index + 1)]", "wanted an id, got \(value.kind)")
            }
            return id
        }
    }
}

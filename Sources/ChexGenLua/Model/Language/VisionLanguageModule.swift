import Checkpoints
import Evaluation
import Imaging
import Language
import LuaRuntime
import Tensors

/// A vision-language model as Lua holds it.
final class VisionLanguageObject {
    let model: any VisionLanguageModel
    let session: ScriptContext
    /// What `fit` has trained.
    var tuned: TunedLanguage?

    init(_ model: any VisionLanguageModel, _ session: ScriptContext) {
        self.model = model
        self.session = session
    }
}

/// `model.vision_language`, and the class of what it gives.
enum VisionLanguageModule {
    static func function(_ session: ScriptContext) -> LuaFunctionDeclaration {
        let known = session.known.visionLanguages
        return LuaFunctionDeclaration(
            "vision_language",
            [
                LuaParameter("name", .choice(known.names), known.listing(\.about) + "."),
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter("base", .string, "The language model: a folder, or a Hub name."),
                        LuaParameter(
                            "adapter", .string, optional: true,
                            "A folder with peft's LoRA, LLaVA's `config.json` and `non_lora_trainables.bin`, or a Hub name. "
                                + "Without it the base writes as it is."),
                        LuaParameter(
                            "projector", .string, optional: true,
                            "The projector's file; the adapter's `non_lora_trainables.bin` or `mm_projector.bin` where absent."
                        ),
                        LuaParameter(
                            "vision", .string, optional: true,
                            "What sees: a folder with open_clip's description (`.json`) and weights (`.pt`), or a Hub name."
                        ),
                        ModelOptions.dtype, DeviceOption.parameter(session),
                    ]), "Which files."),
            ], returns: [LuaResult("model", .object("VisionLanguageModel"), "The model.")],
            "Opens a language model that sees images. Loading is strict.",
            example: """
                local rad = model.vision_language("llava-rad", { base = "lmsys/vicuna-7b-v1.5", adapter = "microsoft/llava-rad",
                  vision = "biomedclip-cxr-518", dtype = "bf16" })
                """
        ) { arguments in
            let options = try arguments.options("options")
            let name = try arguments.string("name")
            guard let entry = known[name] else { throw arguments.fail("name", known.unknown(name).description) }
            func text(_ key: String) throws -> String? { options.has(key) ? try options.string(key) : nil }
            for alternatives in entry.wanted where !alternatives.contains(where: { options.has($0.rawValue) }) {
                let names = alternatives.map { "`\($0.rawValue)`" }.joined(separator: " or ")
                throw arguments.fail("options", "\(name) wants \(names)")
            }
            var files = VisionLanguageFiles(
                base: try options.string("base"), adapter: try text("adapter"), projector: try text("projector"),
                vision: try text("vision"))
            files.languages = session.known.languages
            let model = try entry.open(files, session.compute(options))
            try session.input(model.files)
            for note in model.notes { session.note(note) }
            return [.object(VisionLanguageObject(model, session))]
        }
    }

    /// `model.vision_languages`.
    static func list(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "vision_languages",
            returns: [
                LuaResult(
                    "models", .list(.table),
                    "`name`, `about` and `wanted`: lists of options of `model.vision_language` of which one each must be "
                        + "given, beside `base`.")
            ], "The language models that see images."
        ) { _ in
            let known = session.known.visionLanguages
            let models = zip(known.names, known.all).map { name, entry in
                LuaValue.fields([
                    ("name", .string(name)), ("about", .string(entry.about)),
                    ("wanted", .table(LuaTable(array: entry.wanted.map { .list($0.map(\.rawValue)) }))),
                ])
            }
            return [.table(LuaTable(array: models))]
        }
    }

    private static let options =
        [
            LuaParameter(
                "images", .any, "A Dataset, a list of paths, or a list of images."),
            LuaParameter(
                "prompt", TextArguments.texts,
                "A question about every image, or one for each; what the model wants around it is added."),
        ] + LanguageModule.writing + [ImageArguments.way, ImageArguments.onBadImage, ImageArguments.label("answering")]

    static let declaration = LuaClass<VisionLanguageObject>.declaration(
        "VisionLanguageModel", "A language model that sees images.",
        methods: [
            .method(
                "generate", [LuaParameter("options", .options(options), "What is asked, and how it is answered.")],
                returns: [
                    LuaResult("texts", .list(.string), "An answer an image, without white space around it."),
                    LuaResult("ids", .list(.object("Tensor")), "The tokens of each, i64."),
                    LuaResult(
                        "skipped", .list(.table),
                        "The images that were left out where `on_bad_image` says so: `index`, `path` and `reason`; "
                            + "the other results are then of the others alone."),
                ],
                "Answers a question about each image. An image of a list gets the answer that it gets alone.",
                example:
                    "local reports = rad:generate { images = films, prompt = \"Describe the findings of the chest x-ray.\" }"
            ) { object, arguments in
                try generate(arguments.options("options"), object.model, object.session)
            },
            VisionLanguageFit.fit, VisionLanguageFit.save,
        ],
        properties: [
            .property("name", .string, "The model's name.") { .string($0.model.name) },
            .property("preprocessing", .string, "What is done to an image before the network sees it.") {
                .string($0.model.preprocessing)
            },
            .property(
                "identity", .table, "What its answers depend on, as `metric.identity` takes it for `features`."
            ) { .identity($0.model.identity) },
            .property("tokenizer", .object("LanguageTokenizer"), "What makes ids of texts.") {
                .object(LanguageTokenizerObject($0.model.language.tokenizer))
            },
            .property("dtype", .string, "The dtype it computes in.") { .string($0.model.dtype.rawValue) },
        ])

    private static func generate(
        _ given: LuaArguments, _ model: any VisionLanguageModel, _ session: ScriptContext
    ) throws -> [LuaValue] {
        let settings = try LanguageModule.settings(given, session)
        let questions = try TextArguments.strings(given, "prompt")
        let callback = given.has("callback") ? try given.function("callback") : nil
        var answers: [WrittenText] = []

        func ask(_ images: [Tensor], _ places: [Int]) throws {
            var own = settings
            own.seeds = places.map(settings.seed)
            answers += try model.answer(
                images, questions.count == 1 ? questions : places.map { questions[$0] }, own,
                watch: callback.map { callback in
                    { index, text in _ = try callback.call([.integer(places[index] + 1), .string(text)]) }
                })
        }
        func counted(_ images: Int) throws {
            guard questions.count == 1 || questions.count == images else {
                throw given.fail(
                    "prompt", "wanted one question, or one for each of \(images) images, got \(questions.count)")
            }
        }

        var skipped: [BadImage] = []
        let value = given.value("images")
        if let table = value.tableValue, table.array.first?.objectValue != nil {
            let images = try ImageModule.list(given, "images")
            try counted(images.count)
            try ask(images.map(model.preprocess), Array(images.indices))
        } else {
            let sources = try ImageArguments.sources(given, "images")
            try counted(sources.count)
            let task = AnswerTask(prepare: { try model.preprocess($0) }) { inputs in
                try ask(inputs.map(\.tensor), inputs.map(\.index))
            }
            skipped = try session.run(
                [task], over: sources, given, clipping: ClippingPolicy(ImageArguments.way(given)),
                batch: settings.batch, label: given.string("label")
            ).skipped
        }
        return [
            .list(answers.map(\.text)), try LanguageModule.ids(of: answers), ImageArguments.lua(skipped),
        ]
    }
}

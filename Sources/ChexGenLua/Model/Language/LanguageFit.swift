import Evaluation
import Language
import LuaRuntime
import Runs
import Tensors
import Training

/// A model of Lua's that can be fine-tuned, once.
protocol TunableObject: AnyObject {
    var session: ScriptContext { get }
    /// What a fine-tuning has made of it; nil before.
    var tuned: TunedLanguage? { get set }
}

extension LanguageObject: TunableObject {}
extension VisionLanguageObject: TunableObject {}

/// `lm:fit` and `lm:save`, and what every fine-tuning has in common.
enum LanguageFit {
    private static let texts =
        "A list of `{ prompt =, answer = }`, or `{ prompt = list or one text for all, answer = list }`; each a text, or its ids"

    /// The options that every fine-tuning takes.
    static let training: [LuaParameter] = [
        LuaParameter("rank", .integer, default: .integer(64), "Channels of the adapter beside each linear layer."),
        LuaParameter("alpha", .number, default: .number(128), "The adapter's product is multiplied by alpha / rank."),
        LuaParameter(
            "dropout", .number, default: .number(0.05), "The share of an adapter's inputs that is dropped in training."),
        LuaParameter("epochs", .integer, default: .integer(1), "How often the whole set is gone through."),
        LuaParameter("batch", .integer, default: .integer(16), "Texts whose tokens' mean is one loss."),
        LuaParameter("accumulation", .integer, default: .integer(1), "Batches a step."),
        LuaParameter("learning_rate", .number, default: .number(1e-4), "At its highest."),
        LuaParameter(
            "warmup", .number, default: .number(0.03),
            "The share of the steps that the rate rises in; then it falls as a cosine to 0."),
        LuaParameter("weight_decay", .number, default: .number(0), "AdamW's."),
        LuaParameter(
            "clip", .number, default: .number(1), "The largest norm of all gradients together; 0 does not clip."),
        LuaParameter("shuffle", .boolean, default: .boolean(true), "Whether each epoch has an order of its own."),
        LuaParameter("seed", .integer, optional: true, "Of all that is drawn; the run's where absent."),
        LuaParameter(
            "fraction", .number, default: .number(1),
            "The share of the training set that is taken, drawn by the seed; a smaller one is part of a larger."),
        LuaParameter(
            "max_length", .integer, default: .integer(2048), "The longest text in tokens; longer ones are cut."),
        LuaParameter(
            "activation_checkpoints", .boolean, default: .boolean(true),
            "Whether layers run again on the way back: the same bits in a fraction of the memory."),
        LuaParameter(
            "start", .string, optional: true,
            "A LoRA that it begins with: a folder or file of peft, or a Hub name. What its product adds to the weights stays what it "
                + "is where its `alpha` is another; its `rank` must be the same. Without it A is drawn, and B is 0."
        ),
        LuaParameter(
            "checkpoint", .string, optional: true,
            "A file that is written every `checkpoint_every` steps and behind each epoch. Where it is there, training goes on "
                + "from it, to the same bits."),
        LuaParameter("checkpoint_every", .integer, default: .integer(100), "Steps between checkpoints."),
        LuaParameter("on_step", .function("fun(step: table)"), optional: true, "Called behind each step."),
        LuaParameter("on_epoch", .function("fun(epoch: table)"), optional: true, "Called behind each epoch."),
    ]

    static let history = LuaResult(
        "history", .table,
        "`steps`: of each `step`, `steps`, `epoch`, `loss`, `learning_rate`, `gradient_norm`, `seconds`; `epochs`: of each `epoch`, "
            + "`train_loss`, `validation_loss` (absent without validation), `learning_rate`, `seconds`. Those before an interruption "
            + "are there too. `skipped`, of films: the images that were left out, `index` (first those of `train`, then those of "
            + "`validation`), `path`, `reason`; `notes`, texts that tell what a reader must know of the others.")

    static let fit: LuaClass<LanguageObject>.Method = .method(
        "fit",
        [
            LuaParameter(
                "options",
                .options(
                    [
                        LuaParameter("train", .any, texts + "."),
                        LuaParameter(
                            "validation", .any, optional: true, texts + ": its loss is measured behind each epoch."),
                    ] + training), "The texts, and how to train on them.")
        ], returns: [history],
        "Fine-tunes with a LoRA on all linear layers but the head, on the processor in f32. The defaults are LLaVA-Rad's. When it has "
            + "ended, the model writes with what it has learned; `save` keeps the adapter.",
        example: """
            lm:fit{ train = { prompt = "Findings:", answer = table:column "report" }, epochs = 3, batch = 4,
              on_step = function(s) print(s.step, s.loss) end }
            lm:save "adapter"
            """
    ) { object, arguments in
        let given = try arguments.options("options")
        let model = object.model
        // What is saved must belong to the folder's weights alone.
        guard object.adapters.isEmpty else {
            throw given.fail(
                "train", "this model was opened with a LoRA: open it without, and name the LoRA as `start`")
        }
        return try run(
            object, given,
            sets: { share, seed in
                Sets(
                    train: try tuningSet(given, "train", model).part(share, seed: seed),
                    validation: given.has("validation") ? try tuningSet(given, "validation", model) : nil)
            }, trainer: { try model.trainer($0) }, take: model.take)
    }

    static let save: LuaClass<LanguageObject>.Method = .method(
        "save", [LuaParameter("folder", .string, "Where to.")], returns: [],
        "Writes what `fit` has trained as peft does: `adapter_config.json` and `adapter_model.safetensors`, for `lora` of "
            + "`model.language` and for peft."
    ) { object, arguments in
        try write(object, arguments) { try $0.save($1) }
    }

    /// What a model is trained on.
    struct Sets {
        /// What it learns: the option `fraction` of `train`.
        var train: TuningSet
        /// What its loss is measured on; nil where there is none.
        var validation: TuningSet?
        /// Films that were left out; nil for texts.
        var skipped: [BadImage]?
        /// What a reader of results must know of the films that were used; nil for texts.
        var notes: [String]?
    }

    /// Trains a model once, with a bar on the console and the script's callbacks.
    /// - Parameters:
    ///   - sets: the texts of the options `train`, of which it takes a share by a seed, and `validation`.
    ///   - take: takes what was trained into the model.
    static func run(
        _ object: some TunableObject, _ given: LuaArguments,
        sets: (_ share: Double, _ seed: UInt64) throws -> Sets,
        trainer make: (TuningOptions) throws -> LanguageTrainer, take: (LanguageTrainer) throws -> TunedLanguage
    ) throws -> [LuaValue] {
        guard object.tuned == nil else {
            throw given.fail("train", "this model was fine-tuned already: open it anew, or name its adapter as `start`")
        }
        let share = try given.number("fraction")
        guard share > 0, share <= 1 else { throw given.fail("fraction", "wanted above 0 to 1, got \(share)") }
        let options = try options(given, object.session)
        // Before the sets: what is wrong with the options is told before thousands of films are read.
        let trainer = try make(options)
        try object.session.input(trainer.startFiles)
        let sets = try sets(share, options.seed)
        let made = try run(trainer, sets, given, object.session)
        object.tuned = try take(trainer)
        return made
    }

    /// Writes what a model was trained to the argument `folder`.
    static func write(
        _ object: some TunableObject, _ arguments: LuaArguments, _ body: (TunedLanguage, String) throws -> Void
    ) throws -> [LuaValue] {
        let folder = try arguments.string("folder")
        guard let tuned = object.tuned else {
            throw arguments.fail("folder", "there is nothing to save: `fit` has not trained this model")
        }
        _ = try object.session.output(folder)
        try body(tuned, folder)
        return []
    }

    private static func run(
        _ trainer: LanguageTrainer, _ sets: Sets, _ given: LuaArguments, _ session: ScriptContext
    ) throws -> [LuaValue] {
        let onStep = given.has("on_step") ? try given.function("on_step") : nil
        let onEpoch = given.has("on_epoch") ? try given.function("on_epoch") : nil
        var bar: Runs.Progress?
        defer { bar?.finish() }
        let history = try trainer.fit(
            train: sets.train, validation: sets.validation,
            onNotice: { session.note($0) },
            onStep: { step in
                let own = bar ?? Runs.Progress(total: step.steps - step.step + 1, label: "training")
                bar = own
                own.step(1)
                _ = try onStep?.call([fields(step)])
            }, onEpoch: { _ = try onEpoch?.call([fields($0)]) })
        return [
            .fields([
                ("steps", .table(LuaTable(array: history.steps.map(fields)))),
                ("epochs", .table(LuaTable(array: history.epochs.map(fields)))),
                ("skipped", sets.skipped.map(ImageArguments.lua) ?? .nil),
                ("notes", sets.notes.map { .list($0) } ?? .nil),
            ])
        ]
    }

    /// The options of a training.
    private static func options(_ given: LuaArguments, _ session: ScriptContext) throws -> TuningOptions {
        var options = TuningOptions()
        options.adapter.rank = try given.integer("rank")
        options.adapter.alpha = try given.number("alpha")
        options.adapter.dropout = try given.number("dropout")
        options.epochs = try given.integer("epochs")
        options.batch = try given.integer("batch")
        options.accumulation = try given.integer("accumulation")
        options.learningRate = try given.number("learning_rate")
        options.warmup = try given.number("warmup")
        options.weightDecay = try given.number("weight_decay")
        let clip = try given.number("clip")
        options.clipNorm = clip == 0 ? nil : clip
        options.shuffle = try given.boolean("shuffle")
        options.seed = UInt64(bitPattern: Int64(given.has("seed") ? try given.integer("seed") : session.seed))
        options.maximumLength = try given.integer("max_length")
        options.isCheckpointing = try given.boolean("activation_checkpoints")
        options.checkpointEvery = try given.integer("checkpoint_every")
        if given.has("start") { options.start = try given.string("start") }
        if given.has("checkpoint") { options.checkpoint = try session.output(given.string("checkpoint")) }
        return options
    }

    private static func fields(_ step: TuningStep) -> LuaValue {
        .fields([
            ("step", .integer(step.step)), ("steps", .integer(step.steps)), ("epoch", .integer(step.epoch)),
            ("loss", .number(step.loss)), ("learning_rate", .number(step.learningRate)),
            ("gradient_norm", .number(step.gradientNorm)), ("seconds", .number(step.seconds)),
        ])
    }

    private static func fields(_ epoch: EpochReport) -> LuaValue {
        .fields([
            ("epoch", .integer(epoch.epoch)), ("train_loss", .number(epoch.trainLoss)),
            ("validation_loss", epoch.validationLoss.map { .number($0) } ?? .nil),
            ("learning_rate", .number(epoch.learningRate)), ("seconds", .number(epoch.seconds)),
        ])
    }

    private static func tuningSet(
        _ given: LuaArguments, _ name: String, _ model: any LanguageModel
    ) throws -> TuningSet {
        guard let table = given.value(name).tableValue else {
            throw given.fail(name, "wanted \(texts), got \(given.value(name).kind)")
        }
        var rows: [(prompt: LuaValue, answer: LuaValue)] = []
        if let answers = table["answer"].tableValue?.array {
            let prompts = table["prompt"].tableValue?.array
            guard prompts.map({ $0.count == answers.count }) ?? true else {
                throw given.fail(
                    name, "wanted as many prompts as answers, or one, got \(prompts?.count ?? 0) and \(answers.count)")
            }
            rows = answers.enumerated().map { (prompts?[$0] ?? table["prompt"], $1) }
        } else {
            rows = try table.array.enumerated().map { index, value in
                guard let row = value.tableValue else {
                    throw given.fail("\(name)[\(index + 1)]", "wanted { prompt =, answer = }, got \(value.kind)")
                }
                return (row["prompt"], row["answer"])
            }
        }
        guard !rows.isEmpty else { throw given.fail(name, "it has no texts") }
        let texts = try rows.enumerated().map { index, row -> (prompt: [Int], answer: [Int]) in
            func ids(_ value: LuaValue, _ key: String, _ text: (String) -> [Int]) throws -> [Int] {
                if let string = value.stringValue { return text(string) }
                if case .object(let tensor as TensorObject) = value, tensor.tensor.dtype == .i64,
                    tensor.tensor.rank == 1
                {
                    return try tensor.tensor.contiguous().array(Int64.self).map { Int($0) }
                }
                if let list = value.tableValue?.array.map(\.integerValue), !list.contains(nil) {
                    return list.compactMap { $0 }
                }
                throw given.fail("\(name)[\(index + 1)].\(key)", "wanted a text or ids, got \(value.kind)")
            }
            return (
                try ids(row.prompt, "prompt") { model.tuningIDs(prompt: $0, answer: "").prompt },
                try ids(row.answer, "answer") { model.tuningIDs(prompt: "", answer: $0).answer }
            )
        }
        for (index, row) in texts.enumerated() {
            if row.answer.isEmpty { throw given.fail("\(name)[\(index + 1)].answer", "there is nothing to learn") }
            if let wrong = (row.prompt + row.answer).first(where: { $0 < 0 || $0 >= model.vocabularySize }) {
                throw given.fail("\(name)[\(index + 1)]", "id \(wrong) is not in 0 to \(model.vocabularySize - 1)")
            }
        }
        return model.tuningSet(texts)
    }
}

import ChexGenLua
import Diffusion
import Files
import LuaRuntime
import Tensors
import Tokenizers

/// The options of `pipeline:generate`, as Lua writes them.
enum PipelineOptions {
    /// Options about texts that every function that encodes some takes.
    static func text(_ known: PipelineRegistry) -> [LuaParameter] {
        [
            LuaParameter(
                "overflow", .choice(Overflow.allCases.map(\.rawValue)), default: .string(Overflow.truncate.rawValue),
                "What to do with a text of too many tokens: cut it, or stop.")
        ]
            + known.options.map { option in
                LuaParameter(
                    option.name, type(of: option), optional: true,
                    option.about + " A model without it refuses the option.")
            }
    }

    private static func type(of option: FamilyOption) -> LuaType {
        switch option.kind {
        case .flag: return .boolean
        case .integer: return .integer
        case .number: return .number
        case .text: return .string
        case .flagOrText: return .oneOf([.boolean, .string])
        case .flagOrWord(let words): return .oneOf([.boolean, .choice(words)])
        }
    }

    /// `model.pipeline_options`.
    static func list(_ known: PipelineRegistry) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "pipeline_options",
            returns: [
                LuaResult(
                    "options", .list(.table),
                    "`name`, `type`, `about` (a sentence) and `classes` (which classes of pipelines take it).")
            ],
            "The options of `pipe:generate` that families of generators have of their own: experiments take each of them as a "
                + "parameter."
        ) { _ in
            [
                .table(
                    LuaTable(
                        array: known.options.map { option in
                            let classes = known.entries.all.filter { entry in
                                entry.options.contains { $0.name == option.name }
                            }
                            return .fields([
                                ("name", .string(option.name)), ("type", .string(type(of: option).wanted)),
                                ("about", .string(option.about)), ("classes", .list(classes.map(\.className))),
                            ])
                        }))
            ]
        }
    }

    /// `model.pipeline_places`.
    static func places(_ known: PipelineRegistry) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "pipeline_places",
            returns: [
                LuaResult(
                    "places", .list(.table),
                    "`name`, `about` (a sentence), `family` (whose parts lie so), `class` (its class of pipelines) and `file` (what "
                        + "the model's own place holds).")
            ],
            "The options of `model.pipeline` that name the place of a part, of models whose parts lie in several places: experiments "
                + "take each of them as a parameter."
        ) { _ in
            let places = known.separateParts.map { part, family in
                LuaValue.fields([
                    ("name", .string(part.name)), ("about", .string(part.about)), ("family", .string(family.about)),
                    ("class", .string(family.className)), ("file", .string("config.json")),
                ])
            }
            return [.table(LuaTable(array: places))]
        }
    }

    /// `model.generators`.
    static let generators = LuaFunctionDeclaration(
        "generators",
        returns: [
            LuaResult(
                "entries", .list(.table),
                "`name`, `about`, `places` (pairs of a Hub name and a file in it, the model's own weights first), `wanted` (options "
                    + "that must be given), `steps`, `guidance_scale` and `settings` (others of `generate`), those that there are."
            )
        ],
        "The text-to-image models that the program knows by name, with what CheXGenBench runs them with. `chexgen.models` makes "
            + "their names known to `model.pipeline`."
    ) { _ in
        let entries = GeneratorCatalog.standard.all.map { known in
            var fields: [(String, LuaValue)] = [
                ("name", .string(known.name)), ("about", .string(known.about)), ("steps", .integer(known.steps)),
                ("guidance_scale", known.guidanceScale.map { .number($0) } ?? .nil),
            ]
            if !known.places.isEmpty {
                let places = known.places.map { LuaValue.list([$0.place, $0.file]) }
                fields.append(("places", .table(LuaTable(array: places))))
            }
            if !known.wanted.isEmpty { fields.append(("wanted", .list(known.wanted))) }
            if !known.settings.isEmpty {
                let settings = known.settings.map { (key: $0.name, value: $0.value) }
                fields.append(("settings", ConfigConversion.lua(.object(settings))))
            }
            return LuaValue.fields(fields)
        }
        return [.table(LuaTable(array: entries))]
    }

    /// Options that decide what the pictures are.
    static func pictures(_ known: PipelineRegistry) -> [LuaParameter] {
        [
            LuaParameter("prompt", TextArguments.texts, "A text, or a list of them."),
            LuaParameter(
                "negative_prompt", TextArguments.texts, default: .string(""),
                "What the images shall not show: one text for all, or a list. Used where the guidance scale is above 1."
            ),
            LuaParameter("steps", .integer, optional: true, "Steps of the scheduler; the model's where absent."),
            LuaParameter(
                "guidance_scale", .number, optional: true,
                "The weight of the text; the model's where absent. 1 is the text alone, with half the work. A model without it, "
                    + "such as FLUX.1 schnell, refuses the option."),
            LuaParameter(
                "seed", .oneOf([.integer, .list(.integer)]), optional: true,
                "Image i has `seed + i - 1`, or the i-th of a list; the run's seed where absent."),
            LuaParameter("width", .integer, optional: true, "Pixels, a multiple of 8; the model's where absent."),
            LuaParameter("height", .integer, optional: true, "Pixels, a multiple of 8; the model's where absent."),
            LuaParameter(
                "latents", .object("Tensor"), optional: true,
                "Standard normal noise to begin with, f32 `[N, h, w, C]`, in place of the seeds'."),
            LuaParameter(
                "scheduler", .string, optional: true,
                "Another scheduler, with the options of the model's: "
                    + known.schedulers.entries.all.map { "`\($0.shortName)`" }.joined(separator: ", ") + "."),
            LuaParameter(
                "eta", .number, default: .number(0), "The weight of fresh noise in every step of `ddim`, 0 to 1."),
        ] + text(known)
    }

    /// Options that decide how the work is watched and kept.
    static let work: [LuaParameter] = [
        LuaParameter(
            "callback", .function("fun(step: integer, latents: Tensor, image: integer, steps: integer)"),
            optional: true,
            "Called after every step, counted from 1, with the latents f32 `[1, h, w, C]` (or the codes i64 `[1, T]`), the image's number "
                + "and how many steps it has. An error in it ends the call."),
        LuaParameter(
            "on_step", .function("fun(step: integer, image: integer, steps: integer)"), optional: true,
            "As `callback`, without a copy of the latents."),
        LuaParameter(
            "on_image", .function("fun(index: integer, image: Image)"), optional: true,
            "Called with every image when it is ready, so that none is lost where a later one fails."),
        LuaParameter(
            "tiled", .boolean, default: .boolean(false),
            "Decode in overlapping tiles, with less memory for large images and slightly other values."),
        LuaParameter(
            "state", .string, optional: true,
            "A file that keeps the image under way: written where the call is stopped, and every few seconds; a later call "
                + "with the same options goes on from its step. Removed with the last image."),
    ]

    /// The options of a call, with the model's settings where the script has none.
    static func generation(_ given: LuaArguments, _ object: PipelineObject) throws -> GenerationOptions {
        let prompts = try TextArguments.strings(given, "prompt")
        guard !prompts.isEmpty else { throw given.fail("prompt", "wanted at least one text, got an empty list") }
        let count = prompts.count
        let lacks = object.pipeline.lacks
        // The others have values where nothing was given, which the model looks at.
        for name in ["steps", "guidance_scale", "scheduler", "width", "height", "latents"]
        where lacks.contains(name) && given.has(name) {
            throw given.fail(name, "this \(object.pipeline.className) has no such option")
        }
        var options = GenerationOptions(
            prompts: prompts, seeds: try seeds(given, count, object.session), object.defaults)
        let negative = try TextArguments.strings(given, "negative_prompt")
        if given.value("negative_prompt").stringValue != nil {
            options.negativePrompts = [String](repeating: negative[0], count: count)
        } else {
            guard negative.count == count else {
                throw given.fail("negative_prompt", "wanted \(count) texts, one a prompt, got \(negative.count)")
            }
            options.negativePrompts = negative
        }
        if given.has("steps") { options.steps = try given.integer("steps") }
        guard options.steps >= 1 else { throw given.fail("steps", "wanted 1 or more, got \(options.steps)") }
        if given.has("guidance_scale") { options.guidanceScale = try given.number("guidance_scale") }
        guard options.guidanceScale.isFinite else {
            throw given.fail("guidance_scale", "wanted a finite number, got \(options.guidanceScale)")
        }
        if given.has("width") { options.width = try given.integer("width") }
        if given.has("height") { options.height = try given.integer("height") }
        let unit = object.defaults.sizeUnit
        for (name, size) in [("width", options.width), ("height", options.height)] {
            guard size > 0, size % unit == 0, size <= 16_384 else {
                throw given.fail(name, "wanted a multiple of \(unit) from \(unit) to 16384, got \(size)")
            }
        }
        if given.has("latents") { options.latents = try given.tensor("latents") }
        if given.has("scheduler") {
            let name = try given.string("scheduler")
            do {
                options.scheduler = try object.known.schedulers.entry(named: name).className
            } catch {
                throw given.fail("scheduler", "\(error)")
            }
        }
        options.eta = try given.number("eta")
        guard options.eta.isFinite, options.eta >= 0, options.eta <= 1 else {
            throw given.fail("eta", "wanted 0 to 1, got \(options.eta)")
        }
        options.text = try textOptions(given, object.known)
        return options
    }

    /// How texts are encoded.
    static func textOptions(_ given: LuaArguments, _ known: PipelineRegistry) throws -> TextOptions {
        var options = TextOptions()
        options.overflow = Overflow(rawValue: try given.string("overflow")) ?? .truncate
        for option in known.options where given.has(option.name) {
            options.family[option.name] = try ConfigConversion.config(given.value(option.name), name: option.name)
        }
        return options
    }

    private static func seeds(_ given: LuaArguments, _ count: Int, _ session: ScriptContext) throws -> [UInt64] {
        // PyTorch takes negative seeds by their bits.
        if let list = given.value("seed").tableValue {
            let seeds = list.array.compactMap(\.integerValue)
            guard seeds.count == count else {
                throw given.fail("seed", "wanted \(count) seeds, one a prompt, got \(seeds.count)")
            }
            return seeds.map { UInt64(bitPattern: Int64($0)) }
        }
        let first = UInt64(bitPattern: Int64(given.has("seed") ? try given.integer("seed") : session.seed))
        return (0..<count).map { first &+ UInt64($0) }
    }
}

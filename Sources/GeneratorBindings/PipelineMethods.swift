import ChexGenLua
import Diffusion
import Files
import Imaging
import LuaRuntime
import Runs
import Tensors

/// The class `Pipeline` of Lua.
enum PipelineMethods {
    static func declaration(_ known: PipelineRegistry) -> LuaClassDeclaration {
        let all = LuaType.options(PipelineOptions.pictures(known) + PipelineOptions.work)
        return LuaClass<PipelineObject>.declaration(
            "Pipeline", "A model that makes pictures from texts.",
            methods: [
                .method(
                    "generate",
                    [
                        LuaParameter("options", all, "What to make, and how.")
                    ],
                    returns: [
                        LuaResult("images", .list(.object("Image")), "One a prompt."),
                        LuaResult(
                            "codes", .object("Tensor"),
                            "Of models that write codes: those of the images, i64 `[N, T]`, from 0; nil of others."),
                    ],
                    "Makes an image for every prompt, one after the other, each from its own noise: PyTorch's of its seed. So an "
                        + "image is the same alone, in any list and in any order, and the one that diffusers makes on the CPU "
                        + "with this seed. Without a callback a bar shows steps, rate and time left.",
                    example: "local images = pipe:generate{ prompt = \"Small left pleural effusion.\", seed = 42 }",
                    generate),
                .method(
                    "prepare",
                    [
                        LuaParameter(
                            "options",
                            .options(
                                PipelineOptions.pictures(known) + [
                                    LuaParameter(
                                        "keep", .string, optional: true,
                                        "A folder for the encoded texts: what is there is not encoded again, by a later "
                                            + "process either. It takes the texts of all prompts, up to 32 GiB and a quarter of what "
                                            + "the disk has free; behind that those that are needed last, or not at all, go."
                                    ),
                                    LuaParameter(
                                        "on_progress", .function("fun(done: integer, all: integer)"), optional: true,
                                        "Called as texts come into the folder, or as codes are written, with how many there "
                                            + "are of how many."),
                                ]), "The prompts of pictures to come, with the options of `generate`.")
                    ],
                    returns: [
                        LuaResult(
                            "ready", .integer,
                            "Of how many prompts, from the first, the texts are at hand: as many as there is room for, in the "
                                + "folder, or else in memory.")
                    ],
                    "Encodes the texts of pictures to come, and lets go of the text encoders: `generate` then takes what is "
                        + "encoded. Large text encoders are so made ready once for many pictures, not for each. A model that writes "
                        + "codes writes those of the next pictures, which share each read of its weights.",
                    prepare),
                .method(
                    "forget_texts",
                    [
                        LuaParameter("keep", .string, "The folder that `prepare` was given."),
                        LuaParameter(
                            "above", .integer, default: .integer(0),
                            "Bytes: texts that take no more all together stay."),
                    ],
                    "Removes the encoded texts of a folder, when no picture needs them any more.", forgetTexts),
                .method(
                    "settings",
                    [
                        LuaParameter("options", all, "As for `generate`.")
                    ],
                    returns: [
                        LuaResult(
                            "settings", .table,
                            "`seeds` and `lost_tokens` (how many tokens of each prompt are cut off), one an image; and "
                                + "`steps`, `guidance_scale`, `scheduler`, `width`, `height`.")
                    ],
                    "What `generate` makes images with for these options. It makes none, and checks all that needs no network.",
                    settings),
                .method(
                    "encode_prompt",
                    [
                        LuaParameter("text", TextArguments.texts, "A text, or a list of them."),
                        LuaParameter(
                            "options", .options(PipelineOptions.text(known)), default: .table(LuaTable()), "How."),
                    ],
                    returns: [
                        LuaResult("context", .object("Tensor"), "What the denoiser attends to, f32 `[N, T, D]`."),
                        LuaResult(
                            "details", .table,
                            "`pooled` f32 `[N, P]` and `mask` i64 `[N, T]`, where the model has them."),
                    ], "What the denoiser reads of texts.", encodePrompt),
                .method(
                    "memory",
                    returns: [
                        PipelineMemory.result
                    ],
                    "What the weights take of memory, and when; activations come beside it. What cannot fit is refused before the "
                        + "first image.", memory),
            ],
            properties: known.parts.map { PipelineParts.property($0, known.kind(of: $0)?.role) } + [
                .property("name", .string, "What it was opened by.") { .string($0.name) },
                .property("class", .string, "The class of its pipeline, as its model_index.json names it.") {
                    .string($0.pipeline.className)
                },
                .property("dtype", .string, "The dtype it computes in.") { .string($0.pipeline.dtype.rawValue) },
                .property("scheduler", .string, "Its own scheduler.") { .string($0.pipeline.schedulerName) },
                .property("size", .integer, "Pixels a side that it was trained on.") { .integer($0.defaults.width) },
                .optional("steps", .integer, "Steps where `generate` is told none; nil of a model without steps.") {
                    $0.pipeline.lacks.contains("steps") ? nil : .integer($0.defaults.steps)
                },
                .optional(
                    "guidance_scale", .number,
                    "The guidance scale where `generate` is told none; nil of a model without one."
                ) {
                    $0.pipeline.lacks.contains("guidance_scale") ? nil : .number($0.defaults.guidanceScale)
                },
                .property("lacks", .list(.string), "Options of `generate` that other models have and this one has not.")
                {
                    .list($0.pipeline.lacks.sorted())
                },
                .optional(
                    "encoded_texts", .integer,
                    "How many texts it has encoded, beside those that were kept; nil of a model that encodes none."
                ) { $0.pipeline.encodedTexts.map { .integer($0) } },
                .property("notes", .list(.string), "What was found odd in its files, and let be.") {
                    .list($0.pipeline.notes)
                },
                .property("identity", .string, "What its images depend on, beside the options of `generate`.") {
                    let adapters = $0.pipeline.adapters.map(\.identity).joined(separator: "+")
                    return .string(
                        "\($0.name) files=\($0.pipeline.identity.prefix(16)) dtype=\($0.pipeline.dtype.rawValue)"
                            + (adapters.isEmpty ? "" : " lora=" + adapters))
                },
            ],
            operators: [
                .tostring: .unary { object in
                    let (pipeline, defaults) = (object.pipeline, object.defaults)
                    return .string(
                        "Pipeline(\(object.name), \(defaults.width) x \(defaults.height), \(pipeline.schedulerName), "
                            + "\(pipeline.dtype.rawValue))")
                }
            ])
    }

    private static let generate: (PipelineObject, LuaArguments) throws -> [LuaValue] = { object, arguments in
        let given = try arguments.options("options")
        let options = try PipelineOptions.generation(given, object)
        let count = options.prompts.count
        let callback = given.has("callback") ? try given.function("callback") : nil
        let onStep = given.has("on_step") ? try given.function("on_step") : nil
        let onImage = given.has("on_image") ? try given.function("on_image") : nil
        let isWatched = callback != nil || onStep != nil
        let bar = isWatched ? nil : Runs.Progress(total: count * options.steps, label: "generating")
        defer { bar?.finish() }

        var generation = Generation(object.pipeline, options)
        generation.isTiled = try given.boolean("tiled")
        if given.has("state") { generation.statePath = try object.session.output(given.string("state")) }
        var images: [LuaValue] = []
        var codes: [Tensor] = []
        generation.written = { bar?.step(0, note: "writing \(100 * $0 / max(1, $1)) %") }
        generation.heard = { codes.append(try $1.reshaped([1, $1.count])) }
        try generation.run { moment in
            bar?.show(moment, options.steps, of: count)
            let (step, image, steps) = (moment.step, moment.picture + 1, moment.steps)
            if moment.isResumed { return }
            _ = try onStep?.call([.integer(step), .integer(image), .integer(steps)])
            // A copy, as the script may write to it.
            _ = try callback?.call([
                .integer(step), .tensor(moment.latents.clone()), .integer(image), .integer(steps),
            ])
        } finished: { index, picture in
            let image = LuaValue.object(ImageObject(try Image.from(picture)))
            images.append(image)
            _ = try onImage?.call([.integer(index + 1), image])
        }
        let drawn = LuaValue.table(LuaTable(array: images))
        return codes.isEmpty ? [drawn] : [drawn, .tensor(try Tensor.cat(codes, axis: 0))]
    }

    private static let prepare: (PipelineObject, LuaArguments) throws -> [LuaValue] = { object, arguments in
        let given = try arguments.options("options")
        let options = try PipelineOptions.generation(given, object)
        var folder: String?
        if given.has("keep") {
            let place = try given.string("keep")
            try object.session.makeFolder(place)
            folder = Paths.absolute(place)
        }
        let callback = given.has("on_progress") ? try given.function("on_progress") : nil
        let ready = try object.pipeline.prepare(
            options, keptIn: folder,
            watch: callback.map { callback in { _ = try callback.call([.integer($0), .integer($1)]) } })
        return [.integer(ready)]
    }

    private static let forgetTexts: (PipelineObject, LuaArguments) throws -> [LuaValue] = { object, arguments in
        let above = try arguments.integer("above")
        guard above >= 0 else { throw arguments.fail("above", "wanted 0 or more, got \(above)") }
        let folder = Paths.absolute(try arguments.string("keep"))
        // The folder itself may be where scripts may write: the door is asked about a file in it.
        _ = try object.session.output(Paths.joined(folder, "file"))
        DiffusionPipeline.removeTexts(in: folder, above: above)
        return []
    }

    private static let memory: (PipelineObject, LuaArguments) throws -> [LuaValue] = { object, _ in
        [object.pipeline.memory.map(PipelineMemory.fields) ?? .nil]
    }

    private static let settings: (PipelineObject, LuaArguments) throws -> [LuaValue] = { object, arguments in
        let options = try PipelineOptions.generation(arguments.options("options"), object)
        let settings = try object.pipeline.settings(options)
        let lacks = object.pipeline.lacks
        return [
            .fields([
                ("seeds", .list(options.seeds.map { Int(truncatingIfNeeded: $0) })),
                ("lost_tokens", .list(settings.lostTokens)),
                ("steps", lacks.contains("steps") ? .nil : .integer(options.steps)),
                ("guidance_scale", lacks.contains("guidance_scale") ? .nil : .number(options.guidanceScale)),
                ("scheduler", .string(settings.scheduler)),
                ("width", .integer(options.width)), ("height", .integer(options.height)),
            ])
        ]
    }

    private static let encodePrompt: (PipelineObject, LuaArguments) throws -> [LuaValue] = { object, arguments in
        let texts = try TextArguments.strings(arguments, "text")
        guard !texts.isEmpty else { throw arguments.fail("text", "wanted at least one text, got an empty list") }
        let options = try PipelineOptions.textOptions(arguments.options("options"), object.known)
        let (conditioning, _) = try object.pipeline.encode(texts, options)
        var details: [(String, LuaValue)] = []
        if let pooled = conditioning.pooled { details.append(("pooled", .tensor(pooled))) }
        if let mask = conditioning.mask { details.append(("mask", .tensor(mask))) }
        return [.tensor(conditioning.states), .fields(details)]
    }
}

extension Runs.Progress {
    /// Counts the steps that were asked for; some schedulers call the model more often.
    fileprivate func show(_ moment: Generation.Moment, _ steps: Int, of images: Int) {
        func units(_ calls: Int) -> Int { moment.steps == 0 ? 0 : calls * steps / moment.steps }
        let note = images > 1 ? "image \(moment.picture + 1) of \(images)" : ""
        if moment.isResumed {
            skip(units(moment.step))
        } else {
            step(units(moment.step) - units(moment.step - 1), note: note)
        }
    }
}

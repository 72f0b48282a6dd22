import Diffusion
import Foundation
import Imaging
import LuaRuntime
import Runs
import Tensors
import Tokenizers

/// The class `Pipeline` of Lua.
enum PipelineMethods {
    static let declaration = LuaClassDeclaration(
        "Pipeline", type: PipelineObject.self, "A model that makes pictures from texts.",
        methods: [
            LuaFunctionDeclaration(
                "generate", [LuaParameter("options", .options(options), "What to make, and how.")],
                returns: [
                    LuaResult("images", .list(.object("Image")), "One a prompt."),
                    LuaResult(
                        "details", .table,
                        "`seeds` and `lost_tokens` (how many tokens of each prompt were cut off), one an image; and what "
                            + "was used: `steps`, `guidance_scale`, `scheduler`, `width`, `height`."),
                ],
                "Makes an image for every prompt, one after the other, each from its own noise: PyTorch's of its seed. So an "
                    + "image is the same alone, in any list and in any order, and the one that diffusers makes on the CPU "
                    + "with this seed. Without a callback a bar shows steps, rate and time left.",
                example: "local images = pipe:generate{ prompt = \"Small left pleural effusion.\", seed = 42 }",
                body: generate)
        ],
        properties: [
            property("unet", .object("Denoiser"), "The network that says what is noise.") {
                .object(DenoiserObject($0.pipeline.denoiser))
            },
            property("vae", .object("Autoencoder"), "The network between images and latents.") {
                .object(AutoencoderObject($0.pipeline.autoencoder))
            },
            property("text_encoder", .object("TextEncoder"), "The network that reads the prompt.") {
                .object(TextEncoderObject($0.pipeline.textEncoder))
            },
            property("tokenizer", .object("Tokenizer"), "What cuts the prompt into tokens.") {
                .object(TokenizerObject($0.pipeline.tokenizer, length: $0.pipeline.textLength))
            },
            property("name", .string, "What it was opened by.") { .string($0.name) },
            property("dtype", .string, "The dtype it computes in.") { .string($0.pipeline.denoiser.dtype.rawValue) },
            property("scheduler", .string, "Its own scheduler.") { .string($0.pipeline.schedulerKind.shortName) },
            property("size", .integer, "Pixels a side that it was trained on.") { .integer($0.pipeline.defaultSize) },
            property("steps", .integer, "Steps where `generate` is told none.") { .integer($0.steps) },
            property("guidance_scale", .number, "The guidance scale where `generate` is told none.") {
                .number($0.guidanceScale)
            },
            property("identity", .string, "What its images depend on, beside the options of `generate`.") {
                .string(
                    "\($0.name) files=\($0.pipeline.identity.prefix(16)) dtype=\($0.pipeline.denoiser.dtype.rawValue)")
            },
        ],
        operators: [
            .tostring: { values in
                guard case .object(let object as PipelineObject) = values.first ?? .nil else {
                    return .string("Pipeline")
                }
                let pipeline = object.pipeline
                return .string(
                    "Pipeline(\(object.name), \(pipeline.defaultSize) x \(pipeline.defaultSize), "
                        + "\(pipeline.schedulerKind.shortName), \(pipeline.denoiser.dtype.rawValue))")
            }
        ])

    private static func property(
        _ name: String, _ type: LuaType, _ text: String, _ get: @escaping (PipelineObject) -> LuaValue
    ) -> LuaPropertyDeclaration {
        LuaPropertyDeclaration(name, type, text) { object in (object as? PipelineObject).map(get) ?? .nil }
    }

    private static let texts = LuaType.oneOf([.string, .list(.string)])

    private static let options: [LuaParameter] = [
        LuaParameter("prompt", texts, "A text, or a list of them."),
        LuaParameter(
            "negative_prompt", texts, default: .string(""),
            "What the images shall not show: one text for all, or a list. Used where the guidance scale is above 1."),
        LuaParameter("steps", .integer, optional: true, "Steps of the scheduler; the model's where absent."),
        LuaParameter(
            "guidance_scale", .number, optional: true,
            "The weight of the text; the model's where absent. 1 is the text alone, with half the work."),
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
                + SchedulerKind.allCases.map { "`\($0.shortName)`" }.joined(separator: ", ") + "."),
        LuaParameter("eta", .number, default: .number(0), "The weight of fresh noise in every step of `ddim`, 0 to 1."),
        LuaParameter(
            "callback", .function("fun(step: integer, latents: Tensor, image: integer, steps: integer)"),
            optional: true,
            "Called after every step, counted from 1, with the latents f32 `[1, h, w, C]`, the image's number and how many "
                + "steps it has. An error in it ends the call."),
        LuaParameter(
            "on_image", .function("fun(index: integer, image: Image)"), optional: true,
            "Called with every image when it is ready, so that none is lost where a later one fails."),
        LuaParameter(
            "overflow", .choice(Overflow.allCases.map(\.rawValue)), default: .string(Overflow.truncate.rawValue),
            "What to do with a prompt of too many tokens: cut it and count what is lost, or stop."),
        LuaParameter(
            "tiled", .boolean, default: .boolean(false),
            "Decode in overlapping tiles, with less memory for large images and slightly other values."),
        LuaParameter(
            "state", .string, optional: true,
            "A file that keeps the image under way: written where the call is stopped, and every few seconds; a later call "
                + "with the same options goes on from its step. Removed with the last image."),
    ]

    private static let generate: (LuaArguments) throws -> [LuaValue] = { arguments in
        let object = try arguments.object("self", as: PipelineObject.self)
        let given = try arguments.options("options")
        let options = try generationOptions(given, object)
        let count = options.prompts.count
        let callback = given.has("callback") ? try given.function("callback") : nil
        let onImage = given.has("on_image") ? try given.function("on_image") : nil
        let bar = callback == nil ? Runs.Progress(total: count * options.steps, label: "generating") : nil
        defer { bar?.finish() }

        var generation = PipelineGeneration(pipeline: object.pipeline, options: options)
        generation.isTiled = try given.boolean("tiled")
        if given.has("state") { generation.statePath = try object.session.output(given.string("state")) }
        let outcome = try generation.run { moment in
            bar?.show(moment, options.steps, of: count)
            guard let callback, moment.latents != nil else { return }
            let latents = try moment.latents.map { LuaValue.tensor(try $0.clone()) } ?? .nil
            _ = try callback.call([
                .integer(moment.step), latents, .integer(moment.image + 1), .integer(moment.steps),
            ])
        } finished: { index, image in
            _ = try onImage?.call([.integer(index + 1), .object(ImageObject(image))])
        }
        let kind = options.scheduler ?? object.pipeline.schedulerKind
        return [
            .table(LuaTable(array: outcome.images.map { .object(ImageObject($0)) })),
            .fields([
                ("seeds", .list(options.seeds.map { Int(truncatingIfNeeded: $0) })),
                ("lost_tokens", .list(outcome.lostTokens)), ("steps", .integer(options.steps)),
                ("guidance_scale", .number(options.guidanceScale)), ("scheduler", .string(kind.shortName)),
                ("width", .integer(options.width)), ("height", .integer(options.height)),
            ]),
        ]
    }

    /// The options of a call, with the model's settings where the script has none.
    private static func generationOptions(
        _ given: LuaArguments, _ object: PipelineObject
    ) throws -> GenerationOptions {
        let prompts = try strings(given, "prompt")
        guard !prompts.isEmpty else { throw given.fail("prompt", "wanted at least one text, got an empty list") }
        let count = prompts.count
        var options = GenerationOptions(prompts: prompts, seeds: try seeds(given, count, object.session))
        let negative = try strings(given, "negative_prompt")
        if given.value("negative_prompt").stringValue != nil {
            options.negativePrompts = [String](repeating: negative[0], count: count)
        } else {
            guard negative.count == count else {
                throw given.fail("negative_prompt", "wanted \(count) texts, one a prompt, got \(negative.count)")
            }
            options.negativePrompts = negative
        }
        options.steps = given.has("steps") ? try given.integer("steps") : object.steps
        guard options.steps >= 1 else { throw given.fail("steps", "wanted 1 or more, got \(options.steps)") }
        options.guidanceScale =
            given.has("guidance_scale") ? try given.number("guidance_scale") : object.guidanceScale
        guard options.guidanceScale.isFinite else {
            throw given.fail("guidance_scale", "wanted a finite number, got \(options.guidanceScale)")
        }
        options.width = given.has("width") ? try given.integer("width") : object.pipeline.defaultSize
        options.height = given.has("height") ? try given.integer("height") : object.pipeline.defaultSize
        let scale = object.pipeline.autoencoder.scale
        for (name, size) in [("width", options.width), ("height", options.height)] {
            guard size > 0, size % scale == 0, size <= 16_384 else {
                throw given.fail(name, "wanted a multiple of \(scale) from \(scale) to 16384, got \(size)")
            }
        }
        if given.has("latents") { options.latents = try given.tensor("latents") }
        if given.has("scheduler") {
            let name = try given.string("scheduler")
            do {
                options.scheduler = try SchedulerKind(named: name)
            } catch {
                throw given.fail("scheduler", "\(error)")
            }
        }
        options.eta = try given.number("eta")
        guard options.eta.isFinite, options.eta >= 0, options.eta <= 1 else {
            throw given.fail("eta", "wanted 0 to 1, got \(options.eta)")
        }
        options.overflow = Overflow(rawValue: try given.string("overflow")) ?? .truncate
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

    private static func strings(_ given: LuaArguments, _ name: String) throws -> [String] {
        if let text = given.value(name).stringValue { return [text] }
        return try given.list(name).compactMap(\.stringValue)
    }
}

extension Runs.Progress {
    /// Counts the steps that were asked for; some schedulers call the model more often.
    fileprivate func show(_ moment: PipelineGeneration.Moment, _ steps: Int, of images: Int) {
        func units(_ calls: Int) -> Int { moment.steps == 0 ? 0 : calls * steps / moment.steps }
        let note = images > 1 ? "image \(moment.image + 1) of \(images)" : ""
        if moment.latents == nil {
            skip(units(moment.step))
        } else {
            step(units(moment.step) - units(moment.step - 1), note: note)
        }
    }
}

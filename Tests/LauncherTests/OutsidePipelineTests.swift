import Diffusion
import Files
import Launcher
import LuaRuntime
import Runs
import Tensors
import TestSupport
import Testing

/// A model that is no diffusion, added from outside the program: pictures of one grey level, a row a step.
private final class GrayModel: TextToImage {
    static let entry = PipelineEntry(
        "GrayPipeline", about: "a test", parts: [], options: [FamilyOption("gray_level", .integer, "What to show.")]
    ) { _, compute, _ in GrayModel(compute.dtype) }

    let className = GrayModel.entry.className
    let parts: [String: PipelinePart] = [:]
    let dtype: DType
    let files: [(file: String, sha256: String)] = []
    let notes = ["made for a test"]
    let identity = "gray"
    let defaults = GenerationDefaults(steps: 4, guidanceScale: 1, width: 3, height: 4, sizeUnit: 1)
    let schedulerName = "none"

    init(_ dtype: DType) { self.dtype = dtype }

    func settings(_ options: GenerationOptions) throws -> GenerationSettings {
        GenerationSettings(scheduler: schedulerName, lostTokens: options.prompts.map { _ in 0 })
    }

    func encode(_ texts: [String], _ options: TextOptions) throws -> (conditioning: Conditioning, lost: [Int]) {
        throw TensorError.value(operation: "encode_prompt", message: "\(className) has no denoiser")
    }

    func begin(_ options: GenerationOptions) throws -> any GenerationProcess {
        Rows(try Tensor.zeros([1, options.height, options.width, 3]), options.text.family["gray_level"]?.integer ?? 0)
    }

    func finish(_ process: any GenerationProcess, isTiled: Bool) throws -> Tensor { try process.latents.to(.u8) }

    private final class Rows: GenerationProcess {
        let latents: Tensor
        let lostTokens = [0]
        private let level: Int
        private(set) var stepsDone = 0

        init(_ latents: Tensor, _ level: Int) {
            self.latents = latents
            self.level = level
        }

        var steps: Int { latents.shape[1] }

        func advance() throws {
            try latents.select(1, stepsDone).assign(
                from: .full([1, latents.shape[2], 3], .number(Double(level)), .f32))
            stepsDone += 1
        }

        func state() throws -> [String: Tensor] { ["rows": latents] }

        func restore(_ state: [String: Tensor]) throws {
            throw TensorError.value(operation: "generate", message: "rows are not taken up")
        }
    }
}

/// One whose parts lie in two places, added from outside.
private enum ApartModel {
    static let entry = PipelineEntry(
        "ApartPipeline", about: "a test", parts: ["painter", "palette"],
        kinds: [
            PartKind("painter", .language) { _, _ in [("weight", [10, 100_000])] },
            PartKind("palette", .codebook, dtype: .f32, isStreamed: false, file: nil) { _, _ in
                [("colours", [1000, 3])]
            },
        ],
        separate: SeparateParts(main: "painter", others: [.init("palette", "The folder of its colours.")]) {
            config, _ in
            (try? JSON.read(config)["model_type"]?.string) == "painter" ? "a painter: give its palette" : nil
        }
    ) { folder, compute, _ in
        try folder.refuseParts(beside: ["painter", "palette"], ignored: [])
        _ = try (folder.place("painter"), folder.place("palette", file: nil))
        return GrayModel(compute.dtype)
    }
}

@Suite struct OutsidePipelineTests {
    /// What the entry says is all that functions, experiments, plans of memory and texts know of the other place.
    @Test func partsMayLieApart() throws {
        let (painter, palette) = (try Scratch(), try Scratch())
        try painter.write("config.json", #"{"model_type": "painter"}"#)
        var known = PipelineRegistry.standard
        try known.add(ApartModel.entry)
        #expect(throws: RegistryError.self) { try known.add(ApartModel.entry) }
        var options = LuaOptions()
        options.searchFolders = [Places.package + "/lua"]
        let session = try Session(options, pipelines: known)
        defer { session.host.close() }
        let values = try session.host.run(
            """
            local model, generation, help = require "chexgen.model", require "chexgen.generation", require "chexgen.help"
            local painter, palette = "\(painter.path)", "\(palette.path)"
            local function says(options) return (select(2, pcall(model.pipeline, painter, options))) end
            local pipe = model.pipeline(painter, { palette = palette })
            local plan = model.pipeline_memory(painter, { palette = palette, dtype = "bf16", stream = true })
            local params = generation.params()
            params.model, params.palette = painter, palette
            local run = { params = params, seed = 1, log = function() end }
            local job <close> = generation.open(run, { { prompt = "a", file = "a.png", seed = 1 } })
            local places = model.pipeline_places()
            local looked = {}
            generation.look_for_model { params = params, dtype = "f32", problem = function(_, text) error(text) end, needs = function() end,
              weights = function(_, place, key, more) looked[#looked + 1] = key .. " " .. (more and more.file or "-") end }
            return pipe.class, places[#places].name, help.texts.palette, plan.parts[1].name, plan.phases[1].name, plan.parts[2].name,
              table.concat(looked, ", "), says(), says { palettes = 1 }, says { palette = 1 }, says { vqgan = palette }, plan.parts[2].weights
            """, name: "apart")
        let texts = values.compactMap(\.stringValue)
        #expect(
            texts.prefix(7) == [
                "GrayPipeline", "palette", "of a test: the folder of its colours", "painter", "writing", "palette",
                "model config.json, palette -",
            ])
        #expect(texts.count == 11 && values.last?.integerValue == 12_000)
        for (text, words) in zip(
            texts.dropFirst(7), ["give its palette", "did you mean 'palette'", "options.palette", "no .yaml"])
        {
            #expect(text.contains(words), "\(text)")
        }
    }

    @Test func scriptsUseAPipelineThatAProgramAdds() throws {
        let scratch = try Scratch()
        try scratch.write(
            "model_index.json", #"{"_class_name": "GrayPipeline", "scheduler": ["diffusers", "DDIMScheduler"]}"#)
        try scratch.write("scheduler/scheduler_config.json", #"{"_class_name": "DDIMScheduler"}"#)
        var known = PipelineRegistry.standard
        try known.add(GrayModel.entry)
        var options = LuaOptions()
        options.searchFolders = [Places.package + "/lua"]
        let session = try Session(options, pipelines: known)
        defer { session.host.close() }
        let values = try session.host.run(
            """
            local model = require "chexgen.model"
            local pipe = model.pipeline("\(scratch.path)")
            local steps = 0
            local images = pipe:generate { prompt = { "a", "b" }, gray_level = 7, on_step = function() steps = steps + 1 end }
            local pixels = images[2]:tensor()
            local ok, message = pcall(pipe.encode_prompt, pipe, "a")
            return pipe.class, #images, images[1].width, images[1].height, pixels[4][3][1]:item(), steps, pipe.steps, ok
            """, name: "test")
        #expect(values.compactMap(\.stringValue) == ["GrayPipeline"])
        #expect(values.compactMap(\.integerValue) == [2, 3, 4, 7, 8, 4])
        #expect(values.last?.booleanValue == false)
        // A YAML may give the option, and its meaning is told.
        let generation = try session.host.run(
            """
            local generation, help = require "chexgen.generation", require "chexgen.help"
            local params = generation.params { steps = 4, gray_level = 9 }
            params.model = "\(scratch.path)"
            local run = { params = params, seed = 1, log = function() end }
            local job <close> = generation.open(run, { { prompt = "a", file = "a.png", seed = 1 } })
            local images = job.pipe:generate(job:options_of(job.items[1]))
            return images[1]:tensor()[1][1][1]:item(), help.texts.gray_level, table.unpack(generation.untyped)
            """, name: "generation")
        #expect(generation.first?.integerValue == 9 && generation[1].stringValue == "what to show; of GrayPipeline")
        let untyped = generation.dropFirst(2).compactMap(\.stringValue)
        #expect(untyped.contains("gray_level") && untyped.contains("steps") && untyped.contains("system_prompt"))
        try scratch.write("g.yaml", "experiment: g.lua\nparams: { gray_level: 9 }\n")
        try scratch.write("g.lua", "return {}")
        let plan = try RunPlan(
            config: RunConfig.load(scratch.path + "/g.yaml"), defaults: .object(untyped.map { ($0, .null) }),
            program: ProgramIdentity(version: "0.1", build: "built", library: nil))
        #expect(plan.cells.first?.params["gray_level"]?.integer == 9)
        // Without the entry, the program says what it knows.
        let plain = try Session(LuaOptions())
        defer { plain.host.close() }
        let found = message {
            _ = try plain.host.run(
                "require('chexgen.model').pipeline('\(scratch.path)')", name: "test")
        }
        #expect(found.contains("GrayPipeline") && found.contains("StableDiffusionPipeline"))
    }
}

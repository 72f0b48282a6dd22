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

@Suite struct OutsidePipelineTests {
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

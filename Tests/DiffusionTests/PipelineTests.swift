import Checkpoints
import Diffusion
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// The pipeline's own work, with formulas in place of networks.
@Suite struct PipelineTests {
    private func options(_ prompts: [String] = ["film"], seeds: [UInt64]? = nil) -> GenerationOptions {
        GenerationOptions(
            prompts: prompts, seeds: seeds ?? prompts.indices.map { UInt64($0 + 3) },
            GenerationDefaults(steps: 5, guidanceScale: 7.5, width: 8, height: 12, sizeUnit: 2))
    }

    private func finish(_ process: any GenerationProcess) throws -> [Float] {
        while !process.isDone { try process.advance() }
        return try process.latents.array(Float.self)
    }

    @Test func guidanceIsOneBatchAndScaleOneIsOneBranch() throws {
        let denoiser = FormulaDenoiser()
        let pipeline = try DiffusionPipeline.standIn(denoiser)
        var options = options()
        _ = try finish(pipeline.begin(options))
        // PNDM asks once more than there are steps.
        #expect(denoiser.calls.count == 6 && denoiser.calls.allSatisfy { $0.count == 2 })
        denoiser.calls = []
        options.guidanceScale = 1
        _ = try finish(pipeline.begin(options))
        #expect(denoiser.calls.allSatisfy { $0.count == 1 })
        // diffusers draws the line at 1.
        denoiser.calls = []
        options.guidanceScale = 1.001
        _ = try finish(pipeline.begin(options))
        #expect(denoiser.calls.allSatisfy { $0.count == 2 })
    }

    @Test func guidanceIsTheDifferenceOfTheTexts() throws {
        let pipeline = try DiffusionPipeline.standIn()
        var options = options()
        options.steps = 1
        options.scheduler = "ddim"
        func first(_ scale: Double, _ text: String, negative: String) throws -> [Float] {
            options.guidanceScale = scale
            options.prompts = [text]
            options.negativePrompts = [negative]
            return try finish(pipeline.begin(options))
        }
        // DDIM's step is affine in the answer, and the answer of a scale in the two texts' answers.
        let negative = try first(1, "no", negative: "")
        let positive = try first(1, "film", negative: "")
        let guided = try first(3, "film", negative: "no")
        for index in guided.indices {
            #expect(abs(guided[index] - (negative[index] + 3 * (positive[index] - negative[index]))) < 1e-4)
        }
    }

    @Test func picturesDoNotDependOnTheirCompany() throws {
        let pipeline = try DiffusionPipeline.standIn()
        let together = options(["a", "b", "c"])
        for index in 0..<3 {
            let one = try together.one(index)
            let alone = try finish(pipeline.begin(one))
            let batch = try pipeline.begin(together)
            _ = try finish(batch)
            #expect(try batch.latents.narrow(0, index, 1).contiguous().array(Float.self) == alone)
        }
        #expect(throws: TensorError.self) { try together.one(3) }
    }

    @Test(arguments: SchedulerRegistry.standard.entries.names, [1, 3])
    func aSavedProcessGoesOn(kind: String, stop: Int) throws {
        let scratch = try Scratch()
        let path = scratch.path + "/process.safetensors"
        let denoiser = FormulaDenoiser()
        let pipeline = try DiffusionPipeline.standIn(denoiser)
        var options = options()
        options.scheduler = kind
        if kind == "DDIMScheduler" { options.eta = 0.7 }
        let whole = try finish(pipeline.begin(options))
        let first = try pipeline.begin(options)
        for _ in 0..<stop { try first.advance() }
        let identity = try pipeline.identity + options.identity()
        try SavedProcess.write(first, identity: identity, to: path)

        let second = try pipeline.begin(options)
        #expect(try SavedProcess.resume(second, identity: "another", from: path) == 0 && second.stepsDone == 0)
        #expect(try SavedProcess.resume(second, identity: identity, from: path) == stop)
        denoiser.calls = []
        #expect(try finish(second) == whole)
        #expect(denoiser.calls.count == second.steps - stop)

        // A state of this run that lacks a part: the message names the file.
        let file = try Checkpoint.open(path)
        let parts = try file.names.filter { $0 != "draws" }.map { (name: $0, tensor: try file[$0].clone()) }
        try SafeTensors.write(path, parts)
        let damaged = message { _ = try SavedProcess.resume(pipeline.begin(options), identity: identity, from: path) }
        #expect(damaged.hasPrefix("\(path): ") && damaged.contains("how much noise"), "\(damaged)")

        try Data("damaged".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try SavedProcess.resume(pipeline.begin(options), identity: identity, from: path) == 0)
        SavedProcess.remove(path)
        #expect(try SavedProcess.resume(pipeline.begin(options), identity: identity, from: path) == 0)
    }

    @Test func everyOptionIsPartOfTheIdentity() throws {
        let plain = options(["a", "b"])
        var others: [GenerationOptions] = []
        func other(_ change: (inout GenerationOptions) throws -> Void) rethrows {
            var copy = plain
            try change(&copy)
            others.append(copy)
        }
        other { $0.prompts = ["ab", ""] }
        other { $0.negativePrompts = ["", "x"] }
        other { $0.seeds = [3, 5] }
        other { $0.steps = 6 }
        other { $0.guidanceScale = 7 }
        other { $0.width = 12 }
        other { $0.height = 8 }
        other { $0.scheduler = "ddim" }
        other { $0.eta = 0.5 }
        other { $0.text.family = ["instruction": .string("x")] }
        other { $0.text.overflow = .error }
        try other { $0.latents = try Tensor([Float](repeating: 0, count: 2 * 6 * 4 * 4), shape: [2, 6, 4, 4]) }
        try other { $0.latents = try Tensor([Float](repeating: 1, count: 2 * 6 * 4 * 4), shape: [2, 6, 4, 4]) }
        let identities = try ([plain] + others).map { try $0.identity() }
        #expect(Set(identities).count == identities.count)
        #expect(try plain.identity() == identities[0])
    }

    @Test func whatIsNotFiniteIsAnError() throws {
        let denoiser = FormulaDenoiser()
        denoiser.bad = 2
        let process = try DiffusionPipeline.standIn(denoiser).begin(options(["a", "b"]))
        try process.advance()
        try process.advance()
        let error = #expect(throws: TensorError.self) { try process.advance() }
        #expect(String(describing: error).contains("after step 3 of 6 the latents of picture 1 hold nan"))
        let pipeline = try DiffusionPipeline.standIn()
        let latents = try Tensor([Float](repeating: .infinity, count: 16), shape: [1, 2, 2, 4])
        #expect(throws: TensorError.self) { try pipeline.decode(latents) }
    }

    @Test func greyLevelsAreRoundedToEven() throws {
        // In f32 these are 76.5, 127.5 and 25.499998 of 255, and values beyond the ends, through an autoencoder that copies.
        let values = [-0.4, 0, -0.8, -3, 3, 1].map { Float($0) * 0.5 }
        let latents = try Tensor(
            [values[0], values[1], values[2], 0, values[3], values[4], values[5], 0], shape: [1, 1, 2, 4])
        let picture = try DiffusionPipeline.standIn().decode(latents)
        #expect(picture.shape == [1, 2, 4, 3])
        let bytes = try picture.array(UInt8.self)
        #expect(Array(bytes[0..<3]) == [76, 128, 25] && Array(bytes[6..<9]) == [0, 255, 255])
    }

    @Test func wrongOptionsAreNamed() throws {
        let pipeline = try DiffusionPipeline.standIn()
        func expect(_ word: String, _ change: (inout GenerationOptions) throws -> Void) throws {
            var options = options()
            try change(&options)
            let error = #expect(throws: (any Error).self) { try pipeline.begin(options) }
            #expect(String(describing: error).contains(word), "\(String(describing: error))")
        }
        try expect("width") { $0.width = 7 }
        try expect("height") { $0.height = 0 }
        try expect("steps") { $0.steps = 0 }
        try expect("seeds") { $0.seeds = [] }
        try expect("negative") { $0.negativePrompts = [] }
        try expect("guidance") { $0.guidanceScale = .nan }
        try expect("no prompt") { $0.prompts = [] }
        try expect("latents") { $0.latents = try Tensor([Float](repeating: 0, count: 4), shape: [1, 1, 1, 4]) }
        try expect("tokens") {
            $0.prompts = ["a long text"]
            $0.text.overflow = .error
        }
        #expect(try pipeline.begin(options(["a long text"])).lostTokens == [5])
        try expect("instruction") { $0.text.family = ["instruction": .boolean(true)] }
        try expect("ddmi") { $0.scheduler = "ddmi" }
        let settings = try pipeline.settings(options(["a long text", "short"]))
        #expect(settings == GenerationSettings(scheduler: "pndm", lostTokens: [5, 0]))
    }
}

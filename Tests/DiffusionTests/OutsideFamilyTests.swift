import Diffusion
import Encoders
import Files
import Foundation
import Tensors
import TestSupport
import Testing
import Tokenizers

/// A family that this test adds from outside the program, and that does everything in another way than Stable Diffusion:
/// two texts in one, pooled vectors and masks, its own latent, guidance in the first half of the steps, its own picture.
private final class OutsideFamily: DiffusionFamily {
    static let entry = PipelineEntry(
        "OutsidePipeline", about: "a test", parts: ["transformer", "vae"],
        options: [FamilyOption("outside_word", .text, "What is put before the prompt."), .systemPrompt]
    ) { folder, _, known in
        try folder.refuseParts(beside: ["transformer", "vae"], ignored: ["safety_checker"])
        return try DiffusionPipeline(
            OutsideFamily(),
            scheduler: SchedulerConfiguration(folder.scheduler, name: folder.schedulerName, known.schedulers),
            smallFiles: folder.smallFiles())
    }

    let outside = OutsideDenoiser()
    var parts: DiffusionParts {
        DiffusionParts(denoiser: outside, denoiserName: "transformer", autoencoder: CopyingAutoencoder())
    }
    let defaults = GenerationDefaults(steps: 4, guidanceScale: 3, width: 16, height: 8, sizeUnit: 8)
    private(set) var encoded: [String] = []

    func adjusted(_ scheduler: SchedulerConfiguration) -> SchedulerConfiguration {
        scheduler.changing(["timestep_spacing": .string("trailing")])
    }

    func lostTokens(_ text: String, as role: TextRole, _ options: TextOptions) throws -> Int { max(0, text.count - 4) }

    func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText {
        let whole = (role == .prompt ? options.family["outside_word"]?.string ?? "" : "") + text
        encoded.append(whole)
        let conditioning = Conditioning(
            states: try Tensor([Float](repeating: Float(whole.count), count: 6), shape: [1, 3, 2]),
            mask: try Tensor([1, 1, 0] as [Int64], shape: [1, 3]),
            pooled: try Tensor([Float(whole.count)], shape: [1, 1]))
        return EncodedText(conditioning, lost: try lostTokens(text, as: role, options))
    }

    func latentShape(width: Int, height: Int) -> (height: Int, width: Int, channels: Int) {
        (height / 8, width / 8, denoiser.latentChannels)
    }

    func guidance(_ options: GenerationOptions) throws -> (any Guidance)? { FirstHalf() }

    func embeddedGuidance(_ options: GenerationOptions) -> Float? { Float(options.guidanceScale) }

    func picture(_ latent: Tensor, isTiled: Bool) throws -> Tensor {
        try Tensor.full([1, 8, 16, 3], .number(7 / 127.5 - 1))
    }
}

/// Guidance that ends half-way.
private struct FirstHalf: Guidance {
    func isUsed(step: Int, of steps: Int) -> Bool { 2 * step < steps }
    func combine(negative: Tensor, positive: Tensor) throws -> Tensor { positive }
}

private final class OutsideDenoiser: Denoiser {
    let latentChannels = 4
    let sampleSize = 2
    let contextWidth = 2
    let dtype = DType.f32
    let files: [(file: String, sha256: String)] = []
    /// Latents, timesteps and pooled vectors of each call.
    var calls: [(count: Int, timestep: Float, pooled: [Float])] = []
    /// The guidance scales that it read.
    var scales: [Float?] = []

    func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor {
        scales.append(guidance)
        calls.append((latents.shape[0], timestep, try conditioning.pooled?.contiguous().array(Float.self) ?? []))
        return try Tensor([Float](repeating: 0.5, count: latents.count), shape: latents.shape)
    }
}

@Suite struct OutsideFamilyTests {
    /// What a program with this family knows.
    private func known() throws -> PipelineRegistry {
        var known = PipelineRegistry.standard
        try known.add(OutsideFamily.entry)
        return known
    }

    private func folder(_ index: String) throws -> Scratch {
        let folder = try Scratch()
        try folder.write("model_index.json", index)
        try folder.write("scheduler/scheduler_config.json", #"{"_class_name": "DDIMScheduler", "clip_sample": false}"#)
        return folder
    }

    private let index = """
        {"_class_name": "OutsidePipeline", "transformer": ["diffusers", "X"], "vae": ["diffusers", "Y"],
         "scheduler": ["diffusers", "DDIMScheduler"], "safety_checker": [null, null], "a_setting": 3}
        """

    @Test func oneEntryIsAllThatAFamilyNeeds() throws {
        let folder = try folder(index)
        let known = try known()
        let pipeline = try known.open(folder.path, dtype: .f32)
        #expect(pipeline.className == "OutsidePipeline" && pipeline.parts.keys.sorted() == ["transformer", "vae"])
        let names = known.options.map(\.name)
        #expect(names.contains("outside_word") && names.contains("cfg_trunc_ratio"))
        var options = GenerationOptions(prompts: ["lung", "heart"], seeds: [1, 2], pipeline.defaults)
        options.text.family = ["outside_word": .string("clear ")]
        #expect(try pipeline.settings(options) == GenerationSettings(scheduler: "ddim", lostTokens: [0, 1]))
        let process = try pipeline.begin(options)
        #expect(process.latents.shape == [2, 1, 2, 4] && process.steps == 4)
        while !process.isDone { try process.advance() }
        let pictures = try pipeline.finish(process, isTiled: false)
        #expect(try pictures.shape == [2, 8, 16, 3] && pictures.array(UInt8.self).allSatisfy { $0 == 7 })
        let family = try #require((pipeline as? DiffusionPipeline)?.family as? OutsideFamily)
        #expect(family.encoded == ["", "clear lung", "clear heart"])
        // The scheduler as the family altered it; guidance in the first two of four steps.
        #expect(family.outside.calls.map(\.timestep) == [999, 749, 499, 249])
        #expect(family.outside.calls.map(\.count) == [4, 4, 2, 2] && family.outside.scales == [3, 3, 3, 3])
        #expect(family.outside.calls[1].pooled == [0, 0, 10, 11] && family.outside.calls[3].pooled == [10, 11])

        options.text.family = ["instruction": .boolean(true)]
        let fault = message { _ = try pipeline.begin(options) }
        #expect(
            fault.contains("OutsidePipeline") && fault.contains("\"instruction\"") && fault.contains("outside_word"))
    }

    @Test func whatIsWrongWithAFolderIsNamed() throws {
        for (from, to, parts) in [
            ("OutsidePipeline", "OutsidPipeline", ["_class_name", "did you mean \"OutsidePipeline\""]),
            ("\"vae\"", "\"vea\"", ["\"vae\"", "missing"]),
            (
                "\"safety_checker\": [null, null]", "\"refiner\": [\"diffusers\", \"Z\"]",
                ["\"refiner\"", "does not have"]
            ),
            ("\"scheduler\": [\"diffusers\", \"DDIMScheduler\"]", "\"b\": 1", ["\"scheduler\"", "nothing"]),
        ] {
            let folder = try folder(index.replacingOccurrences(of: from, with: to))
            let found = message { _ = try known().open(folder.path, dtype: .f32) }
            for part in parts + ["model_index.json"] { #expect(found.contains(part), "\(found)") }
        }
        var twice = try known()
        #expect(throws: RegistryError.self) { try twice.add(OutsideFamily.entry) }
    }
}

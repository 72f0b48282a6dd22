import Diffusion
import Files
import Foundation
import SmallPipelines
import Tensors
import TestSupport
import Testing

@Suite("StableDiffusion3Pipeline and FluxPipeline") struct JointPipelineTests {
    /// A picture, made in one go, and one that was stopped half-way.
    private func pictures(_ pipeline: any TextToImage, _ options: GenerationOptions) throws -> (Tensor, Tensor) {
        let whole = try pipeline.begin(options)
        var state: [String: Tensor] = [:]
        while !whole.isDone {
            if whole.stepsDone == 1 { state = try whole.state() }
            try whole.advance()
        }
        let resumed = try pipeline.begin(options)
        try resumed.restore(state)
        while !resumed.isDone { try resumed.advance() }
        return (try pipeline.finish(whole, isTiled: false), try pipeline.finish(resumed, isTiled: false))
    }

    @Test func stableDiffusion3HasTwoCLIPsAndT5() throws {
        let folder = try SmallPipeline.stableDiffusion3().folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        #expect(
            pipeline.defaults
                == GenerationDefaults(steps: 40, guidanceScale: 4.5, width: 128, height: 128, sizeUnit: 16))
        let (texts, _) = try pipeline.encode(["small effusion", ""], TextOptions())
        #expect(texts.states.shape == [2, 77 + 256, 24] && texts.pooled?.shape == [2, 12] && texts.mask == nil)
        // Beside the 16 channels of the CLIPs are zeros, and T5's states follow.
        #expect(try texts.states.narrow(1, 0, 77).narrow(2, 16, 8).array(Float.self).allSatisfy { $0 == 0 })
        #expect(try texts.states.narrow(1, 77, 256).narrow(2, 16, 8).array(Float.self).contains { $0 != 0 })
        var options = GenerationOptions(prompts: ["Small effusion"], seeds: [7], pipeline.defaults)
        (options.steps, options.width, options.height) = (3, 48, 32)
        options.text.family = ["max_sequence_length": .integer(9)]
        let (whole, resumed) = try pictures(pipeline, options)
        #expect(whole.shape == [1, 32, 48, 3])
        #expect(try whole.array(UInt8.self) == resumed.array(UInt8.self))
        options.width = 40
        #expect(message { _ = try pipeline.begin(options) }.contains("multiple of 16"))
        options.width = 48
        options.text.family = ["max_sequence_length": .integer(513)]
        #expect(message { _ = try pipeline.begin(options) }.contains("512"))
    }

    @Test func stableDiffusion3DoesWithoutT5() throws {
        let folder = try SmallPipeline.stableDiffusion3(hasT5: false).folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        let (texts, _) = try pipeline.encode(["small effusion"], TextOptions())
        #expect(texts.states.shape == [1, 77 + 77, 24])
        #expect(try texts.states.narrow(1, 77, 77).array(Float.self).allSatisfy { $0 == 0 })
        #expect(pipeline.parts["text_encoder_3"] == nil && pipeline.parts["tokenizer_2"] != nil)
    }

    @Test func fluxReadsItsGuidanceScale() throws {
        let folder = try SmallPipeline.flux().folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        #expect(
            pipeline.defaults
                == GenerationDefaults(steps: 50, guidanceScale: 3.5, width: 1024, height: 1024, sizeUnit: 16))
        let (texts, _) = try pipeline.encode(["small effusion"], TextOptions())
        #expect(texts.states.shape == [1, 512, 24] && texts.pooled?.shape == [1, 8])
        var options = GenerationOptions(prompts: ["Small effusion"], seeds: [7], pipeline.defaults)
        (options.steps, options.width, options.height) = (3, 48, 32)
        options.text.family = ["max_sequence_length": .integer(9)]
        let (whole, resumed) = try pictures(pipeline, options)
        #expect(whole.shape == [1, 32, 48, 3])
        #expect(try whole.array(UInt8.self) == resumed.array(UInt8.self))
        options.guidanceScale = 1
        #expect(try pictures(pipeline, options).0.array(UInt8.self) != whole.array(UInt8.self))
        options.negativePrompts = ["pneumothorax"]
        #expect(message { _ = try pipeline.settings(options) }.contains("negative_prompt"))
        options.negativePrompts = [""]
        options.scheduler = "ddim"
        #expect(message { _ = try pipeline.settings(options) }.contains("flow_match_euler"))
    }

    /// FLUX.1 schnell's denoiser reads no scale: scripts are told that there is no such option, and its value changes nothing.
    @Test func fluxWithoutGuidanceLacksTheScale() throws {
        let folder = try SmallPipeline.flux(readsGuidance: false).folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        #expect(pipeline.lacks == ["guidance_scale"])
        let other = try SmallPipeline.flux().folder()
        #expect(try PipelineRegistry.standard.open(other.path, dtype: .f32).lacks.isEmpty)
        var options = GenerationOptions(prompts: ["Small effusion"], seeds: [7], pipeline.defaults)
        (options.steps, options.width, options.height) = (3, 48, 32)
        options.text.family = ["max_sequence_length": .integer(9)]
        let picture = try pictures(pipeline, options).0.array(UInt8.self)
        options.guidanceScale = 7
        #expect(try pictures(pipeline, options).0.array(UInt8.self) == picture)
    }

    @Test func partsThatDoNotFitAreNamed() throws {
        func fault(_ make: () throws -> Scratch, _ change: (Scratch) throws -> Void) throws -> String {
            let folder = try make()
            try change(folder)
            return message { _ = try PipelineRegistry.standard.open(folder.path, dtype: .f32) }
        }
        let gone = try fault({ try SmallPipeline.stableDiffusion3().folder() }) {
            try FileManager.default.removeItem(atPath: $0.path + "/text_encoder_2/model.safetensors")
        }
        #expect(gone.contains("text_encoder_2"), "\(gone)")
        // A CLIP without its projection gives vectors of another size.
        let plain = try fault({ try SmallPipeline.stableDiffusion3().folder() }) { folder in
            try folder.write("text_encoder/config.json", SmallPipeline.plainCLIP)
        }
        #expect(plain.contains("14 channels together, the denoiser reads 12"), "\(plain)")
    }
}

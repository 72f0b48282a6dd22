import Diffusion
import Files
import SmallPipelines
import Tensors
import TestSupport
import Testing

@Suite("Lumina2Pipeline") struct Lumina2PipelineTests {
    private func picture(_ pipeline: any TextToImage, _ options: GenerationOptions) throws -> [UInt8] {
        let process = try pipeline.begin(options)
        while !process.isDone { try process.advance() }
        return try pipeline.finish(process, isTiled: false).array(UInt8.self)
    }

    private func options(_ pipeline: any TextToImage) -> GenerationOptions {
        var options = GenerationOptions(prompts: ["Small effusion"], seeds: [7], pipeline.defaults)
        (options.steps, options.width, options.height) = (4, 64, 48)
        return options
    }

    @Test(arguments: ["Lumina2Pipeline", "Lumina2Text2ImgPipeline"])
    func bothNamesOpenIt(name: String) throws {
        let folder = try SmallPipeline.lumina2.named(name).folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        #expect(
            pipeline.defaults
                == GenerationDefaults(steps: 50, guidanceScale: 4, width: 128, height: 128, sizeUnit: 16))
        let process = try pipeline.begin(options(pipeline))
        #expect(process.latents.shape == [1, 6, 8, 16] && process.steps == 4)
        while !process.isDone { try process.advance() }
        #expect(try pipeline.finish(process, isTiled: false).shape == [1, 48, 64, 3])
        var odd = options(pipeline)
        odd.width = 72
        #expect(message { _ = try pipeline.begin(odd) }.contains("multiple of 16"))
    }

    @Test func promptsHaveASystemPromptAndNegativeTextsHaveNone() throws {
        let folder = try SmallPipeline.lumina2.folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        func seen(_ text: String, _ system: String? = nil, length: Int? = nil) throws -> Int {
            var options = TextOptions()
            if let system { options.family["system_prompt"] = .string(system) }
            if let length { options.family["max_sequence_length"] = .integer(length) }
            let found = try pipeline.encode([text], options).conditioning
            #expect(found.states.shape == [1, length ?? 256, 24] && found.pooled == nil)
            let marks = try #require(found.mask).array(Int64.self)
            // Padding stands at the right.
            #expect(marks == marks.sorted(by: >))
            return marks.count { $0 == 1 }
        }
        let usual = try seen("x")
        #expect(try usual == seen("x", Lumina2.systemPrompt) && usual > seen("x", "short"))
        #expect(try seen("x", length: 20) == 20)

        // What stands before a negative text changes no picture, and what stands before the prompt does.
        var plain = options(pipeline)
        plain.negativePrompts = ["blurred"]
        let wanted = try picture(pipeline, plain)
        var other = plain
        other.text.family["system_prompt"] = .string("short")
        #expect(try picture(pipeline, other) != wanted)
        other.prompts = ["x"]
        other.text.family["cfg_trunc_ratio"] = .number(0)
        var alone = other
        alone.negativePrompts = ["another"]
        #expect(try picture(pipeline, other) == picture(pipeline, alone))
    }

    @Test func guidanceHasItsOptions() throws {
        let folder = try SmallPipeline.lumina2.folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        let wanted = try picture(pipeline, options(pipeline))
        let encoded = pipeline.encodedTexts
        var pictures = [wanted]
        for (key, value) in [
            ("cfg_trunc_ratio", JSON.number(0.5)), ("cfg_normalization", .boolean(false)),
            ("cfg_normalization", .string("whole")),
        ] {
            var other = options(pipeline)
            other.text.family[key] = value
            pictures.append(try picture(pipeline, other))
        }
        #expect(Set(pictures).count == pictures.count)
        // They change no text.
        #expect(pipeline.encodedTexts == encoded)
        for value in [JSON.boolean(true), .string("row")] {
            var same = options(pipeline)
            same.text.family["cfg_normalization"] = value
            #expect(try picture(pipeline, same) == wanted)
        }
        for value in [JSON.string("width"), .integer(1)] {
            var wrong = options(pipeline)
            wrong.text.family["cfg_normalization"] = value
            #expect(message { _ = try pipeline.begin(wrong) }.contains("\"row\" or \"whole\""))
        }
        var none = options(pipeline)
        none.text.family["cfg_trunc_ratio"] = .number(0)
        var weak = options(pipeline)
        weak.guidanceScale = 1
        #expect(try picture(pipeline, none) == picture(pipeline, weak))
        none.text.family["cfg_trunc_ratio"] = .number(1.5)
        #expect(message { _ = try pipeline.begin(none) }.contains("cfg_trunc_ratio"))
        none.text.family = ["instruction": .boolean(true)]
        #expect(message { _ = try pipeline.begin(none) }.contains("system_prompt"))
    }

    @Test func aSavedProcessGoesOn() throws {
        let folder = try SmallPipeline.lumina2.folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        let options = options(pipeline)
        let wanted = try picture(pipeline, options)
        let first = try pipeline.begin(options)
        for _ in 0..<2 { try first.advance() }
        let path = folder.path + "/process.safetensors"
        try SavedProcess.write(first, identity: options.identity(), to: path)
        let second = try pipeline.begin(options)
        #expect(try SavedProcess.resume(second, identity: options.identity(), from: path) == 2)
        while !second.isDone { try second.advance() }
        #expect(try pipeline.finish(second, isTiled: false).array(UInt8.self) == wanted)
    }
}

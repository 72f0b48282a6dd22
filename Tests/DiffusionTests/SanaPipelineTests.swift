import Diffusion
import Files
import SmallPipelines
import Tensors
import TestSupport
import Testing

/// What a text became.
private struct Made: Equatable {
    var states: [Float]
    var mask: [Int64]
}

@Suite("SanaPipeline") struct SanaPipelineTests {
    @Test func picturesOfAnySizeComeFromTheNearestBin() throws {
        let folder = try SmallPipeline.sana.folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        #expect(
            pipeline.defaults
                == GenerationDefaults(steps: 20, guidanceScale: 4.5, width: 1024, height: 1024, sizeUnit: 1))
        var options = GenerationOptions(prompts: ["Small effusion"], seeds: [7], pipeline.defaults)
        options.steps = 2
        // The model's own size, enlarged.
        #expect(try pipeline.begin(options).latents.shape == [1, 16, 16, 8])
        (options.width, options.height) = (75, 200)
        let process = try pipeline.begin(options)
        // 200 / 75 is 2.67, between the bins 2.5 and 3.0; 2.5 is nearer, 800 x 320.
        #expect(process.latents.shape == [1, 25, 10, 8])
        while !process.isDone { try process.advance() }
        #expect(try pipeline.finish(process, isTiled: false).shape == [1, 200, 75, 3])
    }

    @Test func theInstructionStandsBeforePromptsAlone() throws {
        let folder = try SmallPipeline.sana.folder()
        let pipeline = try #require(try PipelineRegistry.standard.open(folder.path, dtype: .f32) as? DiffusionPipeline)
        func encoded(
            _ text: String, _ family: [String: JSON], _ role: TextRole = .prompt
        ) throws -> Made {
            var options = TextOptions()
            options.family = family
            let made = try pipeline.family.encode(text, as: role, options).conditioning
            let length = family["max_sequence_length"]?.integer ?? 300
            #expect(made.states.shape == [1, length, 24] && made.mask?.shape == [1, length])
            return Made(states: try made.states.array(Float.self), mask: try #require(made.mask).array(Int64.self))
        }
        let plain = try encoded("small effusion", ["instruction": .boolean(false)])
        let usual = try encoded(" Small EFFUSION\n", [:])
        #expect(usual.states != plain.states)
        // Without an instruction the begin of the text goes on, with one its last token besides: as many marks and one more.
        let (count, more) = (plain.mask.reduce(0, +), usual.mask.reduce(0, +))
        #expect(count > 2 && more > count - 2 && more < count + 3, "\(count) \(more)")
        #expect(try encoded("small effusion", ["instruction": .boolean(true)]) == usual)
        #expect(try encoded("small effusion", [:], .negative) == plain)
        #expect(try encoded("small effusion", ["instruction": .string("Say: ")]).states != usual.states)
        #expect(try encoded("small effusion", ["instruction": .string("")]) == plain)
        _ = try encoded("small effusion", ["max_sequence_length": .integer(5)])
        var options = TextOptions()
        options.family = ["max_sequence_length": .integer(5)]
        let lost = try pipeline.family.lostTokens("small effusion of the left lung", as: .prompt, options)
        #expect(lost > 0)
        options.family = ["system_prompt": .string("x")]
        #expect(message { _ = try pipeline.encode(["x"], options) }.contains("instruction"))
    }
}

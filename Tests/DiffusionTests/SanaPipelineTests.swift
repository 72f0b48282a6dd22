import Checkpoints
import Diffusion
import Encoders
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// A folder in diffusers' layout, with small networks and Gemma's kind of tokenizer.
private func folder() throws -> Scratch {
    let folder = try Scratch()
    for part in ["transformer", "vae", "text_encoder", "tokenizer", "scheduler"] {
        try FileManager.default.createDirectory(atPath: "\(folder.path)/\(part)", withIntermediateDirectories: true)
    }
    try folder.write(
        "model_index.json",
        """
        {"_class_name": "SanaPipeline", "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
         "text_encoder": ["transformers", "Gemma2Model"], "tokenizer": ["transformers", "GemmaTokenizer"],
         "transformer": ["diffusers", "SanaTransformer2DModel"], "vae": ["diffusers", "AutoencoderDC"]}
        """)
    try folder.write(
        "scheduler/scheduler_config.json",
        """
        {"_class_name": "DPMSolverMultistepScheduler", "use_flow_sigmas": true, "flow_shift": 3.0,
         "prediction_type": "flow_prediction"}
        """)
    try folder.write(
        "transformer/config.json",
        """
        {"_class_name": "SanaTransformer2DModel", "sample_size": 16, "in_channels": 8, "out_channels": 8,
         "num_attention_heads": 2, "attention_head_dim": 8, "num_cross_attention_heads": 2, "cross_attention_head_dim": 8,
         "cross_attention_dim": 16, "num_layers": 1, "caption_channels": 24}
        """)
    try folder.write(
        "text_encoder/config.json",
        """
        {"model_type": "gemma2", "vocab_size": 1200, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}
        """)
    let levels = "[8, 8, 8, 8, 8, 8]"
    try folder.write(
        "vae/config.json",
        """
        {"_class_name": "AutoencoderDC", "latent_channels": 8, "attention_head_dim": 8, "scaling_factor": 0.41407,
         "encoder_block_out_channels": \(levels), "decoder_block_out_channels": \(levels),
         "encoder_layers_per_block": [1, 1, 1, 1, 1, 1], "decoder_layers_per_block": [1, 1, 1, 1, 1, 1],
         "downsample_block_type": "conv", "upsample_block_type": "interpolate"}
        """)
    try FileManager.default.copyItem(
        atPath: Places.fixtures("tokenizers/pieces/gemma/tokenizer.model"),
        toPath: folder.path + "/tokenizer/tokenizer.model")
    for (network, part, file) in [
        ("sana", "transformer", "diffusion_pytorch_model"), ("dc-ae", "vae", "diffusion_pytorch_model"),
        ("gemma2-text", "text_encoder", "model"),
    ] {
        let known = try PipelineRegistry.standard.parameters(network, config: "\(folder.path)/\(part)")
        let tensors = try #require(known).map { (name: $0.name, tensor: try weight("\(part).\($0.name)", $0.shape)) }
        try SafeTensors.write("\(folder.path)/\(part)/\(file).safetensors", tensors, metadata: ["format": "pt"])
    }
    return folder
}

/// What a text became.
private struct Made: Equatable {
    var states: [Float]
    var mask: [Int64]
}

@Suite("SanaPipeline") struct SanaPipelineTests {
    @Test func picturesOfAnySizeComeFromTheNearestBin() throws {
        let folder = try folder()
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
        let folder = try folder()
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

import Checkpoints
import Diffusion
import Encoders
import Files
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

/// The configurations of small networks, by the folders of a pipeline.
private let configurations = [
    "vae": """
    {"_class_name": "AutoencoderKL", "block_out_channels": [8, 8, 8, 8], "norm_num_groups": 4, "layers_per_block": 1,
     "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
     "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
     "latent_channels": 16, "use_quant_conv": false, "use_post_quant_conv": false, "shift_factor": 0.06}
    """,
    "clip": """
    {"model_type": "clip_text_model", "vocab_size": 49408, "hidden_size": 8, "intermediate_size": 16,
     "num_hidden_layers": 2, "num_attention_heads": 2}
    """,
    "clip-projected": """
    {"model_type": "clip_text_model", "architectures": ["CLIPTextModelWithProjection"], "projection_dim": 6,
     "vocab_size": 49408, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    """,
    "t5": """
    {"model_type": "t5", "vocab_size": 1200, "d_model": 24, "d_kv": 4, "d_ff": 32, "num_layers": 1, "num_heads": 2,
     "feed_forward_proj": "gated-gelu"}
    """,
    "sd3": """
    {"_class_name": "SD3Transformer2DModel", "sample_size": 16, "num_attention_heads": 2, "attention_head_dim": 8,
     "caption_projection_dim": 16, "num_layers": 2, "joint_attention_dim": 24, "pooled_projection_dim": 12,
     "pos_embed_max_size": 12, "dual_attention_layers": [0], "qk_norm": "rms_norm"}
    """,
    "schnell": """
    {"_class_name": "FluxTransformer2DModel", "num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 1,
     "num_single_layers": 1, "joint_attention_dim": 24, "pooled_projection_dim": 8, "guidance_embeds": false,
     "axes_dims_rope": [2, 4, 2]}
    """,
    "flux": """
    {"_class_name": "FluxTransformer2DModel", "num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 1,
     "num_single_layers": 1, "joint_attention_dim": 24, "pooled_projection_dim": 8, "guidance_embeds": true,
     "axes_dims_rope": [2, 4, 2]}
    """,
]

/// A folder in diffusers' layout, with small networks and both kinds of tokenizers.
/// - Parameter parts: the folders, with the names of their configurations and of their networks.
private func folder(
    _ className: String, _ parts: [(folder: String, configuration: String, network: String)], scheduler: String
) throws -> Scratch {
    let folder = try Scratch()
    var index = [
        "\"_class_name\": \"\(className)\"", "\"scheduler\": [\"diffusers\", \"FlowMatchEulerDiscreteScheduler\"]",
    ]
    func make(_ part: String, _ name: String) throws -> String {
        index.append("\"\(part)\": [\"x\", \"\(name)\"]")
        let path = "\(folder.path)/\(part)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
    for (part, configuration, network) in parts {
        let path = try make(part, "Any")
        try folder.write("\(part)/config.json", #require(configurations[configuration]))
        let known = try PipelineRegistry.standard.parameters(network, config: path)
        let tensors = try #require(known).map { (name: $0.name, tensor: try weight("\(part).\($0.name)", $0.shape)) }
        let file = part.hasPrefix("text") ? "model" : "diffusion_pytorch_model"
        try SafeTensors.write("\(path)/\(file).safetensors", tensors, metadata: ["format": "pt"])
        guard part.hasPrefix("text") else { continue }
        let isT5 = network.hasPrefix("t5")
        let tokenizer = try make(
            part.replacingOccurrences(of: "text_encoder", with: "tokenizer"), isT5 ? "T5Tokenizer" : "CLIPTokenizer")
        for file in isT5 ? ["pieces/t5/spiece.model"] : ["clip/vocab.json", "clip/merges.txt"] {
            let name = String(file.split(separator: "/").last ?? "")
            try FileManager.default.copyItem(
                atPath: Places.fixtures("tokenizers/\(file)"), toPath: "\(tokenizer)/\(name)")
        }
    }
    _ = try make("scheduler", "FlowMatchEulerDiscreteScheduler")
    try folder.write("scheduler/scheduler_config.json", scheduler)
    try folder.write(
        "model_index.json", "{\(index.filter { !$0.contains("\"scheduler\": [\"x\"") }.joined(separator: ", "))}")
    return folder
}

private func stableDiffusion3(hasT5: Bool = true) throws -> Scratch {
    var parts = [
        ("transformer", "sd3", "sd3"), ("vae", "vae", "vae"), ("text_encoder", "clip-projected", "clip-text"),
        ("text_encoder_2", "clip-projected", "clip-text"),
    ]
    if hasT5 { parts.append(("text_encoder_3", "t5", "t5-text")) }
    return try folder(
        "StableDiffusion3Pipeline", parts,
        scheduler: "{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"shift\": 3.0}")
}

private func flux(_ transformer: String = "flux") throws -> Scratch {
    try folder(
        "FluxPipeline",
        [
            ("transformer", transformer, "flux"), ("vae", "vae", "vae"), ("text_encoder", "clip", "clip-text"),
            ("text_encoder_2", "t5", "t5-text"),
        ],
        scheduler: """
            {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "use_dynamic_shifting": true}
            """)
}

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
        let folder = try stableDiffusion3()
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
        let folder = try stableDiffusion3(hasT5: false)
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        let (texts, _) = try pipeline.encode(["small effusion"], TextOptions())
        #expect(texts.states.shape == [1, 77 + 77, 24])
        #expect(try texts.states.narrow(1, 77, 77).array(Float.self).allSatisfy { $0 == 0 })
        #expect(pipeline.parts["text_encoder_3"] == nil && pipeline.parts["tokenizer_2"] != nil)
    }

    @Test func fluxReadsItsGuidanceScale() throws {
        let folder = try flux()
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
        let folder = try flux("schnell")
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        #expect(pipeline.lacks == ["guidance_scale"])
        let dev = try flux()
        #expect(try PipelineRegistry.standard.open(dev.path, dtype: .f32).lacks.isEmpty)
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
        let gone = try fault({ try stableDiffusion3() }) {
            try FileManager.default.removeItem(atPath: $0.path + "/text_encoder_2/model.safetensors")
        }
        #expect(gone.contains("text_encoder_2"), "\(gone)")
        // A CLIP without its projection gives vectors of another size.
        let plain = try fault({ try stableDiffusion3() }) { folder in
            try folder.write("text_encoder/config.json", #require(configurations["clip"]))
        }
        #expect(plain.contains("14 channels together, the denoiser reads 12"), "\(plain)")
    }
}

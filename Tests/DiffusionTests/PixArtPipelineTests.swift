import Checkpoints
import Diffusion
import Encoders
import Files
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

/// A folder in diffusers' layout, with small networks and a tokenizer of SentencePiece.
private func folder() throws -> Scratch {
    let folder = try Scratch()
    for part in ["transformer", "vae", "text_encoder", "tokenizer", "scheduler"] {
        try FileManager.default.createDirectory(atPath: "\(folder.path)/\(part)", withIntermediateDirectories: true)
    }
    try folder.write(
        "model_index.json",
        """
        {"_class_name": "PixArtSigmaPipeline", "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
         "text_encoder": ["transformers", "T5EncoderModel"], "tokenizer": ["transformers", "T5Tokenizer"],
         "transformer": ["diffusers", "PixArtTransformer2DModel"], "vae": ["diffusers", "AutoencoderKL"]}
        """)
    try folder.write("scheduler/scheduler_config.json", "{\"_class_name\": \"DPMSolverMultistepScheduler\"}")
    try folder.write(
        "transformer/config.json",
        """
        {"_class_name": "PixArtTransformer2DModel", "sample_size": 32, "num_attention_heads": 2, "attention_head_dim": 8,
         "cross_attention_dim": 16, "num_layers": 1, "caption_channels": 24, "use_additional_conditions": false}
        """)
    try folder.write(
        "text_encoder/config.json",
        """
        {"model_type": "t5", "vocab_size": 1200, "d_model": 24, "d_kv": 4, "d_ff": 32, "num_layers": 1, "num_heads": 2,
         "feed_forward_proj": "gated-gelu"}
        """)
    try folder.write(
        "vae/config.json",
        """
        {"_class_name": "AutoencoderKL", "block_out_channels": [8, 8, 8, 8], "norm_num_groups": 4, "layers_per_block": 1,
         "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
         "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}
        """)
    try FileManager.default.copyItem(
        atPath: Places.fixtures("tokenizers/pieces/t5/spiece.model"), toPath: folder.path + "/tokenizer/spiece.model")
    for (network, part, file) in [
        ("pixart", "transformer", "diffusion_pytorch_model"), ("vae", "vae", "diffusion_pytorch_model"),
        ("t5-text", "text_encoder", "model"),
    ] {
        let known = try PipelineRegistry.standard.parameters(network, config: "\(folder.path)/\(part)")
        let tensors = try #require(known).map { (name: $0.name, tensor: try weight("\(part).\($0.name)", $0.shape)) }
        try SafeTensors.write("\(folder.path)/\(part)/\(file).safetensors", tensors, metadata: ["format": "pt"])
    }
    return folder
}

@Suite("PixArtSigmaPipeline") struct PixArtPipelineTests {
    private func picture(_ pipeline: any TextToImage, _ options: GenerationOptions) throws -> Tensor {
        let process = try pipeline.begin(options)
        while !process.isDone { try process.advance() }
        return try pipeline.finish(process, isTiled: false)
    }

    @Test func picturesOfAnySizeComeFromTheNearestBin() throws {
        let folder = try folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        #expect(
            pipeline.defaults == GenerationDefaults(steps: 20, guidanceScale: 4.5, width: 256, height: 256, sizeUnit: 1)
        )
        #expect(pipeline.files.contains { $0.file.hasSuffix("tokenizer/spiece.model") })
        var options = GenerationOptions(prompts: ["Small effusion"], seeds: [7], pipeline.defaults)
        options.steps = 2
        (options.width, options.height) = (75, 200)
        let process = try pipeline.begin(options)
        // 200 / 75 is 2.67, between the bins 2.5 and 3.0; 2.5 is nearer, 400 x 160.
        #expect(process.latents.shape == [1, 50, 20, 4])
        while !process.isDone { try process.advance() }
        #expect(try pipeline.finish(process, isTiled: false).shape == [1, 200, 75, 3])
    }

    @Test func textsAreLoweredAndStripped() throws {
        let folder = try folder()
        let pipeline = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
        let (wanted, _) = try pipeline.encode(["small effusion"], TextOptions())
        let (found, lost) = try pipeline.encode([" \tSmall EFFUSION\n"], TextOptions())
        #expect(try found.states.array(Float.self) == wanted.states.array(Float.self) && lost == [0])
        #expect(wanted.states.shape == [1, 300, 24] && wanted.mask?.shape == [1, 300] && wanted.pooled == nil)
        var options = TextOptions()
        options.family = ["max_sequence_length": .integer(3)]
        let (short, cut) = try pipeline.encode(["small effusion of the left lung"], options)
        #expect(short.states.shape == [1, 3, 24] && cut[0] > 0)
        options.family = ["max_sequence_length": .integer(1)]
        #expect(message { _ = try pipeline.encode(["x"], options) }.contains("max_sequence_length"))
        options.family = ["instruction": .boolean(true)]
        #expect(message { _ = try pipeline.encode(["x"], options) }.contains("max_sequence_length"))
    }

    /// Parts the weights of a folder into two files with an index, as large models are published.
    private func shard(_ folder: String, _ name: String) throws -> [String] {
        let whole = try Checkpoint.open("\(folder)/\(name).safetensors")
        let names = [1, 2].map { "\(name)-0000\($0)-of-00002.safetensors" }
        let half = whole.names.count / 2
        for (file, keys) in zip(names, [whole.names.prefix(half), whole.names.suffix(from: half)]) {
            try SafeTensors.write(
                "\(folder)/\(file)", keys.map { (name: $0, tensor: try whole[$0].clone()) }, metadata: ["format": "pt"])
        }
        let map = whole.names.enumerated().map { "\"\($1)\": \"\(names[$0 < half ? 0 : 1])\"" }
        try "{\"metadata\": {}, \"weight_map\": {\(map.joined(separator: ", "))}}".write(
            toFile: "\(folder)/\(name).safetensors.index.json", atomically: true, encoding: .utf8)
        try FileManager.default.removeItem(atPath: "\(folder)/\(name).safetensors")
        return names
    }

    @Test func whatIsMissingOrDamagedIsNamed() throws {
        for (file, words) in [
            ("tokenizer/spiece.model", ["spiece.model"]), ("transformer/config.json", ["transformer/config.json"]),
            ("text_encoder/model.safetensors", ["text_encoder"]),
        ] {
            let folder = try folder()
            try FileManager.default.removeItem(atPath: "\(folder.path)/\(file)")
            let text = message { _ = try PipelineRegistry.standard.open(folder.path, dtype: .f32) }
            #expect(words.allSatisfy(text.contains), "\(file): \(text)")
        }
        // Of weights in several files each must be there, and whole.
        for (part, file) in [("transformer", "diffusion_pytorch_model"), ("text_encoder", "model")] {
            let folder = try folder()
            let shards = try shard("\(folder.path)/\(part)", file)
            _ = try PipelineRegistry.standard.open(folder.path, dtype: .f32)
            let second = "\(folder.path)/\(part)/\(shards[1])"
            let bytes = try Data(contentsOf: URL(fileURLWithPath: second))
            try bytes.dropLast(4).write(to: URL(fileURLWithPath: second))
            let short = message { _ = try PipelineRegistry.standard.open(folder.path, dtype: .f32) }
            #expect(short.contains("\(part)/\(shards[1])"), "\(short)")
            try FileManager.default.removeItem(atPath: second)
            let gone = message { _ = try PipelineRegistry.standard.open(folder.path, dtype: .f32) }
            #expect(gone.contains("\(part)/\(shards[1])"), "\(gone)")
            #expect(!gone.contains(shards[0]), "\(gone)")
        }
        let cut = try folder()
        let path = cut.path + "/tokenizer/spiece.model"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
        let text = message { _ = try PipelineRegistry.standard.open(cut.path, dtype: .f32) }
        #expect(text.contains("spiece.model"), "\(text)")
    }
}

import Checkpoints
import Diffusion
import Files
import Foundation
import SmallPipelines
import Tensors
import TestSupport
import Testing

@Suite("PixArtSigmaPipeline") struct PixArtPipelineTests {
    private func picture(_ pipeline: any TextToImage, _ options: GenerationOptions) throws -> Tensor {
        let process = try pipeline.begin(options)
        while !process.isDone { try process.advance() }
        return try pipeline.finish(process, isTiled: false)
    }

    @Test func picturesOfAnySizeComeFromTheNearestBin() throws {
        let folder = try SmallPipeline.pixArtSigma.folder()
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
        let folder = try SmallPipeline.pixArtSigma.folder()
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
            let folder = try SmallPipeline.pixArtSigma.folder()
            try FileManager.default.removeItem(atPath: "\(folder.path)/\(file)")
            let text = message { _ = try PipelineRegistry.standard.open(folder.path, dtype: .f32) }
            #expect(words.allSatisfy(text.contains), "\(file): \(text)")
        }
        // Of weights in several files each must be there, and whole.
        for (part, file) in [("transformer", "diffusion_pytorch_model"), ("text_encoder", "model")] {
            let folder = try SmallPipeline.pixArtSigma.folder()
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
        let cut = try SmallPipeline.pixArtSigma.folder()
        let path = cut.path + "/tokenizer/spiece.model"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
        let text = message { _ = try PipelineRegistry.standard.open(cut.path, dtype: .f32) }
        #expect(text.contains("spiece.model"), "\(text)")
    }
}

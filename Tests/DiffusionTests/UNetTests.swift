import Checkpoints
import Diffusion
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@Suite("UNet2DConditionModel") struct UNetTests {
    private func answer(_ reference: ReferenceNetwork, _ dtype: DType) throws -> Tensor {
        let folder = try reference.folder()
        let unet = try UNet2DConditionModel(folder.path, dtype: dtype)
        let shape = reference.numbers("latents")
        let tokens = reference.facts["tokens"]?.integer ?? 0
        return try unet.forward(
            reference.input("latents", shape + [reference.config["in_channels"]?.integer ?? 4]),
            timestep: Float(reference.facts["timestep"]?.number ?? -1),
            context: reference.input("context", [shape[0], tokens, unet.contextWidth]))
    }

    @Test func equalsDiffusers() throws {
        let names = try ReferenceNetwork.names("unet")
        #expect(names.count == 9)
        for name in names {
            let reference = try ReferenceNetwork("unet", name)
            for (dtype, tolerance) in [(DType.f32, 1e-4), (.bf16, 2e-2)] {
                let error = try relativeError(answer(reference, dtype), reference.expected())
                #expect(error < tolerance, "\(name) \(dtype): \(error)")
            }
        }
    }

    @Test func statesItsSizesAndFiles() throws {
        let reference = try ReferenceNetwork("unet", "sd1")
        let folder = try reference.folder()
        let unet = try UNet2DConditionModel(folder.path, dtype: .bf16)
        #expect(unet.latentChannels == 4)
        #expect(unet.sampleSize == 16)
        #expect(unet.contextWidth == 48)
        #expect(unet.dtype == .bf16)
        let files = Dictionary(uniqueKeysWithValues: unet.files.map { ($0.file, $0.sha256) })
        for name in ["config.json", "diffusion_pytorch_model.safetensors"] {
            let path = folder.path + "/" + name
            #expect(try files[path] == SHA256.hex(file: path), "\(name)")
        }
        #expect(files.count == 2)
    }

    @Test func picturesOfABatchAreAlone() throws {
        // What one row of a batch gets must not depend on the others.
        let reference = try ReferenceNetwork("unet", "sd2")
        let folder = try reference.folder()
        let unet = try UNet2DConditionModel(folder.path, dtype: .f32)
        let latents = try reference.input("latents", reference.numbers("latents") + [4])
        let context = try reference.input("context", [2, 77, 24])
        let both = try unet.forward(latents, timestep: 1, context: context)
        for row in 0..<2 {
            let alone = try unet.forward(latents.narrow(0, row, 1), timestep: 1, context: context.narrow(0, row, 1))
            #expect(try relativeError(alone, both.narrow(0, row, 1).contiguous()) < 1e-5)
        }
        let again = try unet.forward(latents, timestep: 1, context: context)
        #expect(try again.array(Float.self) == both.array(Float.self))
    }

    @Test func shardsAreRead() throws {
        let reference = try ReferenceNetwork("unet", "time")
        let wanted = try reference.expected()
        let folder = try reference.folder()
        let whole = folder.path + "/diffusion_pytorch_model.safetensors"
        try FileManager.default.removeItem(atPath: whole)
        var map: [(key: String, value: JSON)] = []
        let half = reference.tensors.count / 2
        for (index, part) in [reference.tensors[..<half], reference.tensors[half...]].enumerated() {
            let file = "diffusion_pytorch_model-0000\(index + 1)-of-00002.safetensors"
            try SafeTensors.write(folder.path + "/" + file, Array(part))
            map += part.map { ($0.name, .string(file)) }
        }
        let index = JSON.object([("metadata", .object([])), ("weight_map", .object(map))])
        try index.text().write(toFile: whole + ".index.json", atomically: true, encoding: .utf8)
        let unet = try UNet2DConditionModel(folder.path, dtype: .f32)
        let shape = reference.numbers("latents")
        let found = try unet.forward(
            reference.input("latents", shape + [4]), timestep: 12.75, context: reference.input("context", [1, 11, 24]))
        #expect(try relativeError(found, wanted) < 1e-4)
        #expect(unet.files.count == 4)
        try FileManager.default.removeItem(atPath: folder.path + "/diffusion_pytorch_model-00002-of-00002.safetensors")
        #expect(
            message { _ = try UNet2DConditionModel(folder.path, dtype: .f32) }.contains(
                "diffusion_pytorch_model-00002-of-00002.safetensors"))
    }

    @Test func weightsThatDoNotFitAreRefused() throws {
        let reference = try ReferenceNetwork("unet", "time")
        let folder = try reference.folder()
        func fault(_ change: (inout ReferenceNetwork) throws -> Void) throws -> String {
            try reference.fault(in: folder, change) { _ = try UNet2DConditionModel($0, dtype: .f32) }
        }
        let missing = try fault { $0.tensors.removeAll { $0.name == "mid_block.resnets.1.conv2.bias" } }
        #expect(missing.contains("1 missing: mid_block.resnets.1.conv2.bias"), "\(missing)")
        let extra = try fault { $0.tensors.append(("class_embedding.weight", try .zeros([3]))) }
        #expect(extra.contains("1 unused: class_embedding.weight"), "\(extra)")
        let wrong = try fault {
            $0.tensors.removeAll { $0.name == "conv_in.weight" }
            $0.tensors.append(("conv_in.weight", try .zeros([32, 9, 3, 3])))
        }
        #expect(wrong.contains("conv_in.weight (wanted [32, 4, 3, 3], found [32, 9, 3, 3])"), "\(wrong)")
        // A checkpoint of another model: its sizes are another config's.
        let other = try fault { $0.set("cross_attention_dim", .integer(32)) }
        #expect(other.contains("attn2.to_k.weight"), "\(other)")
        let integers = try fault {
            $0.tensors.removeAll { $0.name == "conv_in.weight" }
            $0.tensors.append(("conv_in.weight", try .zeros([32, 4, 3, 3], .i64)))
        }
        #expect(integers.contains("conv_in.weight"), "\(integers)")
    }

    @Test func damagedFilesAreRefused() throws {
        let folder = try ReferenceNetwork("unet", "time").folder()
        let weights = folder.path + "/diffusion_pytorch_model.safetensors"
        let config = folder.path + "/config.json"
        func fault() -> String { message { _ = try UNet2DConditionModel(folder.path, dtype: .f32) } }
        let whole = try Data(contentsOf: URL(fileURLWithPath: weights))
        for length in [0, 7, 100, whole.count / 2, whole.count - 1] {
            try whole.prefix(length).write(to: URL(fileURLWithPath: weights))
            #expect(fault().contains(weights), "cut to \(length) bytes")
        }
        try FileManager.default.removeItem(atPath: weights)
        #expect(fault().contains("no weights"))
        try whole.write(to: URL(fileURLWithPath: weights))
        let text = try String(contentsOfFile: config, encoding: .utf8)
        for bad in ["", "[]", String(text.dropLast(5))] {
            try bad.write(toFile: config, atomically: true, encoding: .utf8)
            #expect(fault().contains(config), "\(bad)")
        }
        try FileManager.default.removeItem(atPath: config)
        #expect(fault().contains(config))
    }

    @Test func optionsThatAreNotSupportedAreNamed() throws {
        let reference = try ReferenceNetwork("unet", "sd1")
        let folder = try reference.folder()
        let bad: [(String, JSON)] = [
            ("class_embed_type", .string("timestep")),
            ("addition_embed_type", .string("text")), ("encoder_hid_dim", .integer(32)),
            ("encoder_hid_dim_type", .string("text_proj")), ("dual_cross_attention", .boolean(true)),
            ("num_class_embeds", .integer(10)), ("resnet_time_scale_shift", .string("scale_shift")),
            ("resnet_skip_time_act", .boolean(true)),
            ("time_embedding_type", .string("fourier")), ("time_embedding_act_fn", .string("silu")),
            ("timestep_post_act", .string("silu")), ("time_cond_proj_dim", .integer(32)),
            ("attention_type", .string("gated")), ("cross_attention_norm", .string("layer_norm")),
            ("mid_block_type", .string("UNetMidBlock2DSimpleCrossAttn")), ("act_fn", .string("hardswish")),
            ("reverse_transformer_layers_per_block", .array([.integer(2)])),
            ("class_embeddings_concat", .boolean(true)), ("mid_block_scale_factor", .number(1.5)),
            ("center_input_sample", .integer(1)), ("downsample_padding", .integer(2)),
            ("conv_in_kernel", .integer(1)), ("conv_out_kernel", .integer(1)), ("block_out_channel", .integer(3)),
            ("down_block_types", .array([.string("AttnDownBlock2D")])), ("block_out_channels", .array([])),
            ("up_block_types", .array([JSON](repeating: .string("UpBlock3D"), count: 4))),
            ("layers_per_block", .array([.integer(2)])), ("layers_per_block", .integer(0)),
            ("attention_head_dim", .integer(7)), ("norm_num_groups", .integer(5)), ("in_channels", .integer(-4)),
            ("cross_attention_dim", .array([.integer(48), .integer(32)])), ("flip_sin_to_cos", .integer(1)),
            ("norm_eps", .string("small")), ("freq_shift", .string("x")),
            ("only_cross_attention", .array([.boolean(true)])), ("sample_size", .string("large")),
            ("block_out_channels", .array([.integer(1 << 40)])), ("layers_per_block", .integer(1 << 40)),
        ]
        for (key, value) in bad {
            var changed = reference
            changed.set(key, value)
            try changed.config.text().write(toFile: folder.path + "/config.json", atomically: true, encoding: .utf8)
            let found = message { _ = try UNet2DConditionModel(folder.path, dtype: .f32) }
            #expect(found.contains("\"\(key)\"") && found.contains("config.json"), "\(key): \(found)")
        }
        // What changes nothing may stand there.
        for (key, value) in [
            ("_diffusers_version", JSON.string("0.6.0")), ("dropout", .number(0.1)), ("_name_or_path", .string("x")),
        ] {
            var changed = reference
            changed.set(key, value)
            try changed.config.text().write(toFile: folder.path + "/config.json", atomically: true, encoding: .utf8)
            #expect(throws: Never.self, "\(key)") { _ = try UNet2DConditionModel(folder.path, dtype: .f32) }
        }
    }

    @Test func badInputIsRefused() throws {
        let reference = try ReferenceNetwork("unet", "time")
        let folder = try reference.folder()
        let unet = try UNet2DConditionModel(folder.path, dtype: .f32)
        let (latents, context) = (try Tensor.zeros([1, 4, 4, 4]), try Tensor.zeros([1, 3, 24]))
        func fault(_ latents: Tensor, _ context: Tensor) -> String {
            message { _ = try unet.forward(latents, timestep: 1, context: context) }
        }
        #expect(throws: Never.self) { _ = try unet.forward(latents, timestep: 1, context: context) }
        #expect(fault(try .zeros([1, 4, 4, 3]), context).contains("[1, 4, 4, 3]"))
        #expect(fault(try .zeros([4, 4, 4]), context).contains("[4, 4, 4]"))
        #expect(fault(try .zeros([0, 4, 4, 4]), try .zeros([0, 3, 24])).contains("[0, 4, 4, 4]"))
        #expect(fault(try .zeros([1, 0, 4, 4]), context).contains("[1, 0, 4, 4]"))
        #expect(fault(latents, try .zeros([1, 3, 23])).contains("[1, 3, 23]"))
        #expect(fault(latents, try .zeros([2, 3, 24])).contains("[2, 3, 24]"))
        #expect(fault(latents, try .zeros([1, 0, 24])).contains("[1, 0, 24]"))
        #expect(fault(latents, try .zeros([3, 24])).contains("[3, 24]"))
        #expect(fault(try .zeros([1, 4, 4, 4], .i64), context).contains("i64"))
        #expect(fault(latents, try .zeros([1, 3, 24], .u8)).contains("u8"))
    }
}

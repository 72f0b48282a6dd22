import Checkpoints
import Diffusion
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@Suite("AutoencoderKL") struct AutoencoderTests {
    @Test func equalsDiffusers() throws {
        let names = try ReferenceNetwork.names("vae")
        #expect(names.count == 6)
        for name in names {
            let reference = try ReferenceNetwork("vae", name)
            let folder = try reference.folder()
            let pictures = try reference.input("pictures", reference.numbers("pictures") + [3])
            let channels = reference.facts["channels"]?.integer ?? 0
            let latents = try reference.input("latents", reference.numbers("latents") + [channels])
            for (dtype, tolerance) in [(DType.f32, 1e-4), (.bf16, 2e-2)] {
                let vae = try AutoencoderKL(folder.path, dtype: dtype)
                func check(_ found: Tensor, _ key: String) throws {
                    let error = try relativeError(found, reference.expected(key))
                    #expect(error < tolerance, "\(name) \(key) \(dtype): \(error)")
                }
                try check(vae.encode(pictures), "encoded")
                try check(vae.decode(latents), "decoded")
                if reference.facts["tiled"]?.boolean == true { try check(vae.decodeTiled(latents), "tiled") }
            }
        }
    }

    @Test func latentsOfOneTileAreDecodedWhole() throws {
        let reference = try ReferenceNetwork("vae", "tiles")
        let folder = try reference.folder()
        let vae = try AutoencoderKL(folder.path, dtype: .f32)
        let latents = try reference.input("latents", [1, 8, 5, 4])
        #expect(try vae.decodeTiled(latents).array(Float.self) == vae.decode(latents).array(Float.self))
    }

    @Test func oldNamesOfTheAttentionAreRead() throws {
        let reference = try ReferenceNetwork("vae", "sd")
        let wanted = try reference.expected("decoded")
        let latents = try reference.input("latents", reference.numbers("latents") + [4])
        let old = ["to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"]
        for isConvolution in [false, true] {
            var changed = reference
            for (new, name) in old {
                for (index, (key, tensor)) in changed.tensors.enumerated() where key.contains(".\(new).") {
                    let isMatrix = isConvolution && tensor.rank == 2
                    changed.tensors[index] = (
                        key.replacingOccurrences(of: ".\(new).", with: ".\(name)."),
                        isMatrix ? try tensor.reshaped(tensor.shape + [1, 1]) : tensor
                    )
                }
            }
            #expect(changed.tensors.filter { $0.name.contains(".proj_attn.") }.count == 4)
            let folder = try changed.folder()
            let vae = try AutoencoderKL(folder.path, dtype: .f32)
            #expect(try relativeError(vae.decode(latents), wanted) < 1e-4)
        }
        // Both names for one tensor.
        var twice = reference
        twice.tensors.append(("decoder.mid_block.attentions.0.query.bias", try .zeros([32])))
        let folder = try twice.folder()
        let found = message { _ = try AutoencoderKL(folder.path, dtype: .f32) }
        #expect(found.contains("decoder.mid_block.attentions.0.to_q.bias"), "\(found)")
    }

    @Test func statesItsSizesAndFiles() throws {
        let reference = try ReferenceNetwork("vae", "sd")
        let folder = try reference.folder()
        let vae = try AutoencoderKL(folder.path, dtype: .f32)
        #expect(vae.scale == 2)
        #expect(vae.latentChannels == 4)
        #expect(vae.scalingFactor == 0.18215)
        #expect(vae.dtype == .f32)
        let files = Dictionary(uniqueKeysWithValues: vae.files.map { ($0.file, $0.sha256) })
        for name in ["config.json", "diffusion_pytorch_model.safetensors"] {
            let path = folder.path + "/" + name
            #expect(try files[path] == SHA256.hex(file: path), "\(name)")
        }
        #expect(vae.shiftFactor == 0)
        let own = try ReferenceNetwork("vae", "shifted").folder()
        let shifted = try AutoencoderKL(own.path, dtype: .f32)
        #expect(shifted.latentChannels == 16 && shifted.scalingFactor == 1.5305 && shifted.shiftFactor == 0.0609)
        let levels = try ReferenceNetwork("vae", "levels").folder()
        #expect(try AutoencoderKL(levels.path, dtype: .f32).scale == 4)
    }

    @Test func weightsAndFilesThatDoNotFitAreRefused() throws {
        let reference = try ReferenceNetwork("vae", "tiles")
        let folder = try reference.folder()
        func fault(_ change: (inout ReferenceNetwork) throws -> Void) throws -> String {
            try reference.fault(in: folder, change) { _ = try AutoencoderKL($0, dtype: .f32) }
        }
        let missing = try fault { $0.tensors.removeAll { $0.name == "post_quant_conv.weight" } }
        #expect(missing.contains("1 missing: post_quant_conv.weight"), "\(missing)")
        let extra = try fault { $0.tensors.append(("loss.logvar", try .zeros([1]))) }
        #expect(extra.contains("1 unused: loss.logvar"), "\(extra)")
        let wrong = try fault { $0.set("latent_channels", .integer(8)) }
        #expect(wrong.contains("decoder.conv_in.weight"), "\(wrong)")
        try reference.write(folder)
        let weights = URL(fileURLWithPath: folder.path + "/diffusion_pytorch_model.safetensors")
        let whole = try Data(contentsOf: weights)
        try whole.prefix(whole.count - 4).write(to: weights)
        #expect(message { _ = try AutoencoderKL(folder.path, dtype: .f32) }.contains(weights.path))
    }

    @Test func optionsThatAreNotSupportedAreNamed() throws {
        let reference = try ReferenceNetwork("vae", "sd")
        let folder = try reference.folder()
        let bad: [(String, JSON)] = [
            ("act_fn", .string("hardswish")),
            ("latents_mean", .array([.number(0.1)])), ("latents_std", .array([.number(0.1)])),
            ("down_block_types", .array([JSON](repeating: .string("AttnDownEncoderBlock2D"), count: 2))),
            ("up_block_types", .array([.string("UpDecoderBlock2D")])), ("block_out_channels", .array([])),
            ("norm_num_groups", .integer(7)), ("layers_per_block", .integer(0)), ("in_channels", .integer(0)),
            ("scaling_factor", .integer(0)), ("scaling_factor", .string("x")), ("shift_factor", .string("x")),
            ("use_quant_conv", .integer(1)),
            ("sample_size", .integer(-1)), ("latent_channel", .integer(4)), ("layers_per_block", .integer(1 << 40)),
        ]
        for (key, value) in bad {
            var changed = reference
            changed.set(key, value)
            try changed.config.text().write(toFile: folder.path + "/config.json", atomically: true, encoding: .utf8)
            let found = message { _ = try AutoencoderKL(folder.path, dtype: .f32) }
            #expect(found.contains("\"\(key)\"") && found.contains("config.json"), "\(key): \(found)")
        }
        for (key, value) in [("force_upcast", JSON.boolean(false)), ("_name_or_path", .string("x"))] {
            var changed = reference
            changed.set(key, value)
            try changed.config.text().write(toFile: folder.path + "/config.json", atomically: true, encoding: .utf8)
            #expect(throws: Never.self, "\(key)") { _ = try AutoencoderKL(folder.path, dtype: .f32) }
        }
    }

    @Test func badInputIsRefused() throws {
        let folder = try ReferenceNetwork("vae", "tiles").folder()
        let vae = try AutoencoderKL(folder.path, dtype: .f32)
        for decode in [vae.decode, vae.decodeTiled] {
            #expect(throws: Never.self) { _ = try decode(.zeros([1, 4, 4, 4])) }
            #expect(message { _ = try decode(.zeros([1, 4, 4, 3])) }.contains("[1, 4, 4, 3]"))
            #expect(message { _ = try decode(.zeros([4, 4, 4])) }.contains("[4, 4, 4]"))
            #expect(message { _ = try decode(.zeros([1, 0, 4, 4])) }.contains("[1, 0, 4, 4]"))
            #expect(message { _ = try decode(.zeros([1, 4, 4, 4], .i64)) }.contains("i64"))
        }
        #expect(message { _ = try vae.encode(.zeros([1, 4, 4, 4])) }.contains("[1, 4, 4, 4]"))
        #expect(message { _ = try vae.encode(.zeros([1, 5, 4, 3])) }.contains("[1, 5, 4, 3]"))
        #expect(message { _ = try vae.encode(.zeros([1, 4, 4, 3], .u8)) }.contains("u8"))
    }
}

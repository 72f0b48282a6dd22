import Diffusion
import Files
import Tensors
import TestSupport
import Testing

@Suite("AutoencoderDC") struct AutoencoderDCTests {
    @Test func equalsDiffusers() throws {
        let names = try ReferenceNetwork.names("deep")
        #expect(names.count == 6)
        for name in names {
            let reference = try ReferenceNetwork("deep", name)
            let folder = try reference.folder()
            let pictures = try reference.input("pictures", reference.numbers("pictures") + [3])
            let latents = try reference.input("latents", reference.numbers("latents") + [8])
            for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
                let vae = try AutoencoderDC(folder.path, dtype: dtype)
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

    @Test func statesItsSizes() throws {
        let folder = try ReferenceNetwork("deep", "sana").folder()
        let vae = try AutoencoderDC(folder.path, dtype: .f32)
        #expect(vae.scale == 32)
        #expect(vae.latentChannels == 8)
        #expect(vae.scalingFactor == 0.41407)
    }

    @Test func badFilesAndInputAreRefused() throws {
        let reference = try ReferenceNetwork("deep", "shuffle")
        let folder = try reference.folder()
        for (key, value, word) in [
            ("encoder_layers_per_block", JSON.array([.integer(1), .integer(0), .integer(1)]), "all but the first"),
            ("decoder_norm_types", .string("layer_norm"), "rms_norm"), ("decoder_act_fns", .string("mish"), "silu"),
            ("decoder_block_types", .array([.string("ResBlock")]), "EfficientViTBlock"),
            ("decoder_qkv_multiscales", .array([.array([]), .array([]), .array([.integer(4)])]), "odd"),
            ("upsample_block_type", .string("bicubic"), "pixel_shuffle"),
            ("scaling_factor", .integer(0), "other than 0"),
            ("attention_head_dim", .integer(12), "heads of 12"), ("latent_channels", .integer(5), "5 runs"),
            ("decoder_block_out_channels", .array([.integer(16), .integer(32)]), "2 numbers"),
            ("encoder_block_out_channel", .array([.integer(16)]), "did you mean"),
        ] {
            let text = try reference.fault(in: folder) {
                $0.set(key, value)
            } open: {
                _ = try AutoencoderDC($0, dtype: .f32)
            }
            #expect(text.contains(word) && text.contains("config.json"), "\(key): \(text)")
        }
        try reference.write(folder)
        let vae = try AutoencoderDC(folder.path, dtype: .f32)
        for decode in [vae.decode, vae.decodeTiled] {
            #expect(message { _ = try decode(.zeros([1, 4, 4, 3])) }.contains("[1, 4, 4, 3]"))
            #expect(message { _ = try decode(.zeros([1, 4, 4, 8], .i64)) }.contains("i64"))
        }
        #expect(message { _ = try vae.encode(.zeros([1, 6, 8, 3])) }.contains("multiples of 4"))
    }
}

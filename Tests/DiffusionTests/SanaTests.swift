import Diffusion
import Files
import Tensors
import TestSupport
import Testing

@Suite("SanaTransformer2DModel") struct SanaTests {
    @Test func equalsDiffusers() throws {
        let names = try ReferenceNetwork.names("sana")
        #expect(names.count == 3)
        for name in names {
            let reference = try ReferenceNetwork("sana", name)
            let folder = try reference.folder()
            let (latents, conditioning, timestep) = try reference.captionedInputs()
            for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
                let opened = try SanaTransformer2DModel(folder.path, dtype: dtype)
                let found = try opened.forward(latents, timestep: timestep, conditioning: conditioning)
                let error = try relativeError(found, reference.expected())
                #expect(error < tolerance, "\(name) \(dtype): \(error)")
            }
        }
    }

    @Test func whatItDoesNotReadIsRefused() throws {
        let reference = try ReferenceNetwork("sana", "sana")
        let folder = try reference.folder()
        let denoiser = try SanaTransformer2DModel(folder.path, dtype: .f32)
        let (latents, conditioning, timestep) = try reference.captionedInputs()
        var pooled = conditioning
        pooled.pooled = try .zeros([2, 4])
        #expect(
            message { _ = try denoiser.forward(latents, timestep: timestep, conditioning: pooled) }.contains("pooled"))
        #expect(
            message { _ = try denoiser.forward(.zeros([2, 8, 8, 4]), timestep: 1, conditioning: conditioning) }
                .contains("[N, H, W, 8]"))
        for (key, value, word) in [
            ("guidance_embeds", JSON.boolean(true), "guidance_embeds"), ("qk_norm", .string("layer_norm"), "qk_norm"),
            ("cross_attention_dim", .integer(40), "48"), ("num_cross_attention_heads", .integer(3), "3 heads of 24"),
            ("out_channels", .integer(12), "8 or 16"), ("rope", .boolean(true), "rope"),
            ("mlp_ratio", .integer(0), "mlp_ratio"), ("num_layers", .integer(3), "transformer_blocks.2"),
        ] {
            let text = try reference.fault(in: folder) {
                $0.set(key, value)
            } open: {
                _ = try SanaTransformer2DModel($0, dtype: .f32)
            }
            #expect(text.contains(word), "\(key): \(text)")
        }
    }
}

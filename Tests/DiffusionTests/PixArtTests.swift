import Diffusion
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@Suite("PixArtTransformer2DModel") struct PixArtTests {
    @Test func equalsDiffusers() throws {
        let names = try ReferenceNetwork.names("pixart")
        #expect(names.count == 3)
        for name in names {
            let reference = try ReferenceNetwork("pixart", name)
            let folder = try reference.folder()
            let (latents, conditioning, timestep) = try reference.captionedInputs()
            for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
                let opened = try PixArtTransformer2DModel(folder.path, dtype: dtype)
                let found = try opened.forward(latents, timestep: timestep, conditioning: conditioning)
                let error = try relativeError(found, reference.expected())
                #expect(error < tolerance, "\(name) \(dtype): \(error)")
            }
        }
    }

    @Test func masksOfAnyShape() throws {
        let reference = try ReferenceNetwork("pixart", "sigma")
        let folder = try reference.folder()
        let denoiser = try DenoiserRegistry.standard.open(folder.path, dtype: .f32)
        let (latents, conditioning, timestep) = try reference.captionedInputs()
        let tokens = conditioning.states.shape[1]
        func answer(_ order: [Int], _ marks: [Int64]) throws -> Tensor {
            let states = try Tensor.cat(order.map { try conditioning.states.narrow(1, $0, 1) }, axis: 1)
            return try denoiser.forward(
                latents, timestep: timestep,
                conditioning: Conditioning(
                    states: states, mask: try Tensor(marks + marks, shape: [2, tokens])))
        }
        // The order of a text's tokens does not matter to the picture: hidden ones may stand before those that are seen.
        let usual = try answer(Array(0..<tokens), (0..<tokens).map { $0 < 5 ? 1 : 0 })
        let turned = try answer((0..<tokens).reversed(), (0..<tokens).map { $0 >= tokens - 5 ? 1 : 0 })
        #expect(try relativeError(turned, usual) < 1e-5)
        #expect(
            try answer(Array(0..<tokens), [Int64](repeating: 0, count: tokens)).array(Float.self).allSatisfy(\.isFinite)
        )
    }

    @Test func whatItDoesNotReadIsRefused() throws {
        let reference = try ReferenceNetwork("pixart", "sigma")
        let folder = try reference.folder()
        let denoiser = try PixArtTransformer2DModel(folder.path, dtype: .f32)
        let (latents, conditioning, timestep) = try reference.captionedInputs()
        func fault(_ change: (inout Conditioning, inout Tensor) throws -> Void) throws -> String {
            var (conditioning, latents) = (conditioning, latents)
            try change(&conditioning, &latents)
            return message { _ = try denoiser.forward(latents, timestep: timestep, conditioning: conditioning) }
        }
        #expect(try fault { own, _ in own.pooled = try .zeros([2, 4]) }.contains("pooled"))
        #expect(try fault { own, _ in own.mask = try .zeros([2, 4], .i64) }.contains("mask"))
        #expect(try fault { own, _ in own.states = try .zeros([2, 30, 41]) }.contains("40"))
        #expect(try fault { _, latents in latents = try .zeros([2, 15, 16, 4]) }.contains("multiples of 2"))
        for (key, value, word) in [
            ("use_additional_conditions", JSON.boolean(true), "PixArt-Sigma"),
            ("norm_type", .string("ada_norm"), "norm_type"),
            ("cross_attention_dim", .integer(40), "48"), ("attention_type", .string("gated"), "default"),
            ("rope", .boolean(true), "rope"), ("caption_channels", .null, "caption_channels"),
            ("num_layers", .integer(3), "transformer_blocks.2"),
        ] {
            let text = try reference.fault(in: folder) {
                $0.set(key, value)
            } open: {
                _ = try PixArtTransformer2DModel($0, dtype: .f32)
            }
            #expect(text.contains(word), "\(text)")
        }
    }
}

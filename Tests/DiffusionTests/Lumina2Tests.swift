import Diffusion
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@Suite("Lumina2Transformer2DModel") struct Lumina2Tests {
    private func inputs(_ reference: ReferenceNetwork) throws -> (latents: Tensor, Conditioning, timestep: Float) {
        let shape = reference.numbers("latents")
        let (tokens, seen) = (reference.facts["tokens"]?.integer ?? 0, reference.numbers("seen"))
        let marks = seen.flatMap { count in (0..<tokens).map { Int64($0 < count ? 1 : 0) } }
        let width = reference.config["cap_feat_dim"]?.integer ?? 0
        return (
            try reference.input("latents", shape + [reference.facts["channels"]?.integer ?? 0]),
            Conditioning(
                states: try reference.input("context", [shape[0], tokens, width]),
                mask: try Tensor(marks, shape: [shape[0], tokens])),
            Float(reference.facts["timestep"]?.number ?? -1)
        )
    }

    @Test func equalsDiffusers() throws {
        let names = try ReferenceNetwork.names("lumina2")
        #expect(names.count == 3)
        for name in names {
            let reference = try ReferenceNetwork("lumina2", name)
            let folder = try reference.folder()
            let (latents, conditioning, timestep) = try inputs(reference)
            for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
                let opened = try Lumina2Transformer2DModel(folder.path, dtype: dtype)
                let found = try opened.forward(latents, timestep: timestep, conditioning: conditioning, guidance: nil)
                let error = try relativeError(found, reference.expected())
                #expect(error < tolerance, "\(name) \(dtype): \(error)")
                // Alone or among others, whatever their lengths, an image has the same bits.
                let last = latents.shape[0] - 1
                let alone = try opened.forward(
                    latents.narrow(0, last, 1), timestep: timestep, conditioning: conditioning.narrow(last, 1),
                    guidance: nil)
                #expect(try alone.array(Float.self) == found.narrow(0, last, 1).contiguous().array(Float.self))
            }
        }
    }

    @Test func whatItDoesNotReadIsRefused() throws {
        let reference = try ReferenceNetwork("lumina2", "image")
        let folder = try reference.folder()
        let denoiser = try Lumina2Transformer2DModel(folder.path, dtype: .f32)
        let (latents, conditioning, timestep) = try inputs(reference)
        func fault(
            guidance: Float? = nil, _ change: (inout Conditioning, inout Tensor) throws -> Void
        ) throws -> String {
            var (conditioning, latents) = (conditioning, latents)
            try change(&conditioning, &latents)
            return message {
                _ = try denoiser.forward(latents, timestep: timestep, conditioning: conditioning, guidance: guidance)
            }
        }
        #expect(try fault { own, _ in own.pooled = try .zeros([2, 4]) }.contains("pooled"))
        #expect(try fault(guidance: 4) { _, _ in }.contains("guidance"))
        #expect(try fault { own, _ in own.mask = try .zeros([2, 30], .i64) }.contains("padding comes last"))
        #expect(try fault { own, _ in own.states = try .zeros([2, 30, 41]) }.contains("40"))
        #expect(try fault { _, latents in latents = try .zeros([2, 7, 8, 16]) }.contains("multiples of 2"))
        #expect(try fault { _, latents in latents = try .zeros([2, 34, 8, 16]) }.contains("17 rows"))
        #expect(
            try fault { own, _ in own = Conditioning(states: try .zeros([2, 40, 40])) }.contains("40 tokens of a text"))
        for (key, value, word) in [
            ("axes_dim_rope", JSON.array([.integer(8), .integer(8), .integer(10)]), "24"),
            ("axes_lens", .array([.integer(8)]), "three"), ("num_kv_heads", .integer(3), "4 of queries"),
            ("num_attention_heads", .integer(5), "96 channels"), ("rope", .boolean(true), "rope"),
            ("out_channels", .integer(8), "16"), ("num_layers", .integer(3), "layers.2"),
        ] {
            let text = try reference.fault(in: folder) {
                $0.set(key, value)
            } open: {
                _ = try Lumina2Transformer2DModel($0, dtype: .f32)
            }
            #expect(text.contains(word), "\(text)")
        }
    }

    /// Rows of the picture keep the length that they have in the prompt's answer, or the whole does, in the first steps.
    @Test func guidanceKeepsLengths() throws {
        let positive = try Tensor(uniform("positive", [2, 3, 4, 2], -1, 1), shape: [2, 3, 4, 2])
        let negative = try Tensor(uniform("negative", [2, 3, 4, 2], -1, 1), shape: [2, 3, 4, 2])
        func guidance(_ kept: NormalizedGuidance.Length?, share: Double = 1) -> NormalizedGuidance {
            NormalizedGuidance(scale: 4, share: share, keeping: kept)
        }
        #expect((0..<50).filter { guidance(.row, share: 0.25).isUsed(step: $0, of: 50) } == Array(0..<12))
        #expect((0..<4).allSatisfy { guidance(.row).isUsed(step: $0, of: 4) })
        let plain = try ClassifierFreeGuidance(scale: 4).combine(negative: negative, positive: positive)
        // What has one length is multiplied by one number: a row of a channel, `[N, H, 1, C]`, or a picture, `[N, 1]`.
        for (kept, shape, axis) in [(NormalizedGuidance.Length.row, [2, 3, 4, 2], 2), (.whole, [2, 24], 1)] {
            let found = try guidance(kept).combine(negative: negative, positive: positive)
            func lengths(_ x: Tensor) throws -> Tensor { try x.reshaped(shape).norm(axis) }
            #expect(try relativeError(lengths(found).reshaped([-1]), lengths(positive).reshaped([-1])) < 1e-6)
            let factors = zip(try found.array(Float.self), try plain.array(Float.self)).map { $0 / $1 }
            #expect(try Tensor(factors, shape: shape).std(axis).max().item().double < 1e-5)
            #expect(Set(factors.map { Int($0 * 1e4) }).count >= (kept == .row ? 6 : 2))
        }
        #expect(
            try guidance(nil).combine(negative: negative, positive: positive).array(Float.self)
                == plain.array(Float.self))
    }
}

import Diffusion
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// A network of the script, with its class.
private func network(_ kind: String, _ name: String) throws -> ReferenceNetwork {
    var reference = try ReferenceNetwork(kind, name)
    reference.set("_class_name", .string(kind == "sd3" ? "SD3Transformer2DModel" : "FluxTransformer2DModel"))
    return reference
}

/// What the script asked a network of two streams.
private struct Question {
    let latents: Tensor
    let conditioning: Conditioning
    let timestep: Float
    let guidance: Float?

    init(_ reference: ReferenceNetwork) throws {
        let shape = reference.numbers("latents")
        let tokens = reference.facts["tokens"]?.integer ?? 0
        let width = reference.config["joint_attention_dim"]?.integer ?? 0
        let pooled = reference.config["pooled_projection_dim"]?.integer ?? 0
        latents = try reference.input("latents", shape + [reference.facts["channels"]?.integer ?? 0])
        conditioning = Conditioning(
            states: try reference.input("context", [shape[0], tokens, width]),
            pooled: try reference.input("pooled", [shape[0], pooled]))
        timestep = Float(reference.facts["timestep"]?.number ?? -1)
        guidance = reference.facts["guidance"]?.number.map { Float($0) }
    }

    func answer(_ denoiser: any Denoiser) throws -> Tensor {
        try denoiser.forward(latents, timestep: timestep, conditioning: conditioning, guidance: guidance)
    }
}

@Suite("SD3Transformer2DModel and FluxTransformer2DModel") struct JointTransformerTests {
    @Test(arguments: [("sd3", 3), ("flux", 2)]) func equalDiffusers(kind: String, count: Int) throws {
        let names = try ReferenceNetwork.names(kind)
        #expect(names.count == count)
        for name in names {
            let reference = try network(kind, name)
            let folder = try reference.folder()
            let question = try Question(reference)
            for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
                let opened = try DenoiserRegistry.standard.open(folder.path, dtype: dtype)
                // Twice: the second pass runs on what the first one has made.
                for _ in 0..<2 {
                    let error = try relativeError(question.answer(opened), reference.expected())
                    #expect(error < tolerance, "\(kind) \(name) \(dtype): \(error)")
                }
            }
        }
    }

    private func fault(
        _ denoiser: any Denoiser, _ question: Question,
        _ change: (inout Conditioning, inout Tensor, inout Float?) throws -> Void
    ) throws -> String {
        var (conditioning, latents, guidance) = (question.conditioning, question.latents, question.guidance)
        try change(&conditioning, &latents, &guidance)
        return message {
            _ = try denoiser.forward(
                latents, timestep: question.timestep, conditioning: conditioning, guidance: guidance)
        }
    }

    @Test func whatTheyDoNotReadIsRefused() throws {
        for (kind, name, channels) in [("sd3", "medium", 16), ("flux", "dev", 4)] {
            let reference = try network(kind, name)
            let folder = try reference.folder()
            let denoiser = try DenoiserRegistry.standard.open(folder.path, dtype: .f32)
            let question = try Question(reference)
            #expect(denoiser.pooledWidth == 20 && denoiser.contextWidth == 40 && denoiser.latentChannels == channels)
            #expect(try fault(denoiser, question) { own, _, _ in own.pooled = nil }.contains("[2, 20], got none"))
            #expect(try fault(denoiser, question) { own, _, _ in own.pooled = try .zeros([2, 4]) }.contains("[2, 4]"))
            #expect(
                try fault(denoiser, question) { own, _, _ in own.mask = try .ones([2, 30], .i64) }.contains("mask"))
            #expect(
                try fault(denoiser, question) { own, _, _ in own.states = try .zeros([2, 30, 41]) }.contains("40"))
            #expect(
                try fault(denoiser, question) { _, latents, _ in latents = try .zeros([2, 7, 8, channels]) }
                    .contains("multiples of 2"))
        }
        let medium = try ReferenceNetwork("sd3", "medium")
        let folders = (try medium.folder(), try ReferenceNetwork("flux", "dev").folder())
        let sd3 = try SD3Transformer2DModel(folders.0.path, dtype: .f32)
        #expect(try fault(sd3, Question(medium)) { _, _, guidance in guidance = 3 }.contains("guidance"))
        #expect(
            try fault(sd3, Question(medium)) { _, latents, _ in latents = try .zeros([2, 26, 8, 16]) }
                .contains("12 × 12"))
        let dev = try ReferenceNetwork("flux", "dev")
        let flux = try FluxTransformer2DModel(folders.1.path, dtype: .f32)
        #expect(try fault(flux, Question(dev)) { _, _, guidance in guidance = nil }.contains("guidance scale"))
    }

    @Test func configurationsThatAreNotSupportedAreNamed() throws {
        let cases: [(String, String, [(String, JSON, String)])] = [
            (
                "sd3", "medium",
                [
                    ("caption_projection_dim", .integer(40), "48"), ("out_channels", .integer(8), "16"),
                    ("qk_norm", .string("layer_norm"), "rms_norm"),
                    ("num_layers", .integer(1), "dual_attention_layers"),
                    ("dual_attention_layers", .array([.string("all")]), "list of layers"),
                    ("rope", .boolean(true), "rope"), ("pos_embed_max_size", .integer(11), "pos_embed.pos_embed"),
                ]
            ),
            (
                "flux", "dev",
                [
                    ("axes_dims_rope", .array([.integer(4), .integer(6), .integer(8)]), "16"),
                    ("in_channels", .integer(18), "two rows"), ("patch_size", .integer(2), "patch_size"),
                    ("guidance_embeds", .boolean(false), "guidance_embedder"),
                    ("num_single_layers", .integer(3), "single_transformer_blocks.2"), ("rope", .boolean(true), "rope"),
                ]
            ),
        ]
        for (kind, name, changes) in cases {
            let reference = try network(kind, name)
            let folder = try reference.folder()
            for (key, value, word) in changes {
                let text = try reference.fault(in: folder) {
                    $0.set(key, value)
                } open: {
                    _ = try DenoiserRegistry.standard.open($0, dtype: .f32)
                }
                #expect(text.contains(word), "\(key): \(text)")
            }
        }
    }
}

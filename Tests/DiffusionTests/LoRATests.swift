import Checkpoints
import Diffusion
import Encoders
import EngineCPU
import Files
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

private let fixtures = Places.fixtures("diffusion") + "/lora"

private func expected(_ name: String) throws -> Tensor { try Checkpoint.open(fixtures + "/expected.safetensors")[name] }

/// The networks that the files of Tests/Parity/generators/diffusion_lora.py are for.
private struct Networks {
    let folders: [Scratch]
    let unet: UNet2DConditionModel
    let pixart: PixArtTransformer2DModel
    let text: CLIPTextEncoder

    init(_ dtype: DType = .f32) throws {
        let clip = try Scratch()
        try clip.write(
            "config.json",
            """
            {"model_type": "clip_text_model", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 160,
             "num_hidden_layers": 3, "num_attention_heads": 4, "hidden_act": "quick_gelu", "eos_token_id": 99}
            """)
        let network = try CLIPTextNetwork(config: clip.path + "/config.json")
        try SafeTensors.write(
            clip.path + "/model.safetensors",
            network.parameters.parameters.map { parameter in
                let values = weightValues(parameter.name, parameter.shape, salt: "clip-quick.")
                return (name: "text_model." + parameter.name, tensor: try Tensor(values, shape: parameter.shape))
            })
        folders = [
            try ReferenceNetwork("unet", "odd").folder(), try ReferenceNetwork("pixart", "sigma").folder(), clip,
        ]
        unet = try UNet2DConditionModel(folders[0].path, dtype: dtype)
        pixart = try PixArtTransformer2DModel(folders[1].path, dtype: dtype)
        text = try CLIPTextEncoder(folders[2].path, dtype: dtype)
    }

    var stable: [String: PipelinePart] { ["unet": .denoiser(unet), "text_encoder": .textEncoder(text)] }
    var transformer: [String: PipelinePart] { ["transformer": .denoiser(pixart)] }

    func unetAnswer() throws -> Tensor {
        let reference = try ReferenceNetwork("unet", "odd")
        return try unet.forward(
            reference.input("latents", [1, 7, 10, 4]), timestep: 500, context: reference.input("context", [1, 5, 24]))
    }

    func pixartAnswer() throws -> Tensor {
        let reference = try ReferenceNetwork("pixart", "sigma")
        let marks = [30, 7].flatMap { count in (0..<30).map { Int64($0 < count ? 1 : 0) } }
        return try pixart.forward(
            reference.input("latents", [2, 16, 16, 4]), timestep: 999,
            conditioning: Conditioning(
                states: reference.input("context", [2, 30, 40]), mask: Tensor(marks, shape: [2, 30])))
    }

    /// Every seventh token.
    func textAnswer() throws -> Tensor {
        var ids = uniform("clip-quick.ids", [2, 77], 0, 100).map { Int64($0) }
        for text in 0..<2 { ids[text * 77 + 11] = 99 }
        let states = try text.states(Tensor(ids, shape: [2, 77]))
        return try Tensor.cat(try stride(from: 0, to: 77, by: 7).map { try states.narrow(1, $0, 1) }, axis: 1)
    }
}

private func adapter(_ name: String, _ scale: Double = 1) throws -> Adapter {
    try Adapter("\(fixtures)/\(name)", scale: scale)
}

@Suite struct LoRATests {
    @Test func answersAreThoseOfDiffusers() throws {
        for (name, files) in [
            ("diffusers-1", [("diffusers.safetensors", 1.0)]), ("diffusers-0.6", [("diffusers.safetensors", 0.6)]),
            ("old-0.6", [("old.safetensors", 0.6)]), ("kohya-1", [("kohya.safetensors", 1)]),
            ("kohya-0.6", [("kohya.safetensors", 0.6)]),
            ("three", [("diffusers.safetensors", 1), ("kohya.safetensors", 0.6), ("old.safetensors", -0.4)]),
        ] {
            let networks = try Networks()
            let notes = try Adapter.apply(files.map { try adapter($0.0, $0.1) }, to: networks.stable)
            #expect(notes.count == files.count && notes[0].contains("unet ("))
            let (unet, text) = (try networks.unetAnswer(), try networks.textAnswer())
            #expect(try relativeError(unet, expected(name + ".unet")) < 2e-5, "\(name)")
            #expect(try relativeError(text, expected(name + ".text")) < 2e-5, "\(name)")
            #expect(try relativeError(unet, expected("none.unet")) > 0.02, "\(name)")
        }
    }

    @Test func answersAreThoseOfPeft() throws {
        for (name, file, scale) in [
            ("peft-1", "peft", 1.0), ("peft-0.6", "peft", 0.6), ("toolkit-1", "toolkit.safetensors", 1),
            ("toolkit-0.6", "toolkit.safetensors", 0.6),
        ] {
            let networks = try Networks()
            _ = try Adapter.apply([adapter(file, scale)], to: networks.transformer)
            #expect(try relativeError(networks.pixartAnswer(), expected(name)) < 2e-5, "\(name)")
        }
        let networks = try Networks()
        _ = try Adapter.apply([adapter("convolutions", 0.6)], to: networks.stable)
        #expect(try relativeError(networks.unetAnswer(), expected("convolutions-0.6")) < 2e-5)
    }

    @Test func halfPrecisionRoundsTheSumOnce() throws {
        let networks = try Networks(.bf16)
        _ = try Adapter.apply([adapter("kohya.safetensors", 0.6)], to: networks.stable)
        #expect(try relativeError(networks.unetAnswer(), expected("kohya-0.6.unet")) < 3e-2)
        #expect(try relativeError(networks.textAnswer(), expected("kohya-0.6.text")) < 3e-2)
    }

    @Test func noScaleIsNoLoRA() throws {
        let (plain, changed) = (try Networks(), try Networks())
        _ = try Adapter.apply([adapter("kohya.safetensors", 0)], to: changed.stable)
        #expect(try changed.unetAnswer().array(Float.self) == plain.unetAnswer().array(Float.self))
        #expect(try changed.textAnswer().array(Float.self) == plain.textAnswer().array(Float.self))
    }

    @Test func sumsAreMadeAgainAfterMemoryWasGivenBack() throws {
        let networks = try Networks()
        _ = try Adapter.apply([adapter("kohya.safetensors")], to: networks.stable)
        let first = try networks.unetAnswer().array(Float.self)
        networks.unet.loaded?.model.release()
        #expect(try networks.unetAnswer().array(Float.self) == first)
    }

    @Test(arguments: [DType.f32, .bf16]) func streamedWeightsGiveTheSameBits(dtype: DType) throws {
        let (held, streamed) = (try Networks(dtype), try Networks(dtype))
        for networks in [held, streamed] {
            _ = try Adapter.apply([adapter("kohya.safetensors", 0.6)], to: networks.stable)
            _ = try Adapter.apply([adapter("peft")], to: networks.transformer)
        }
        for part in [streamed.unet.loaded, streamed.pixart.loaded, streamed.text.loaded] {
            part?.model.executor.isStreaming = true
        }
        let plan = try #require(streamed.pixart.loaded)
        let sizes = plan.sizes
        #expect(sizes.streamed.working <= sizes.all && sizes.streamed.resting < sizes.all / 2)
        for _ in 0..<2 {
            #expect(try streamed.unetAnswer().array(Float.self) == held.unetAnswer().array(Float.self))
            #expect(try streamed.pixartAnswer().array(Float.self) == held.pixartAnswer().array(Float.self))
            #expect(try streamed.textAnswer().array(Float.self) == held.textAnswer().array(Float.self))
        }
        let counts = try [held, streamed].map {
            try #require($0.pixart.loaded?.model.executor as? CPUExecutor).weightCount
        }
        #expect(counts[1] < counts[0] / 3, "\(counts)")
    }

    @Test func plansSayWhatIsHeldAndRefuseWhatCannotBe() throws {
        let networks = try Networks()
        let plan = MemoryPlan(networks.stable, dtype: .f32)
        #expect(
            plan.parts.map(\.name) == ["text_encoder", "unet"] && plan.phases.map(\.name) == ["texts", "denoising"])
        #expect(plan.peak == plan.parts.reduce(0) { $0 + $1.weights } && !plan.isStreamed)
        try plan.check(available: plan.peak)
        let refusal = message { try plan.check(available: plan.peak - 1) }
        for word in ["in denoising", "dtype = \"bf16\"", "stream = true"] {
            #expect(refusal.contains(word), "\(refusal)")
        }
        networks.unet.loaded?.model.executor.isStreaming = true
        networks.text.loaded?.model.executor.isStreaming = true
        let streamed = MemoryPlan(networks.stable, dtype: .f32)
        #expect(streamed.isStreamed && streamed.peak < plan.peak)
        #expect(!message { try streamed.check(available: 1) }.contains("stream = true"))
        #expect(streamed.text(available: 5_000_000_000).hasSuffix("beside activations; 5.0 GB are free"))
    }

    @Test func whatDoesNotFitIsSaid() throws {
        let networks = try Networks()
        func fault(_ adapters: [Adapter], _ parts: [String: PipelinePart]) -> String {
            message { _ = try Adapter.apply(adapters, to: parts) }
        }
        let none = fault([try adapter("toolkit.safetensors")], networks.stable)
        #expect(none.contains("matched 0 of 19 layers"), "\(none)")
        #expect(!none.contains(" more\n") && none.contains("a layer of it is called"), "\(none)")
        let names = try Checkpoint.open(fixtures + "/toolkit.safetensors").names.filter { $0.contains("lora_A") }
        #expect(names.count == 19 && names.allSatisfy(none.contains), "\(none)")
        let some = fault([try adapter("kohya.safetensors")], ["unet": .denoiser(networks.unet)])
        #expect(some.contains("18 match nothing in unet: lora_te_text_model_encoder_layers_0"), "\(some)")
        // The first file fits, the second does not: no weight is changed.
        _ = fault([try adapter("diffusers.safetensors"), try adapter("toolkit.safetensors")], networks.stable)
        #expect(try relativeError(networks.unetAnswer(), expected("none.unet")) < 2e-5)
        let other = try ReferenceNetwork("unet", "sd1").folder()
        let wide = try UNet2DConditionModel(other.path, dtype: .f32)
        let shapes = fault([try adapter("diffusers.safetensors")], ["unet": .denoiser(wide)])
        #expect(shapes.contains("of another shape") && shapes.contains("made for another model"), "\(shapes)")
        let part = message {
            _ = try Adapter.apply([Adapter(fixtures + "/peft", part: "vae")], to: networks.transformer)
        }
        #expect(part.contains("no part \"vae\"") && part.contains("transformer"), "\(part)")
        #expect(message { _ = try Adapter(fixtures + "/peft", scale: .nan) }.contains("scale"))
        #expect(message { _ = try Adapter(fixtures + "/none.safetensors") }.contains("none.safetensors was not found"))
    }
}

import Checkpoints
import Diffusion
import Files
import Foundation
import Language
import Tensors
import TestSupport
import Testing

/// A small LLM-CXR with weights by formula: 426 ids of texts, 24 codes, 4 codes a picture of 4 x 4 pixels.
private struct SmallLLMCXR {
    static let codes = 24
    static let firstCode = 426
    let language: Scratch
    let vqgan: Scratch

    /// - Parameters:
    ///   - chances: logarithms of the chances of ids, whatever stands before; nil is what the weights by formula give.
    ///   - vocabulary: how many ids have scores.
    ///   - tokens: the added tokens.
    init(
        chances: [Int: Float]? = nil, vocabulary: Int = firstCode + codes, positions: Int = 1024,
        tokens: [String] = ["### End", "### Instruction:", "### Response:\n"]
    ) throws {
        language = try Scratch()
        try language.write(
            "config.json",
            """
            {"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "vocab_size": \(vocabulary), "hidden_size": 32,
             "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "rotary_pct": 0.5,
             "max_position_embeddings": \(positions), "eos_token_id": 0, "bos_token_id": 0}
            """)
        let parameters = try LanguageRegistry.standard.entries["gpt-neox"]?.parameters(language.path + "/config.json")
        var tensors = try (parameters ?? []).map { name, shape -> (name: String, tensor: Tensor) in
            var values = weightValues(name, shape, salt: "llmcxr.")
            if let chances {
                // The last normalisation gives (1, 0, 0, …), so that scores are the first column of the head.
                if name.hasPrefix("gpt_neox.final_layer_norm") {
                    values = [Float](repeating: 0, count: values.count)
                    if name.hasSuffix("bias") { values[0] = 1 }
                }
                if name == "embed_out.weight" {
                    for id in 0..<shape[0] { values[id * shape[1]] = chances[id] ?? -30 }
                }
            } else if name == "embed_out.weight" {
                values = values.map { 4 * $0 }
            }
            return (name, try Tensor(values, shape: shape))
        }
        for name in ["bias", "masked_bias", "rotary_emb.inv_freq"] {
            tensors.append(("gpt_neox.layers.1.attention.\(name)", try .zeros([1, 1, 3, 3])))
        }
        try SafeTensors.write(language.path + "/model.safetensors", tensors)
        var tokenizer = try JSON.read(Places.fixtures("tokenizers/pieces/neox/tokenizer.json"))
        let known = tokenizer["added_tokens"]?.array ?? []
        let added = tokens.enumerated().map { index, text in
            JSON.object([
                ("id", .integer(423 + index)), ("content", .string(text)), ("special", .boolean(true)),
                ("normalized", .boolean(false)),
            ])
        }
        tokenizer = .object(
            (tokenizer.object ?? []).map { $0.key == "added_tokens" ? ($0.key, .array(known + added)) : $0 })
        try language.write("tokenizer.json", tokenizer.text())

        var reference = try ReferenceVQGAN("halved")
        reference.yaml = reference.yaml.replacingOccurrences(of: "resolution: 16", with: "resolution: 4")
            .replacingOccurrences(of: "attn_resolutions: [8]", with: "attn_resolutions: [2]")
        vqgan = try reference.folder()
    }

    func opened(_ dtype: DType = .f32) throws -> any TextToImage {
        try PipelineRegistry.standard.open(language.path, beside: ["vqgan": vqgan.path], dtype: dtype)
    }
}

/// Options of pictures.
private func options(
    _ pipeline: any TextToImage, _ prompts: [String], seed: UInt64 = 5,
    _ family: [String: JSON] = ["mask": .boolean(true)]
) -> GenerationOptions {
    var options = GenerationOptions(
        prompts: prompts, seeds: prompts.indices.map { seed + UInt64($0) }, pipeline.defaults)
    options.text.family = family
    return options
}

/// The codes and pictures of a process that is done in one step.
private func made(_ pipeline: any TextToImage, _ options: GenerationOptions) throws -> (
    codes: [[Int64]], pictures: Tensor
) {
    let process = try pipeline.begin(options)
    #expect(process.steps == 1)
    if !process.isDone { try process.advance() }
    #expect(message { try process.advance() }.contains("all codes are written"))
    let codes = try #require(process.codes)
    return (
        try (0..<codes.shape[0]).map { try codes.narrow(0, $0, 1).contiguous().array(Int64.self) },
        try pipeline.finish(process, isTiled: false)
    )
}

@Suite("LLM-CXR") struct LLMCXRTests {
    static let reports = ["No acute cardiopulmonary process.", "Small left pleural effusion.", ""]

    @Test func thePromptIsTheReferences() throws {
        #expect(LLMCXRPrompt.instructions.count == 10)
        #expect(SHA256.hex(of: LLMCXRPrompt.instructions.joined(separator: "\n")).hasPrefix("5fd6c2ee228349ac"))
        #expect(
            LLMCXRPrompt.text("Draw.", "Clear lungs.")
                == "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
                + "### Instruction:\nDraw.\n\nInput:\nClear lungs.\n\n### Response:\n")
    }

    @Test(arguments: [DType.f32, .bf16]) func aPictureOfAListIsWhatItIsAlone(dtype: DType) throws {
        let small = try SmallLLMCXR()
        let pipeline = try small.opened(dtype)
        let all = options(pipeline, Self.reports)
        let (codes, pictures) = try made(pipeline, all)
        #expect(pictures.shape == [3, 4, 4, 3] && pictures.dtype == .u8)
        #expect(codes.allSatisfy { $0.count == 4 && $0.allSatisfy { (0..<24).contains($0) } } && codes[0] != codes[1])
        for index in 0..<3 {
            let (own, picture) = try made(pipeline, all.one(index))
            #expect(own == [codes[index]])
            #expect(try picture.array(UInt8.self) == pictures.narrow(0, index, 1).contiguous().array(UInt8.self))
        }
        // The VQGAN's answer, cut and rounded down.
        let vqgan = try VQGAN(small.vqgan.path)
        let drawn = try vqgan.decode(Tensor(Array(codes.joined()), shape: [3, 4])).array(Float.self)
        let levels = drawn.map { value -> UInt8 in
            let cut = min(max(value, -1), 1)
            return UInt8((cut + 1) / 2 * 255)
        }
        #expect(try pictures.array(UInt8.self) == levels)
        #expect(try made(pipeline, options(pipeline, Self.reports, seed: 77)).codes != codes)
        #expect(pipeline.dtype == dtype && pipeline.className == "LLMCXRPipeline" && pipeline.schedulerName == "none")
    }

    /// Each code is among those that reach top_p behind the prompt and the codes before it.
    @Test func codesAreDrawnFromTheScores() throws {
        let small = try SmallLLMCXR()
        let pipeline = try small.opened()
        let model = try LanguageRegistry.standard.open(small.language.path, dtype: .f32)
        let instruction = "Draw the chest."
        let prompt = model.tokenizer.ids(LLMCXRPrompt.text(instruction, Self.reports[0]))
        #expect(prompt.contains(424) && prompt.last == 425 && !prompt.contains(423))
        var draws = Set<[Int64]>()
        for seed in 0..<12 {
            let settings: [String: JSON] = [
                "mask": .boolean(true), "instruction": .string(instruction), "top_p": .number(0.8),
                "temperature": .number(1.5),
            ]
            let codes = try made(pipeline, options(pipeline, [Self.reports[0]], seed: UInt64(seed), settings)).codes[0]
            draws.insert(codes)
            let ids = prompt.map(Int64.init) + codes.map { $0 + 426 }
            let scores = try model.logits(Tensor(ids, shape: [1, ids.count]))
            for (place, code) in codes.enumerated() {
                let row = try scores.narrow(1, prompt.count + place - 1, 1).contiguous().array(Float.self)[426...]
                let weights = row.map { exp(Double($0) / 1.5) }
                let before = weights.filter { $0 > weights[Int(code)] * 1.0001 }.reduce(0, +)
                #expect(before < 0.8 * weights.reduce(0, +), "seed \(seed), place \(place)")
            }
        }
        #expect(draws.count > 2)
        // The best alone: no chance is left.
        let best = options(
            pipeline, [Self.reports[0]], ["mask": .boolean(true), "top_k": .integer(1), "instruction": .string("x")])
        var other = best
        other.seeds = [99]
        #expect(try made(pipeline, best).codes == made(pipeline, other).codes)
    }

    /// Texts end with the token for their end alone, and are written again until one has exactly the codes of a picture.
    @Test func textsWithoutExactlyTheCodesAreWrittenAgain() throws {
        // A code in four of five tokens, the end in the fifth; ids of texts between them now and then.
        var chances: [Int: Float] = [423: log(0.2), 0: log(0.05), 100: log(0.05)]
        for code in 0..<24 { chances[426 + code] = log(0.7 / 24) }
        let pipeline = try SmallLLMCXR(chances: chances).opened()
        let free: [String: JSON] = ["top_p": .number(1), "attempts": .integer(1000)]
        let prompts = [String](repeating: "x", count: 6)
        let (codes, _) = try made(pipeline, options(pipeline, prompts, free))
        #expect(Set(codes).count > 4)
        for index in 0..<6 {
            #expect(try made(pipeline, options(pipeline, prompts, free).one(index)).codes == [codes[index]])
        }
        // With one attempt most have another number; the error says it, and what to do.
        let once = options(pipeline, prompts, ["top_p": .number(1), "attempts": .integer(2)])
        let found = message { _ = try made(pipeline, once) }
        #expect(found.contains("none of 2 texts had the 4 codes") && found.contains("mask = true"), "\(found)")
        #expect(found.contains(#/they had \d+, \d+/#), "\(found)")
        // Those before it are made.
        let ready = (try? pipeline.prepare(once, keptIn: nil)) ?? 0
        var failed = 0
        for index in 0..<6 where (try? made(pipeline, once.one(index))) == nil {
            failed = index
            break
        }
        #expect(failed == ready)
        #expect(
            try made(pipeline, options(pipeline, prompts, ["mask": .boolean(true)])).codes.allSatisfy { $0.count == 4 })
    }

    @Test func codesThatAreWrittenAheadAreKept() throws {
        let small = try SmallLLMCXR()
        let folder = try Scratch()
        let prompts = (0..<11).map { "Report \($0)." }
        let pipeline = try small.opened()
        let all = options(pipeline, prompts)
        let (codes, _) = try made(pipeline, all)
        #expect(try pipeline.prepare(all, keptIn: folder.path) == 8)
        // Another process takes them up, and writes the rest.
        let second = try small.opened()
        #expect(try second.prepare(all, keptIn: folder.path) == 11)
        for index in 0..<11 {
            let process = try second.begin(all.one(index))
            #expect(process.isDone)
            #expect(try process.codes?.array(Int64.self) == codes[index])
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["codes.safetensors"])
        // Those of other pictures go, and a damaged file is no error.
        #expect(try second.prepare(all.pictures(9..<11), keptIn: folder.path) == 2)
        #expect(try Checkpoint.open(folder.path + "/codes.safetensors").names.count >= 2)
        try folder.write("codes.safetensors", "damaged")
        let third = try small.opened()
        #expect(try third.prepare(all.pictures(9..<11), keptIn: folder.path) == 2)
        #expect(try made(third, all.pictures(9..<11)).codes == Array(codes[9...]))
        // Codes that are none of a picture are written anew.
        let saved = try Checkpoint.open(folder.path + "/codes.safetensors")
        try SafeTensors.write(
            folder.path + "/codes.safetensors",
            saved.names.enumerated().map { index, name in
                (
                    name: name,
                    tensor: try Tensor(
                        index == 0 ? [1, 2, 3] : [-1, 9999, 0, 1] as [Int64], shape: [index == 0 ? 3 : 4])
                )
            }, metadata: saved.metadata)
        let fourth = try small.opened()
        #expect(try made(fourth, all.pictures(9..<11)).codes == Array(codes[9...]))
        #expect(try fourth.prepare(all.pictures(9..<11), keptIn: folder.path) == 2)
        for index in 9..<11 {
            #expect(try fourth.begin(all.one(index)).codes?.array(Int64.self) == codes[index])
        }
        // Generation tells of both.
        var (seen, moments) = ([[Int64]](), [Bool]())
        var generation = Generation(pipeline, all)
        generation.heard = { seen.append(try $1.array(Int64.self)) }
        try generation.run {
            moments.append($0.isResumed)
        } finished: { _, _ in
        }
        #expect(seen == codes && moments == [Bool](repeating: true, count: 11))
    }

    @Test func aStateHoldsTheCodes() throws {
        let pipeline = try SmallLLMCXR().opened()
        let one = options(pipeline, ["a"])
        let process = try pipeline.begin(one)
        #expect(try process.state().isEmpty && process.latents.shape == [1, 0])
        #expect(message { _ = try pipeline.finish(process, isTiled: false) }.contains("not written"))
        try process.advance()
        let again = try pipeline.begin(one)
        try again.restore(process.state())
        #expect(try again.isDone && again.latents.array(Int64.self) == process.latents.array(Int64.self))
        #expect(message { try again.restore(["codes": .full([1, 4], .integer(24), .i64)]) }.contains("below 24"))
        #expect(message { try again.restore([:]) }.contains("[1, 4]"))
        #expect(message { _ = try pipeline.finish(again, isTiled: true) }.contains("tiled"))
    }

    @Test func optionsThatItLacksAreNamed() throws {
        let pipeline = try SmallLLMCXR(positions: 160).opened()
        func fault(_ change: (inout GenerationOptions) -> Void) -> String {
            var changed = options(pipeline, ["a", "b"])
            change(&changed)
            return message { _ = try pipeline.settings(changed) }
        }
        #expect(throws: Never.self) { _ = try pipeline.settings(options(pipeline, ["a", "b"])) }
        for (name, found) in [
            ("steps", fault { $0.steps = 20 }), ("guidance_scale", fault { $0.guidanceScale = 4 }),
            ("width", fault { $0.width = 8 }), ("height", fault { $0.height = 8 }), ("eta", fault { $0.eta = 1 }),
            ("scheduler", fault { $0.scheduler = "DDIMScheduler" }),
            ("negative_prompt", fault { $0.negativePrompts[1] = "x" }),
            ("latents", fault { $0.latents = try? Tensor.zeros([2, 2, 2, 4]) }),
            ("cfg_trunc_ratio", fault { $0.text.family["cfg_trunc_ratio"] = .number(1) }),
            ("instruction", fault { $0.text.family["instruction"] = .boolean(false) }),
            ("temperature", fault { $0.text.family["temperature"] = .number(0) }),
            ("top_p", fault { $0.text.family["top_p"] = .number(2) }),
            ("top_k", fault { $0.text.family["top_k"] = .integer(-1) }),
            ("attempts", fault { $0.text.family["attempts"] = .integer(0) }),
            ("effusion effusion", fault { $0.prompts[1] = String(repeating: "effusion ", count: 60) }),
            ("seeds", fault { $0.seeds = [1] }), ("no prompt", fault { $0.prompts = [] }),
        ] {
            #expect(found.contains(name), "\(name): \(found)")
        }
        #expect(message { _ = try pipeline.encode(["a"], TextOptions()) }.contains("no denoiser"))
        // Other families refuse what this one has.
        let other = try DiffusionPipeline.standIn()
        #expect(message { _ = try other.settings(options(other, ["a"])) }.contains("\"mask\""))
    }

    @Test func partsThatDoNotFitAreRefused() throws {
        let small = try SmallLLMCXR()
        func fault(_ language: String, _ vqgan: String?) -> String {
            message {
                _ = try PipelineRegistry.standard.open(
                    language, beside: vqgan.map { ["vqgan": $0] } ?? [:], dtype: .f32)
            }
        }
        let alone = fault(small.language.path, nil)
        #expect(alone.contains("gpt_neox") && alone.contains("give vqgan"), "\(alone)")
        #expect(fault(small.vqgan.path, small.vqgan.path).contains("config.json"))
        #expect(fault(small.language.path, small.language.path).contains("no .yaml"))
        #expect(fault(small.language.path, small.language.path + "/nowhere").contains("nowhere"))
        for vocabulary in [449, 451, 1450] {
            let changed = try SmallLLMCXR(vocabulary: vocabulary)
            let found = fault(changed.language.path, small.vqgan.path)
            #expect(
                found.contains("\(vocabulary) ids") && found.contains("24 codes") && found.contains("426"), "\(found)")
        }
        let untrained = try SmallLLMCXR(tokens: ["### Ende", "### Instruction:", "### Response:\n"])
        let other = fault(untrained.language.path, small.vqgan.path)
        #expect(other.contains("### End"), "\(other)")
        try small.language.write("model_index.json", "{}")
        #expect(fault(small.language.path, small.vqgan.path).contains("leave vqgan out"))
        let folder = PipelineFolder(
            className: "LLMCXRPipeline", places: ["language": "x", "unet": "y"], scheduler: .null)
        #expect(message { _ = try PipelineRegistry.standard.open(folder, dtype: .f32) }.contains("\"vqgan\""))
        let diffusion = PipelineFolder(places: ["unet": "y"], scheduler: .null)
        #expect(message { _ = try PipelineRegistry.standard.open(diffusion, dtype: .f32) }.contains("\"scheduler\""))
    }

    @Test func filesIdentityAndMemory() throws {
        let small = try SmallLLMCXR()
        let pipeline = try small.opened()
        let names = pipeline.files.map { ($0.file as NSString).lastPathComponent }
        #expect(Set(names) == ["tokenizer.json", "config.json", "model.safetensors", "model.yaml", "last.ckpt"])
        #expect(try pipeline.identity == small.opened().identity && pipeline.identity != small.opened(.bf16).identity)
        let other = try SmallLLMCXR(positions: 1025).opened()
        #expect(other.identity != pipeline.identity)
        let plan = try #require(pipeline.memory)
        #expect(plan.parts.map(\.name) == ["language", "vqgan"] && plan.phases.map(\.name) == ["writing", "decoding"])
        let whole = try made(pipeline, options(pipeline, ["a"]))
        let streamed = try PipelineRegistry.standard.open(
            small.language.path, beside: ["vqgan": small.vqgan.path], dtype: .f32, streams: true)
        #expect(streamed.memory?.isStreamed == true)
        #expect(try made(streamed, options(streamed, ["a"])).codes == whole.codes)
    }
}

import Checkpoints
import Files
import Foundation
import Imaging
import Language
import Tensors
import TestSupport
import Testing

/// The model of Tests/Parity/generators/language_vision.py: 3 × 3 patches of 14, states of 128, three layers.
private struct ReferenceVision {
    let scratch: Scratch
    var base: String { scratch.path + "/base" }
    var vision: String { scratch.path + "/vision" }
    var projector: String { scratch.path + "/mm_projector.bin" }

    static func expected(_ name: String) throws -> [Float] {
        try Checkpoint.open(Places.fixtures("language/vision.safetensors"))[name].array(Float.self)
    }

    init() throws {
        scratch = try Scratch()
        let language = try ReferenceModel.all[0].folder()
        for file in ["config.json", "model.safetensors"] {
            try scratch.write("base/" + file, [UInt8](language.data(file)))
        }
        try scratch.write(
            "base/tokenizer.model",
            [UInt8](Data(contentsOf: URL(fileURLWithPath: Places.fixtures("tokenizers/pieces/llama/tokenizer.model")))))
        try scratch.write(
            "base/tokenizer_config.json",
            #"{"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}"#)
        try scratch.write("vision/biomedclipcxr_518.json", Self.description)
        try writeTower()
        try SafeTensors.write(
            projector,
            [("0", [48, 128]), ("2", [48, 48])].flatMap { place, shape in
                try [("weight", shape), ("bias", [48])].map { name, shape in
                    (
                        name: "base_model.model.model.mm_projector.\(place).\(name)",
                        tensor: try Tensor(
                            weightValues("\(place).\(name)", shape, salt: "projector."), shape: shape)
                    )
                }
            })
    }

    static let description = """
        {"embed_dim": 512, "vision_cfg": {"timm_model_name": "vit_base_patch14_dinov2.lvd142m", "timm_model_pretrained": false,
         "timm_pool": "", "timm_proj": "linear", "image_size": 42}, "text_cfg": {"context_length": 256}}
        """

    /// timm's names, as a training of open_clip wraps them, beside tensors of the texts' side.
    /// - Parameter change: puts other values in a tensor's place.
    func writeTower(layers: Int = 3, change: (String, Tensor) throws -> Tensor = { $1 }) throws {
        let (width, inner) = (128, 320)
        var shapes: [(String, [Int])] = [
            ("cls_token", [1, 1, width]), ("pos_embed", [1, 10, width]),
            ("patch_embed.proj.weight", [width, 3, 14, 14]),
            ("patch_embed.proj.bias", [width]), ("norm.weight", [width]), ("norm.bias", [width]),
        ]
        for layer in 0..<layers {
            shapes += [
                ("norm1.weight", [width]), ("norm1.bias", [width]), ("attn.qkv.weight", [3 * width, width]),
                ("attn.qkv.bias", [3 * width]), ("attn.proj.weight", [width, width]), ("attn.proj.bias", [width]),
                ("ls1.gamma", [width]), ("norm2.weight", [width]), ("norm2.bias", [width]),
                ("mlp.fc1.weight", [inner, width]), ("mlp.fc1.bias", [inner]), ("mlp.fc2.weight", [width, inner]),
                ("mlp.fc2.bias", [width]), ("ls2.gamma", [width]),
            ].map { ("blocks.\(layer)." + $0.0, $0.1) }
        }
        let tensors = try shapes.map { name, shape in
            (
                name: "module.visual.trunk." + name,
                tensor: try change(name, Tensor(weightValues(name, shape, salt: "tower."), shape: shape))
            )
        }
        let others = try ["module.logit_scale", "module.visual.head.proj.weight", "module.text.proj.0.weight"].map {
            (name: $0, tensor: try Tensor.zeros([2]))
        }
        try SafeTensors.write(vision + "/biomedclipcxr_518_checkpoint.pt", tensors + others)
    }

    func opened(_ dtype: DType = .f32, adapter: String? = nil, projector: String? = nil) throws -> LLaVARad {
        try LLaVARad(
            VisionLanguageFiles(
                base: base, adapter: adapter, projector: projector ?? (adapter == nil ? self.projector : nil),
                vision: vision), dtype: dtype)
    }

    /// The films of the generator.
    static func films() throws -> [Image] {
        try [(61, 83, true), (97, 55, false)].map { height, width, isColour in
            let noise = uniform("vision.\(height)", [height, width, 3], 0, 256)
            let bytes = noise.enumerated().map { index, value in
                UInt8((Int(UInt8(value)) + index / 3 % width + 2 * (index / 3 / width)) / 2 % 256)
            }
            if isColour { return try Image(width: width, height: height, mode: .rgb, pixels: bytes) }
            let gray = stride(from: 0, to: bytes.count, by: 3).map { bytes[$0] / 2 + 30 }
            return try Image(width: width, height: height, mode: .gray, pixels: gray)
        }
    }
}

private func every(_ step: Int, of tensor: Tensor) throws -> [Float] {
    let values = try tensor.contiguous().array(Float.self)
    return stride(from: 0, to: values.count, by: step).map { values[$0] }
}

@Suite struct VisionLanguageTests {
    @Test func pixelsStatesAndTokensEqualTheReference() throws {
        let reference = try ReferenceVision()
        for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
            let model = try reference.opened(dtype)
            let films = try ReferenceVision.films().map(model.preprocess)
            #expect(films.allSatisfy { $0.shape == [42, 42, 3] && $0.dtype == .u8 })
            let (mean, deviation): ([Float], [Float]) = (
                [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
            )
            let bytes = try films.flatMap { try $0.contiguous().array(UInt8.self) }
            let pixels = bytes.enumerated().map { (Float($1) / 255 - mean[$0 % 3]) / deviation[$0 % 3] }
            let wanted = try ReferenceVision.expected("pixels")
            let own = stride(from: 0, to: pixels.count, by: 11).map { pixels[$0] }
            #expect(zip(own, wanted).allSatisfy { abs($0 - $1) < 1e-5 } && own.count == wanted.count)
            for (layer, skipped) in [("-2", 1), ("-1", 0), ("1", 2)] {
                let states = try model.tower.patches(films, skipping: skipped)
                let error = relativeError(try every(7, of: states), try ReferenceVision.expected("states.\(layer)"))
                #expect(states.shape == [2, 9, 128] && error < tolerance, "\(dtype) \(layer): \(error)")
            }
            let tokens = try model.tokens(films)
            #expect(tokens.map(\.shape) == [[9, 48], [9, 48]])
            let whole = try Tensor.cat(tokens.map { try $0.contiguous() }, axis: 0)
            let error = relativeError(try every(5, of: whole), try ReferenceVision.expected("tokens"))
            #expect(error < tolerance, "\(dtype), tokens: \(error)")
        }
    }

    @Test func answersEqualTheReference() throws {
        let model = try ReferenceVision().opened()
        let tokens = try model.tokens(ReferenceVision.films().map(model.preprocess))
        var options = WritingOptions()
        options.maximumTokens = 16
        let prompts = zip(ReferenceModel.texts(), tokens).map { ids, tokens in
            Prompt([.ids(Array(ids[..<15])), .vectors(tokens), .ids(Array(ids[15...]))])
        }
        for (row, answer) in try model.language.generate(prompts, options, watch: nil).enumerated() {
            #expect(answer.ids == (try ReferenceVision.expected("answer.\(row)").map { Int($0) }))
        }
    }

    @Test func theConversationIsLLaVAs() throws {
        let model = try ReferenceVision().opened()
        let (before, after) = try model.frame(" <image>\nIs the heart</s> large?\n")
        #expect(before == (try ReferenceVision.expected("before").map { Int($0) }))
        #expect(after == (try ReferenceVision.expected("after").map { Int($0) }))
        #expect(message { _ = try model.frame(" <image> ") }.contains("question"))
    }

    @Test func anAnswerOfAListIsTheAnswerAlone() throws {
        let model = try ReferenceVision().opened()
        // The vocabulary of 90 ids cannot say the question; vectors can.
        let films = try ReferenceVision.films().map(model.preprocess)
        let tokens = try model.tokens(films + films)
        for (place, film) in (films + films).enumerated() {
            #expect(try model.tokens([film])[0].array(Float.self) == tokens[place].contiguous().array(Float.self))
        }
    }

    @Test func anAdapterAndItsSettings() throws {
        let reference = try ReferenceVision()
        let folder = reference.scratch.path + "/adapter"
        func adapter(_ config: String) throws {
            try reference.scratch.write("adapter/config.json", config)
        }
        try reference.scratch.write(
            "adapter/non_lora_trainables.bin", reference.scratch.data("mm_projector.bin").map { $0 })
        try reference.scratch.write(
            "adapter/adapter_config.json",
            #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}"#)
        let names = (0..<3).map { "base_model.model.model.layers.\($0).self_attn.q_proj.lora_" }
        try SafeTensors.write(
            folder + "/adapter_model.bin",
            names.flatMap { name in
                [
                    (name: name + "A.weight", tensor: try Tensor(uniform(name + "A", [2, 48]), shape: [2, 48])),
                    (name: name + "B.weight", tensor: try Tensor(uniform(name + "B", [48, 2]), shape: [48, 2])),
                ]
            })
        let sizes = #""hidden_size": 48, "vocab_size": 90, "mm_hidden_size": 128, "image_aspect_ratio": "square""#
        try adapter("{\(sizes), \"mm_projector_type\": \"mlp2x_gelu\", \"mm_vision_select_layer\": -1}")
        let model = try reference.opened(adapter: folder)
        #expect(model.files.count == 10 && model.notes.contains { $0.contains("layers of language (3)") })
        let films = try ReferenceVision.films().map(model.preprocess)
        #expect(
            try model.states(films).array(Float.self) == model.tower.patches(films, skipping: 0).array(Float.self))
        let plain = try reference.opened()
        let ids = try Tensor([3, 4, 5] as [Int64], shape: [1, 3])
        #expect(try model.language.logits(ids).array(Float.self) != plain.language.logits(ids).array(Float.self))

        for (config, word) in [
            ("{\"vocab_size\": 91}", "vocab_size"), ("{\"hidden_size\": 64}", "hidden_size"),
            ("{\"mm_projector_type\": \"resampler\"}", "mm_projector_type"),
            ("{\"mm_vision_select_layer\": -9}", "mm_vision_select_layer"),
            ("{\"mm_vision_select_feature\": \"cls\"}", "mm_vision_select_feature"),
            ("{\"mm_use_im_start_end\": true}", "mm_use_im_start_end"),
            ("{\"mm_projector_type\": \"mlp3x_gelu\"}", "4."),
        ] {
            try adapter(config)
            #expect(message { _ = try reference.opened(adapter: folder) }.contains(word), "\(config)")
        }
    }

    /// What a network gives that is no number is told of that network, not of the one that reads it.
    @Test func numbersThatAreNoneAreToldWhereTheyBegin() throws {
        let reference = try ReferenceVision()
        func fault() -> String {
            message {
                let model = try reference.opened()
                let films = try ReferenceVision.films().map(model.preprocess)
                _ = try model.answer(films, ["?"], WritingOptions())
            }
        }
        let weights = try Checkpoint.open(reference.projector)
        for value in [Float.nan, .infinity] {
            try reference.writeTower {
                $0 == "blocks.0.mlp.fc2.bias" ? try Tensor([Float](repeating: value, count: 128), shape: [128]) : $1
            }
            #expect(
                fault().contains("vision tower: its output for input 1 is not finite")
                    && fault().contains("biomedclipcxr_518_checkpoint.pt"), "\(fault())")
            try reference.writeTower()
            try SafeTensors.write(
                reference.scratch.path + "/other.bin",
                weights.names.map {
                    (
                        $0,
                        $0.hasSuffix("2.bias")
                            ? try Tensor([Float](repeating: value, count: 48), shape: [48]) : try weights[$0]
                    )
                })
            let projected = message {
                let model = try reference.opened(projector: reference.scratch.path + "/other.bin")
                _ = try model.tokens(ReferenceVision.films().map(model.preprocess))
            }
            #expect(projected.contains("projector: its output") && projected.contains("other.bin"), "\(projected)")
        }
    }

    @Test func badFilesAreNamed() throws {
        let reference = try ReferenceVision()
        func fault() -> String { message { _ = try reference.opened() } }
        try reference.scratch.write("vision/other.json", "{}")
        #expect(fault().contains("other.json"))
        try FileManager.default.removeItem(atPath: reference.vision + "/other.json")
        for (text, word) in [
            ("{}", "vision_cfg"), ("{\"vision_cfg\": {\"timm_model_name\": \"resnet50\"}}", "timm_model_name"),
            (ReferenceVision.description.replacing("42}", with: "56}"), "pos_embed"),
            (ReferenceVision.description.replacing("42}", with: "42, \"patch_dropout\": 0.5}"), "patch_dropout"),
        ] {
            try reference.scratch.write("vision/biomedclipcxr_518.json", text)
            #expect(fault().contains(word), "\(fault())")
        }
        try reference.scratch.write("vision/biomedclipcxr_518.json", ReferenceVision.description)
        _ = try reference.opened()
        try reference.writeTower(layers: 0)
        #expect(fault().contains("layers"))
        // Tensors are named as the file has them.
        for (tensor, word) in [("blocks.1.attn.qkv.bias", "got i64"), ("norm.weight", "got i64")] {
            try reference.writeTower { $0 == tensor ? try $1.to(.i64) : $1 }
            #expect(
                fault().contains(
                    "checkpoint.pt: tensor \"module.visual.trunk.\(tensor)\": wanted floating values, \(word)"),
                "\(fault())")
        }
        try reference.writeTower { $0 == "blocks.2.attn.qkv.weight" ? try $1.narrow(0, 0, 383).contiguous() : $1 }
        #expect(
            fault().contains("\"module.visual.trunk.blocks.2.attn.qkv.weight\": wanted 3 equal parts"), "\(fault())")
        try reference.writeTower { $0 == "blocks.2.attn.qkv.weight" ? try $1.narrow(1, 0, 64).contiguous() : $1 }
        #expect(
            fault().contains(
                "encoder.layer.2.attention.attention.query.weight (\"module.visual.trunk.blocks.2.attn.qkv.weight\" in the file)"
            ),
            "\(fault())")
        try SafeTensors.write(
            reference.vision + "/biomedclipcxr_518_checkpoint.pt", [(name: "a", tensor: try Tensor.zeros([2]))])
        #expect(fault().contains("trunk"))
        try FileManager.default.removeItem(atPath: reference.vision + "/biomedclipcxr_518_checkpoint.pt")
        #expect(fault().contains(".pt"))
        #expect(
            message { _ = try LLaVARad(.init(base: reference.base, vision: reference.vision), dtype: .f32) }
                .contains(".pt"))
        try reference.writeTower()
        #expect(
            message { _ = try LLaVARad(.init(base: reference.base, vision: reference.vision), dtype: .f32) }
                .contains("projector"))
    }
}

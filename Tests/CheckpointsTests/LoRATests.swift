import Checkpoints
import Files
import Foundation
import Tensors
import TestSupport
import Testing

private func matrix(_ rows: Int, _ columns: Int, _ name: String = "m") throws -> Tensor {
    try Tensor(uniform(name, [rows, columns]), shape: [rows, columns])
}

/// A file with one layer of peft's names beside `more`.
private func file(
    _ scratch: Scratch, _ more: [(name: String, tensor: Tensor)] = [], name: String = "lora.safetensors",
    rank: Int = 2, up: [Int] = [6, 2], metadata: [String: String] = [:]
) throws -> String {
    let path = "\(scratch.path)/\(name)"
    let own: [(name: String, tensor: Tensor)] = [
        ("unet.a.b.lora_A.weight", try matrix(rank, 4, "down")),
        ("unet.a.b.lora_B.weight", try Tensor(uniform("up", up), shape: up)),
    ]
    try SafeTensors.write(path, own + more, metadata: metadata)
    return path
}

/// A network of layers by their shapes.
private func target(_ part: String, _ layers: [String: [Int]]) -> LoRATarget {
    LoRATarget(
        part: part, isTextEncoder: part.hasPrefix("text_encoder"),
        parameters: layers.sorted { $0.key < $1.key }.map { ($0.key + ".weight", $0.value) })
}

/// What a LoRA adds to a parameter of zeros.
private func sum(_ lora: LoRA, _ targets: [LoRATarget], _ parameter: String, _ shape: [Int]) throws -> [Float] {
    let weights = try Tensor.zeros(shape)
    for match in try lora.matches(targets) where match.parameter == parameter {
        try match.update.add(to: weights, scale: 1)
    }
    return try weights.array(Float.self)
}

@Suite struct LoRATests {
    @Test func everyKeyThatMatchesNothingIsNamed() throws {
        let scratch = try Scratch()
        func layers(_ count: Int) throws -> [(name: String, tensor: Tensor)] {
            try (0..<count).flatMap { index in
                [
                    ("unet.other.\(index).lora_A.weight", try matrix(2, 4)),
                    ("unet.other.\(index).lora_B.weight", try matrix(6, 2)),
                ]
            }
        }
        let unet = [target("unet", ["a.b": [6, 4]])]
        let lora = try LoRA(file(scratch, layers(1000)))
        let text = message { _ = try lora.matches(unet) }
        #expect(text.contains("matched 1 of 1001 layers") && !text.contains(" more"), "\(text.prefix(300))")
        #expect((0..<1000).allSatisfy { text.contains("unet.other.\($0).lora_A.weight") }, "\(text.prefix(300))")
        // What is longer than any model's list is cut.
        let more = try LoRA(file(scratch, layers(1001)))
        let long = message { _ = try more.matches(unet) }
        #expect(long.contains("1001 match nothing in unet") && long.contains(" and 1 more"), "\(long.prefix(300))")
    }

    @Test func alphaComesFromTheTensorThenTheConfiguration() throws {
        let scratch = try Scratch()
        let unet = [target("unet", ["a.b": [6, 4]])]
        let plain = try sum(LoRA(file(scratch)), unet, "a.b.weight", [6, 4])
        let product = try Tensor(uniform("up", [6, 2]), shape: [6, 2]).matmul(matrix(2, 4, "down")).array(Float.self)
        #expect(plain == product)
        func factor(_ lora: LoRA) throws -> Float { try sum(lora, unet, "a.b.weight", [6, 4])[5] / product[5] }
        let alpha = try file(
            scratch, [("unet.a.b.alpha", try Tensor([Float(5)], shape: [1]))], name: "alpha.safetensors")
        #expect(try abs(factor(LoRA(alpha)) - 2.5) < 1e-5)
        let header = try file(
            scratch, name: "header.safetensors",
            metadata: ["lora_adapter_metadata": #"{"unet.r": 2, "unet.lora_alpha": 8, "text_encoder.lora_alpha": 1}"#])
        #expect(try abs(factor(LoRA(header)) - 4) < 1e-5)
        for (config, wanted) in [
            (#"{"lora_alpha": 6}"#, Float(3)), (#"{"lora_alpha": 6, "use_rslora": true}"#, 6 / Float(2).squareRoot()),
            (#"{"lora_alpha": 6, "alpha_pattern": {"b": 1}}"#, 0.5), (#"{"alpha_pattern": {"c.b": 1}}"#, 1),
        ] {
            let folder = try Scratch()
            _ = try file(folder, name: "adapter_model.safetensors")
            try folder.write("adapter_config.json", config)
            let lora = try LoRA(folder.path)
            #expect(try abs(factor(lora) - wanted) < 1e-5, "\(config)")
            #expect(lora.files.count == 2)
        }
    }

    @Test func namesOfAllSchemesFindTheirLayer() throws {
        let layer = "down_blocks.0.attn_1.to_out.0"
        let text = "encoder.layers.0.self_attn.q_proj"
        let targets = [
            target("unet", ["down_blocks.0.attn_1.to_out.0": [6, 4]]), target("text_encoder", [text: [6, 4]]),
            target("text_encoder_2", ["encoder.block.0.layer.0.SelfAttention.q": [6, 4]]),
        ]
        for (down, up, part) in [
            ("unet.\(layer).lora_A.weight", "unet.\(layer).lora_B.weight", "unet"),
            ("\(layer).lora_A.default.weight", "\(layer).lora_B.default.weight", "unet"),
            ("base_model.model.\(layer).lora_A.weight", "base_model.model.\(layer).lora_B.weight", "unet"),
            ("diffusion_model.\(layer).lora_down.weight", "diffusion_model.\(layer).lora_up.weight", "unet"),
            ("unet.\(layer).lora.down.weight", "unet.\(layer).lora.up.weight", "unet"),
            (
                "down_blocks.0.attn_1.processor.to_out_lora.down.weight",
                "down_blocks.0.attn_1.processor.to_out_lora.up.weight", "unet"
            ),
            (
                "lora_unet_down_blocks_0_attn_1_to_out_0.lora_down.weight",
                "lora_unet_down_blocks_0_attn_1_to_out_0.lora_up.weight", "unet"
            ),
            (
                "text_encoder.text_model.\(text).lora_A.weight", "text_encoder.text_model.\(text).lora_B.weight",
                "text_encoder"
            ),
            (
                "text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.down.weight",
                "text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.up.weight", "text_encoder"
            ),
            (
                "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",
                "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight", "text_encoder"
            ),
            (
                "lora_te3_encoder_block_0_layer_0_SelfAttention_q.lora_down.weight",
                "lora_te3_encoder_block_0_layer_0_SelfAttention_q.lora_up.weight", "text_encoder_2"
            ),
        ] {
            let scratch = try Scratch()
            let path = scratch.path + "/x.safetensors"
            try SafeTensors.write(path, [(down, try matrix(2, 4)), (up, try matrix(6, 2))])
            let matches = try LoRA(path).matches(targets)
            #expect(matches.map(\.part) == [part], "\(down)")
        }
    }

    @Test func layersThatWereOneAreCut() throws {
        let scratch = try Scratch()
        func lora(_ name: String, rows: Int, _ joint: String = "_") throws -> LoRA {
            let path = scratch.path + "/x.safetensors"
            try SafeTensors.write(
                path,
                [
                    (name + ".lora_down.weight", try matrix(3, 4, "down")),
                    (name + ".lora_up.weight", try matrix(rows, 3, "up")),
                ])
            return try LoRA(path)
        }
        func product(_ rows: Int) throws -> [Float] {
            try matrix(rows, 3, "up").matmul(matrix(3, 4, "down")).array(Float.self)
        }
        let block = "single_transformer_blocks.11"
        let flux = target(
            "transformer",
            [
                block + ".attn.to_q": [4, 4], block + ".attn.to_k": [4, 4], block + ".attn.to_v": [4, 4],
                block + ".proj_mlp": [16, 4], "norm_out.linear": [8, 4],
                "transformer_blocks.3.norm1_context.linear": [8, 4],
                "transformer_blocks.2.norm1_context.linear": [24, 4],
            ])
        for name in ["lora_unet_single_blocks_11_linear1", "diffusion_model.single_blocks.11.linear1"] {
            let fused = try lora(name, rows: 28)
            let whole = try product(28)
            #expect(try sum(fused, [flux], block + ".attn.to_k.weight", [4, 4]) == Array(whole[16..<32]))
            #expect(try sum(fused, [flux], block + ".proj_mlp.weight", [16, 4]) == Array(whole[48...]))
        }
        // diffusers keeps scale and shift of the last layers in another order.
        let eight = try product(8)
        for (name, parameter) in [
            ("lora_unet_final_layer_adaLN_modulation_1", "norm_out.linear.weight"),
            (
                "lora_unet_joint_blocks_3_context_block_adaLN_modulation_1",
                "transformer_blocks.3.norm1_context.linear.weight"
            ),
        ] {
            #expect(
                try sum(lora(name, rows: 8), [flux], parameter, [8, 4]) == Array(eight[16...] + eight[..<16]), "\(name)"
            )
        }
        let plain = try lora("lora_unet_joint_blocks_2_context_block_adaLN_modulation_1", rows: 24)
        #expect(
            try sum(plain, [flux], "transformer_blocks.2.norm1_context.linear.weight", [24, 4]) == product(24))
        let wrong = try lora("lora_unet_single_blocks_11_linear1", rows: 27)
        #expect(message { _ = try wrong.matches([flux]) }.contains("[27, 4]"))
        #expect(
            message { _ = try lora("lora_unet_single_blocks_x_linear1", rows: 28).matches([flux]) }.contains(
                "matched 0 of 1"))
    }

    @Test func otherKindsAreRefusedByName() throws {
        for (key, kind) in [
            ("unet.a.b.lora_magnitude_vector", "DoRA"), ("lora_unet_a_b.dora_scale", "DoRA"),
            ("lora_unet_a.hada_w1_a", "LoHa"),
            ("lora_unet_a.lokr_w1", "LoKr"), ("lora_unet_a.oft_blocks", "OFT"),
            ("lora_unet_a.lora_mid.weight", "Tucker"),
            ("unet.a.lora_embedding_A", "embedding"), ("diffusion_model.a.diff_b", "differences"),
            ("unet.a.b.lora_B.bias", "biases"), ("unet.something", "no part of a LoRA"),
        ] {
            let scratch = try Scratch()
            let path = try file(scratch, [(key, try matrix(2, 2))])
            let text = message { _ = try LoRA(path) }
            #expect(text.contains(kind) && text.contains("\"\(key)\""), "\(text)")
        }
        let scratch = try Scratch()
        try SafeTensors.write(scratch.path + "/w.safetensors", [("a.weight", try matrix(2, 2))])
        #expect(message { _ = try LoRA(scratch.path) }.contains("the file is no LoRA"))
        for (config, word) in [
            (#"{"peft_type": "LOHA"}"#, "LOHA"), (#"{"use_dora": true}"#, "DoRA"), (#"{"lora_alpha": 0}"#, "above 0"),
            (#"{"lora_alpha": "x"}"#, "lora_alpha"), (#"{"alpha_pattern": {"^a.*": 2}}"#, "regular expressions"),
            (#"{"alpha_pattern": {"a": -1}}"#, "alpha_pattern.a"), ("[", "adapter_config.json"),
        ] {
            let folder = try Scratch()
            _ = try file(folder, name: "adapter_model.safetensors")
            try folder.write("adapter_config.json", config)
            #expect(message { _ = try LoRA(folder.path) }.contains(word), "\(config)")
        }
    }

    @Test func hostileValuesAreNamed() throws {
        let scratch = try Scratch()
        func fault(_ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:]) throws -> String {
            let path = scratch.path + "/x.safetensors"
            try SafeTensors.write(path, tensors, metadata: metadata)
            return message { _ = try LoRA(path) }
        }
        let (a, b) = ("unet.a.lora_A.weight", "unet.a.lora_B.weight")
        let (down, up) = (try matrix(2, 4), try matrix(6, 2))
        #expect(
            try fault([(a, try .zeros([0, 4])), (b, try .zeros([6, 0]))]).contains("\"\(a)\": it is empty: [0, 4]"))
        #expect(try fault([(a, down), (b, try matrix(6, 3))]).contains("its rank is 3 in [6, 3], and 2"))
        #expect(try fault([(a, try matrix(11, 4)), (b, try matrix(6, 11))]).contains("rank of 11"))
        #expect(try fault([(a, down)]).contains("the B (up) of this layer is missing"))
        #expect(try fault([(b, up)]).contains("the A (down) of this layer is missing"))
        #expect(try fault([("unet.a.alpha", try matrix(1, 1))]).contains("the matrices of this layer are missing"))
        #expect(try fault([(a, try matrix(8, 1).reshaped([8])), (b, up)]).contains("wanted a matrix"))
        #expect(try fault([(a, down), (b, try .zeros([6, 2, 3, 3]))]).contains("kernels of one pixel"))
        #expect(try fault([(a, try .zeros([2, 4], .i64)), (b, up)]).contains("floating"))
        for value in [Float.nan, .infinity, -.infinity] {
            let bad = try Tensor([1, 2, 3, value, 5, 6, 7, 8], shape: [2, 4])
            #expect(try fault([(a, bad), (b, up)]).contains("\"\(a)\": a value is not finite"))
        }
        let huge = try Tensor([Float](repeating: 1e20, count: 8), shape: [2, 4])
        #expect(try fault([(a, huge), (b, up)]).contains("too large"))
        for alpha in [Float(0), -1, .nan, .infinity] {
            let text = try fault([(a, down), (b, up), ("unet.a.alpha", try Tensor([alpha], shape: []))])
            #expect(text.contains("\"unet.a.alpha\": wanted a number above 0"), "\(text)")
        }
        #expect(try fault([(a, down), (b, up), ("unet.a.alpha", down)]).contains("wanted one number"))
        #expect(try fault([(a, down), ("unet.a.lora_down.weight", down), (b, up)]).contains("it is there twice"))
        #expect(
            try fault([(a, down), (b, up)], metadata: ["lora_adapter_metadata": "{"]).contains("lora_adapter_metadata"))
        #expect(
            try fault([(a, down), (b, up)], metadata: ["lora_adapter_metadata": "[]"]).contains("wanted an object"))
        try SafeTensors.write(scratch.path + "/none.safetensors", [])
        #expect(message { _ = try LoRA(scratch.path + "/none.safetensors") }.contains("it is empty"))
    }

    @Test func filesAndFoldersAreToldApart() throws {
        let folder = try Scratch()
        #expect(message { _ = try LoRA(folder.path + "/none") }.contains("no such file"))
        #expect(message { _ = try LoRA(folder.path) }.contains("it is empty"))
        _ = try file(folder, name: "one.safetensors")
        #expect(try LoRA(folder.path).files.map { Paths.name($0.file) } == ["one.safetensors"])
        _ = try file(folder, name: "two.safetensors")
        #expect(message { _ = try LoRA(folder.path) }.contains("2 files may be meant, name one: one.safetensors"))
        _ = try file(folder, name: "pytorch_lora_weights.safetensors")
        #expect(try LoRA(folder.path).files.map { Paths.name($0.file) } == ["pytorch_lora_weights.safetensors"])
        _ = try file(folder, name: "adapter_model.safetensors")
        #expect(message { _ = try LoRA(folder.path) }.contains("2 files may be meant"))
    }

    /// A file that names no part, made for one of two text encoders, which differ in their sizes or in how many layers.
    @Test func ofTwoTextEncodersTheOneThatFitsIsMeant() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/x.safetensors"
        func parts(_ layers: [String: [Int]], _ first: [String: [Int]], _ second: [String: [Int]]) throws -> [String] {
            try SafeTensors.write(
                path,
                layers.sorted { $0.key < $1.key }.flatMap { name, shape in
                    [
                        (name: "base_model.model.text_model.\(name).lora_A.weight", tensor: try matrix(2, shape[1])),
                        (name: "base_model.model.text_model.\(name).lora_B.weight", tensor: try matrix(shape[0], 2)),
                    ]
                })
            return try LoRA(path).matches([
                target("unet", ["x": [6, 4]]), target("text_encoder", first), target("text_encoder_2", second),
            ]).map(\.part)
        }
        let (small, large) = (["0.q": [6, 6], "0.fc": [9, 6]], ["0.q": [8, 8], "0.fc": [9, 8], "1.q": [8, 8]])
        #expect(try parts(small, small, large) == ["text_encoder", "text_encoder"])
        #expect(try parts(large, small, large) == ["text_encoder_2", "text_encoder_2", "text_encoder_2"])
        // One layer fits both, and another tells which is meant.
        let wide = ["0.q": [6, 6], "0.fc": [12, 6]]
        #expect(try parts(wide, small, wide) == ["text_encoder_2", "text_encoder_2"])
        let deep = ["0.q": [6, 6], "1.q": [6, 6]]
        #expect(try parts(deep, ["0.q": [6, 6]], deep) == ["text_encoder_2", "text_encoder_2"])
        #expect(message { _ = try parts(["0.q": [6, 6]], small, wide) }.contains("(text_encoder, text_encoder_2)"))
    }

    @Test func whatFitsNothingOrTwiceIsListed() throws {
        let scratch = try Scratch()
        let two = [target("text_encoder", ["a.b": [6, 4]]), target("text_encoder_2", ["a.b": [6, 4]])]
        let path = scratch.path + "/x.safetensors"
        try SafeTensors.write(
            path, [("a.b.lora_A.weight", try matrix(2, 4)), ("a.b.lora_B.weight", try matrix(6, 2))])
        let text = message { _ = try LoRA(path).matches(two) }
        #expect(text.contains("in several parts") && text.contains("(text_encoder, text_encoder_2)"), "\(text)")
        #expect(try LoRA(path).matches([two[1]]).count == 1)
        #expect(message { _ = try LoRA(path).matches([]) }.contains("match nothing in the model"))
        let none = [target("text_encoder", ["a.b": [6, 5]]), target("text_encoder_2", ["a.b": [7, 4]])]
        let shapes = message { _ = try LoRA(path).matches(none) }
        #expect(
            shapes.contains("of another shape: a.b.lora_A.weight ([6, 4], text_encoder.a.b is [6, 5])"), "\(shapes)")
        try SafeTensors.write(
            path,
            [
                ("unet.a.b.lora_A.weight", try matrix(2, 4)), ("unet.a.b.lora_B.weight", try matrix(6, 2)),
                ("lora_unet_a_b.lora_down.weight", try matrix(2, 4)),
                ("lora_unet_a_b.lora_up.weight", try matrix(6, 2)),
            ])
        #expect(
            message { _ = try LoRA(path).matches([target("unet", ["a.b": [6, 4]])]) }.contains(
                "it changes unet.a.b, as"))
    }
}

import Checkpoints
import Encoders
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

private let gated = """
    {"model_type": "t5", "architectures": ["T5EncoderModel"], "vocab_size": 90, "d_model": 48, "d_kv": 20, "d_ff": 112,
     "num_layers": 3, "num_decoder_layers": 3, "num_heads": 4, "relative_attention_num_buckets": 16,
     "relative_attention_max_distance": 40, "feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu_new",
     "is_gated_act": true, "layer_norm_epsilon": 1e-06, "dropout_rate": 0.1, "use_cache": true, "torch_dtype": "float32"}
    """
private let plain = """
    {"model_type": "t5", "vocab_size": 90, "d_model": 64, "d_kv": 16, "d_ff": 160, "num_layers": 2, "num_heads": 4}
    """

/// A model folder with weights by formula; `tokens` are the names that the table of tokens has.
private func model(
    _ configuration: String, _ name: String, tokens: [String] = ["shared.weight"], beside: [String] = []
) throws -> Scratch {
    let folder = try Scratch()
    try folder.write("config.json", configuration)
    let network = try T5EncoderNetwork(T5Configuration(path: folder.path + "/config.json"))
    let tensors = try network.parameters.parameters.flatMap { parameter in
        // T5 learns queries that need no division by the root of the head's size.
        let factor =
            parameter.name.hasSuffix(".q.weight") ? Float(pow(Double(network.configuration.headSize), -0.5)) : 1
        let value = try Tensor(
            weightValues(parameter.name, parameter.shape, salt: "t5-\(name).").map { $0 * factor },
            shape: parameter.shape)
        return (parameter.name == "shared.weight" ? tokens : [parameter.name]).map { (name: $0, tensor: value) }
    }
    let others = try beside.map { (name: $0, tensor: try Tensor.zeros([2])) }
    try SafeTensors.write(folder.path + "/model.safetensors", tensors + others, metadata: ["format": "pt"])
    return folder
}

private let shape = [2, 170]

private func ids(_ name: String) throws -> Tensor {
    try Tensor(uniform("t5-\(name).ids", shape, 0, 90).map { Int64($0) }, shape: shape)
}

/// Hides the second text's tokens from the 38th on.
private func mask() throws -> Tensor {
    try Tensor((0..<340).map { Int64($0 < 170 + 37 ? 1 : 0) }, shape: shape)
}

@Suite struct T5TextTests {
    @Test func equalsTransformers() throws {
        for (name, configuration, width) in [("gated", gated, 48), ("plain", plain, 64)] {
            let folder = try model(configuration, name)
            for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
                let opened = try TextEncoderRegistry.standard.open(folder.path, dtype: dtype)
                let encoder = try #require(opened as? T5TextEncoder)
                #expect(encoder.width == width && encoder.files.count == 2 && encoder.dtype == dtype)
                let whole = try encoder.states(ids(name))
                #expect(whole.dtype == .f32 && whole.shape == shape + [width])
                let wholeError = try relativeError(
                    seventh(whole), expectedText("t5_text", "\(name).whole"), width: width)
                #expect(wholeError < tolerance)
                let masked = try encoder.states(ids(name), mask: mask())
                let maskedError = try relativeError(
                    seventh(masked), expectedText("t5_text", "\(name).masked"), width: width)
                #expect(maskedError < tolerance)
            }
        }
    }

    @Test func memoryIsGivenBackAndTakenAgain() throws {
        let folder = try model(gated, "gated")
        let encoder = try T5TextEncoder(folder.path, dtype: .bf16)
        let first = try encoder.states(ids("gated"))
        encoder.releaseMemory()
        #expect(try encoder.states(ids("gated")).array(Float.self) == first.array(Float.self))
    }

    @Test func theTableOfTokensHasTwoNames() throws {
        let usual = try model(gated, "gated")
        let wanted = try T5TextEncoder(usual.path, dtype: .f32).states(ids("gated"))
        for tokens in [["encoder.embed_tokens.weight"], ["shared.weight", "encoder.embed_tokens.weight"]] {
            let folder = try model(
                gated, "gated", tokens: tokens, beside: ["decoder.final_layer_norm.weight", "lm_head.weight"])
            let found = try T5TextEncoder(folder.path, dtype: .f32).states(ids("gated"))
            #expect(try found.array(Float.self) == wanted.array(Float.self))
        }
    }

    /// `dense_act_fn` and `is_gated_act` go before what `feed_forward_proj` says, as in transformers.
    @Test func keysOfTheirOwnGoBeforeTheProjection() throws {
        func states(_ feedForward: String) throws -> [Float] {
            let old = "\"feed_forward_proj\": \"gated-gelu\", \"dense_act_fn\": \"gelu_new\",\n \"is_gated_act\": true"
            let new = gated.replacingOccurrences(of: old, with: feedForward)
            #expect(new != gated)
            let folder = try model(new, "gated")
            return try T5TextEncoder(folder.path, dtype: .f32).states(ids("gated")).array(Float.self)
        }
        let relu = try states(#""feed_forward_proj": "gated-relu""#)
        let gelu = try states(#""feed_forward_proj": "gated-gelu""#)
        #expect(relu != gelu)
        for keys in [
            #""feed_forward_proj": "gated-gelu", "dense_act_fn": "relu""#,
            #""feed_forward_proj": "gelu", "dense_act_fn": "relu", "is_gated_act": true"#,
        ] { #expect(try states(keys) == relu, "\(keys)") }
        let plain = try states(#""feed_forward_proj": "gated-relu", "is_gated_act": false"#)
        #expect(try states(#""feed_forward_proj": "relu""#) == plain && plain != relu)
        let folder = try model(gated, "gated")
        try folder.write("config.json", gated.replacingOccurrences(of: "gelu_new", with: "tanh"))
        let found = message { _ = try T5TextEncoder(folder.path, dtype: .f32) }
        #expect(found.contains("dense_act_fn") && found.contains("tanh"), "\(found)")
    }

    @Test func wrongFilesAndInputsAreRefused() throws {
        let right = try model(gated, "gated")
        let encoder = try T5TextEncoder(right.path, dtype: .f32)
        for wrong in [
            try Tensor.zeros([2, 0], .i64), try .zeros([2, 4]),
            try Tensor([Int64](repeating: 90, count: 4), shape: [1, 4]),
        ] {
            #expect(throws: TensorError.self) { try encoder.states(wrong) }
        }
        for (old, new, word) in [
            ("\"t5\"", "\"mt5\"", "mt5"), ("gated-gelu", "gated-tanh", "gated-silu"), ("\"d_kv\"", "\"d_kw\"", "d_kw"),
            ("_buckets\": 16", "_buckets\": 15", "multiple of 4"),
            ("_distance\": 40", "_distance\": 4", "max_distance"),
        ] {
            let folder = try model(gated, "gated")
            try folder.write("config.json", gated.replacingOccurrences(of: old, with: new))
            let found = message { _ = try T5TextEncoder(folder.path, dtype: .f32) }
            #expect(found.contains(word) && found.contains("config.json"), "\(found)")
        }
        let folder = try model(gated, "gated", beside: ["encoder.block.3.layer.0.layer_norm.weight"])
        #expect(message { _ = try T5TextEncoder(folder.path, dtype: .f32) }.contains("encoder.block.3"))
    }
}

import Checkpoints
import Encoders
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

private let quick = """
    {"model_type": "clip_text_model", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 160,
     "num_hidden_layers": 3, "num_attention_heads": 4, "hidden_act": "quick_gelu", "bos_token_id": 98,
     "eos_token_id": 99, "projection_dim": 512, "architectures": ["CLIPTextModel"], "dropout": 0.0}
    """
private let erf = """
    {"model_type": "clip_text_model", "vocab_size": 80, "hidden_size": 96, "intermediate_size": 256,
     "num_hidden_layers": 4, "num_attention_heads": 3, "hidden_act": "gelu", "max_position_embeddings": 150,
     "eos_token_id": 2}
    """

private let projected = """
    {"model_type": "clip_text_model", "vocab_size": 70, "hidden_size": 64, "intermediate_size": 96,
     "num_hidden_layers": 3, "num_attention_heads": 2, "hidden_act": "gelu", "eos_token_id": 69, "projection_dim": 40,
     "architectures": ["CLIPTextModelWithProjection"]}
    """

/// A model folder with weights by formula, under names that begin with `prefix`.
private func model(_ configuration: String, _ name: String, prefix: String) throws -> Scratch {
    let folder = try Scratch()
    try folder.write("config.json", configuration)
    let network = try CLIPTextNetwork(CLIPTextConfiguration(path: folder.path + "/config.json"))
    var tensors = try network.parameters.parameters.map {
        // The projection stands beside the text model.
        (
            name: ($0.name.hasPrefix("text_projection.") ? "" : prefix) + $0.name,
            tensor: try weight($0.name, $0.shape, salt: "clip-\(name).")
        )
    }
    tensors.append((name: prefix + "embeddings.position_ids", tensor: try Tensor.zeros([1, 77], .i64)))
    try SafeTensors.write(folder.path + "/model.safetensors", tensors, metadata: ["format": "pt"])
    return folder
}

private func ids(_ name: String, _ count: Float, _ shape: [Int]) throws -> Tensor {
    var values = uniform("clip-\(name).ids", shape, 0, count).map { Int64($0) }
    for text in 0..<shape[0] { values[text * shape[1] + 11] = Int64(count) - 1 }
    return try Tensor(values, shape: shape)
}

@Suite struct CLIPTextTests {
    @Test func equalsTransformers() throws {
        for (name, configuration, count, shape, prefix) in [
            ("quick", quick, Float(100), [2, 77], "text_model."), ("erf", erf, 80, [2, 131], ""),
            ("projected", projected, 70, [3, 77], "text_model."),
        ] {
            let folder = try model(configuration, name, prefix: prefix)
            let ids = try ids(name, count, shape)
            for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 2e-2)] {
                let encoder = try CLIPTextEncoder(folder.path, dtype: dtype)
                let width = encoder.network.configuration.hiddenSize
                let states = try encoder.states(ids)
                #expect(states.dtype == .f32 && states.shape == shape + [width])
                #expect(
                    try relativeError(seventh(states), expectedText("clip_text", "\(name).last"), width: width)
                        < tolerance)
                var request = TextRequest(isPooled: true)
                let pooled = try #require(encoder.encode(ids, mask: nil, request).pooled)
                #expect(pooled.shape == [shape[0], try #require(encoder.pooledWidth)])
                #expect(
                    try relativeError(pooled, expectedText("clip_text", "\(name).pooled"), width: pooled.shape[1])
                        < tolerance)
                // The vector is that of the last layer, whichever states are asked for.
                (request.skipping, request.isNormalized) = (1, false)
                let both = try encoder.encode(ids, mask: nil, request)
                #expect(try #require(both.pooled).array(Float.self) == pooled.array(Float.self))
                let before = try encoder.encode(ids, mask: nil, .penultimate).states
                #expect(try both.states.array(Float.self) == before.array(Float.self))
                #expect(
                    try relativeError(seventh(before), expectedText("clip_text", "\(name).penultimate"), width: width)
                        < tolerance)
                let skipped = try encoder.encode(ids, mask: nil, TextRequest(skipping: 1)).states
                #expect(
                    try relativeError(seventh(skipped), expectedText("clip_text", "\(name).skipped"), width: width)
                        < tolerance)
            }
        }
    }

    @Test func laterTokensChangeNothingBefore() throws {
        let folder = try model(quick, "quick", prefix: "")
        let encoder = try CLIPTextEncoder(folder.path, dtype: .f32)
        let ids = try ids("quick", 100, [1, 77])
        let whole = try encoder.states(ids).array(Float.self)
        let values = try ids.array(Int64.self)
        let changed = try Tensor(values.enumerated().map { $0 < 70 ? $1 : 1 }, shape: [1, 77])
        #expect(try encoder.states(changed).array(Float.self).prefix(70 * 64) == whole.prefix(70 * 64))
    }

    @Test func wrongInputIsRefused() throws {
        let folder = try model(quick, "quick", prefix: "text_model.")
        let encoder = try CLIPTextEncoder(folder.path, dtype: .f32)
        func message(_ body: () throws -> Void) -> String {
            do { try body() } catch { return String(describing: error) }
            return ""
        }
        #expect(message { _ = try encoder.states(.zeros([1, 78], .i64)) }.contains("77"))
        #expect(message { _ = try encoder.states(.zeros([77], .i64)) }.contains("[77]"))
        #expect(message { _ = try encoder.states(.zeros([1, 77])) }.contains("f32"))
        #expect(message { _ = try encoder.states(.full([1, 3], .integer(100), .i64)) }.contains("100"))
        #expect(message { _ = try encoder.states(.full([1, 3], .integer(-1), .i64)) }.contains("-1"))
        #expect(
            message { _ = try encoder.encode(.zeros([1, 3], .i64), mask: nil, TextRequest(skipping: 3)) }.contains(
                "3 of 3"))
        #expect(
            message { _ = try encoder.encode(.zeros([1, 3], .i64), mask: nil, TextRequest(skipping: -1)) }.contains(
                "-1"))
        for (old, new, part) in [
            ("\"quick_gelu\"", "\"selu\"", "hidden_act"),
            ("\"vocab_size\": 100", "\"vocab_size\": 101", "token_embedding"),
            ("\"hidden_size\": 64", "\"hidden_size\": 66", "heads"), ("\"dropout\"", "\"droput\"", "not known"),
            ("clip_text_model", "t5", "model_type"),
            ("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", "layers.3"),
        ] {
            try folder.write("config.json", quick.replacingOccurrences(of: old, with: new))
            let found = message { _ = try CLIPTextEncoder(folder.path, dtype: .f32) }
            #expect(found.contains(part), "\(found)")
        }
    }
}

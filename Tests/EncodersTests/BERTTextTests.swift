import Checkpoints
import Encoders
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

private let configuration = """
    {"model_type": "cxr-bert", "vocab_size": 90, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
     "num_attention_heads": 4, "max_position_embeddings": 140, "projection_size": 32, "type_vocab_size": 2,
     "hidden_act": "gelu", "layer_norm_eps": 1e-12, "auto_map": {"AutoModel": "x"}, "pad_token_id": 0,
     "position_embedding_type": "absolute", "use_cache": true, "gradient_checkpointing": false}
    """

/// A model folder with weights by formula, named as `CXRBertModel` saves them.
private func model(_ configuration: String, oldNames: Bool = false) throws -> Scratch {
    let folder = try Scratch()
    try folder.write("config.json", configuration)
    let network = try BERTTextNetwork(BERTTextConfiguration(path: folder.path + "/config.json"))
    var tensors = try network.parameters.parameters.map { parameter in
        var name = (parameter.name.hasPrefix("cls_projection_head") ? "" : "bert.") + parameter.name
        if oldNames {
            name = name.replacingOccurrences(of: "LayerNorm.weight", with: "LayerNorm.gamma")
                .replacingOccurrences(of: "LayerNorm.bias", with: "LayerNorm.beta")
        }
        return (name: name, tensor: try weight(parameter.name, parameter.shape, salt: "bert."))
    }
    tensors.append((name: "bert.embeddings.position_ids", tensor: try Tensor.zeros([1, 140], .i64)))
    tensors.append((name: "cls.predictions.bias", tensor: try Tensor.zeros([90])))
    try SafeTensors.write(folder.path + "/model.safetensors", tensors, metadata: ["format": "pt"])
    return folder
}

/// Two texts of 128 ids, the second padded after 20.
private func ids() throws -> Tensor {
    let values = uniform("bert.ids", [2, 128], 0, 90).map { Int64($0) }
    let padded = values.enumerated().map { index, id in index >= 148 ? 0 : id }
    return try Tensor(padded, shape: [2, 128])
}

@Suite struct BERTTextTests {
    @Test func equalsTransformers() throws {
        for oldNames in [false, true] {
            let folder = try model(configuration, oldNames: oldNames)
            for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 2e-2)] {
                let opened = try TextEncoderRegistry.standard.open(folder.path, dtype: dtype)
                let encoder = try #require(opened as? BERTTextEncoder)
                #expect(encoder.width == 64 && encoder.positions == 140 && encoder.files.count == 2)
                let states = try encoder.states(ids())
                #expect(states.dtype == .f32 && states.shape == [2, 128, 64])
                #expect(try relativeError(seventh(states), expectedText("bert_text", "last"), width: 64) < tolerance)
                let projected = try #require(encoder.encode(ids(), mask: nil, TextRequest(isPooled: true)).pooled)
                #expect(projected.shape == [2, 32])
                #expect(try relativeError(projected, expectedText("bert_text", "projected"), width: 32) < tolerance)
            }
        }
    }

    @Test func aMaskHidesPadding() throws {
        let folder = try model(configuration)
        let encoder = try BERTTextEncoder(folder.path, dtype: .f32)
        let ids = try ids()
        let (length, whole) = (37, try encoder.states(ids))
        let marks = (0..<2).flatMap { _ in (0..<128).map { Int64($0 < length ? 1 : 0) } }
        let masked = try encoder.states(ids, mask: Tensor(marks, shape: [2, 128]))
        // The tokens before the padding are those of the text without it; padding sees the tokens, but no padding.
        let short = try encoder.states(ids.narrow(1, 0, length).contiguous())
        let kept = try masked.narrow(1, 0, length).contiguous()
        #expect(relativeError(try kept.array(Float.self), try short.array(Float.self)) < 1e-5)
        #expect(relativeError(try whole.array(Float.self), try masked.array(Float.self)) > 1e-3)
        #expect(throws: TensorError.self) { try encoder.states(ids, mask: .zeros([2, 127], .i64)) }
        // A text of which nothing is seen is no NaN.
        #expect(try encoder.states(ids, mask: .zeros([2, 128], .i64)).array(Float.self).allSatisfy(\.isFinite))
    }

    @Test func plainBERTHasNoProjection() throws {
        let plain = configuration.replacingOccurrences(of: "cxr-bert", with: "bert")
            .replacingOccurrences(of: "\"projection_size\": 32, ", with: "")
        let folder = try model(plain)
        let encoder = try BERTTextEncoder(folder.path, dtype: .f32)
        #expect(throws: TensorError.self) { try encoder.encode(ids(), mask: nil, TextRequest(isPooled: true)) }
        #expect(try encoder.states(ids()).shape == [2, 128, 64])
    }

    @Test func wrongInputIsRefused() throws {
        let folder = try model(configuration)
        let encoder = try BERTTextEncoder(folder.path, dtype: .f32)
        func message(_ body: () throws -> Void) -> String {
            do { try body() } catch { return String(describing: error) }
            return ""
        }
        #expect(message { _ = try encoder.states(.zeros([1, 141], .i64)) }.contains("140"))
        #expect(message { _ = try encoder.states(.full([1, 3], .integer(90), .i64)) }.contains("90"))
        for (old, new, part) in [
            ("\"gelu\"", "\"selu\"", "hidden_act"), ("\"absolute\"", "\"relative_key\"", "position_embedding_type"),
            ("\"vocab_size\": 90", "\"vocab_size\": 91", "word_embeddings"), ("cxr-bert", "t6", "model_type"),
            ("\"use_cache\"", "\"use_cash\"", "not known"),
            ("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", "layer.3"),
        ] {
            try folder.write("config.json", configuration.replacingOccurrences(of: old, with: new))
            let found = message { _ = try TextEncoderRegistry.standard.open(folder.path, dtype: .f32) }
            #expect(found.contains(part), "\(found)")
        }
    }
}

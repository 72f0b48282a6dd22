import Checkpoints
import Encoders
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

private let configuration = """
    {"model_type": "gemma2", "architectures": ["Gemma2Model"], "vocab_size": 90, "hidden_size": 48,
     "intermediate_size": 112, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 20,
     "query_pre_attn_scalar": 16, "sliding_window": 33, "attn_logit_softcapping": 3.0, "final_logit_softcapping": 30.0,
     "cache_implementation": "hybrid", "hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-06, "rope_theta": 10000.0}
    """

/// A model folder with weights by formula.
private func model(_ configuration: String = configuration, prefix: String = "", beside: [String] = []) throws
    -> Scratch
{
    let folder = try Scratch()
    try folder.write("config.json", configuration)
    let network = try Gemma2Network(Gemma2Configuration(path: folder.path + "/config.json"))
    let tensors = try network.parameters.parameters.map { parameter in
        // Normalisations multiply with 1 + weight.
        let shift: Float = parameter.name.contains("norm") ? 1 : 0
        let values = weightValues(parameter.name, parameter.shape, salt: "gemma2.").map { $0 - shift }
        return (name: prefix + parameter.name, tensor: try Tensor(values, shape: parameter.shape))
    }
    let others = try beside.map { (name: $0, tensor: try Tensor.zeros([2])) }
    try SafeTensors.write(folder.path + "/model.safetensors", tensors + others, metadata: ["format": "pt"])
    return folder
}

private let shape = [2, 100]

private func ids() throws -> Tensor {
    try Tensor(uniform("gemma2.ids", shape, 0, 90).map { Int64($0) }, shape: shape)
}

/// Hides the second text's tokens from the 38th on.
private func mask() throws -> Tensor {
    try Tensor((0..<200).map { Int64($0 < 137 ? 1 : 0) }, shape: shape)
}

@Suite struct Gemma2TextTests {
    @Test func equalsTransformers() throws {
        let folder = try model()
        for (kind, bends) in [("sdpa", false), ("eager", true)] {
            for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
                let encoder = try Gemma2TextEncoder(folder.path, dtype: dtype) {
                    try Gemma2Network(Gemma2Configuration(path: $0), bendsScores: bends)
                }
                #expect(encoder.width == 48 && encoder.positions == 8192 && encoder.files.count == 2)
                let whole = try encoder.states(ids())
                #expect(whole.dtype == .f32 && whole.shape == shape + [48])
                let masked = try encoder.states(ids(), mask: mask())
                for (name, found) in [
                    ("whole", whole), ("masked", try masked.narrow(0, 0, 1).contiguous()),
                    ("short", try masked.narrow(0, 1, 1).narrow(1, 0, 37).contiguous()),
                ] {
                    let error = try relativeError(
                        seventh(found), expectedText("gemma2_text", "\(kind).\(name)"), width: 48)
                    #expect(error < tolerance, "\(kind) \(name) \(dtype)")
                }
            }
        }
    }

    @Test func namesOfACausalModel() throws {
        let usual = try model()
        let wanted = try Gemma2TextEncoder(usual.path, dtype: .f32).states(ids())
        let folder = try model(prefix: "model.", beside: ["lm_head.weight"])
        let opened = try TextEncoderRegistry.standard.open(folder.path, dtype: .f32)
        #expect(try opened.states(ids()).array(Float.self) == wanted.array(Float.self))
        opened.releaseMemory()
        #expect(try opened.states(ids()).array(Float.self) == wanted.array(Float.self))
    }

    @Test func wrongFilesAndInputsAreRefused() throws {
        let folder = try model()
        let encoder = try Gemma2TextEncoder(folder.path, dtype: .f32)
        #expect(message { _ = try encoder.states(.zeros([1, 8193], .i64)) }.contains("8192"))
        #expect(message { _ = try encoder.states(.full([1, 3], .integer(90), .i64)) }.contains("90"))
        for (old, new, word) in [
            ("\"gemma2\"", "\"gemma3\"", "gemma3"), ("value_heads\": 2", "value_heads\": 3", "do not divide"),
            ("\"head_dim\": 20", "\"head_dim\": 21", "even"),
            ("\"rope_theta\": 10000.0", "\"rope_thetas\": 1", "rope_thetas"),
            ("capping\": 3.0", "capping\": \"x\"", "attn_logit_softcapping"),
        ] {
            try folder.write("config.json", configuration.replacingOccurrences(of: old, with: new))
            let found = message { _ = try Gemma2TextEncoder(folder.path, dtype: .f32) }
            #expect(found.contains(word) && found.contains("config.json"), "\(found)")
        }
    }
}

import Checkpoints
import Files
import Foundation
import Language
import Networks
import Tensors
import TestSupport

/// A language model of Tests/Parity/generators/language_models.py.
struct ReferenceModel {
    let name: String
    let config: String

    private static let sizes = """
        "num_hidden_layers": 3, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "use_cache": true
        """

    static let all = [
        ReferenceModel(
            name: "llama",
            config: """
                {"model_type": "llama", "vocab_size": 90, "hidden_size": 48, "intermediate_size": 112,
                 "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, \(sizes)}
                """),
        ReferenceModel(
            name: "llama_tied",
            config: """
                {"model_type": "llama", "vocab_size": 90, "hidden_size": 48, "intermediate_size": 112,
                 "num_attention_heads": 4, "attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true, \(sizes)}
                """),
        ReferenceModel(
            name: "neox",
            config: """
                {"model_type": "gpt_neox", "vocab_size": 90, "hidden_size": 64, "intermediate_size": 160,
                 "num_attention_heads": 4, "rotary_pct": 0.25, \(sizes)}
                """),
        ReferenceModel(
            name: "neox_following",
            config: """
                {"model_type": "gpt_neox", "vocab_size": 90, "hidden_size": 64, "intermediate_size": 160,
                 "num_attention_heads": 4, "rotary_pct": 0.5, "use_parallel_residual": false, "attention_bias": false, \(sizes)}
                """),
        ReferenceModel(
            name: "gemma2",
            config: """
                {"model_type": "gemma2", "vocab_size": 90, "hidden_size": 48, "intermediate_size": 112,
                 "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 20, "query_pre_attn_scalar": 16,
                 "sliding_window": 17, "final_logit_softcapping": 3.0, \(sizes)}
                """),
    ]

    /// The folder of a model with weights by formula, and a tokenizer.
    /// - Parameter vocabulary: how many ids it has; the reference's are 90.
    func folder(vocabulary: Int = 90, tokenizer: String = "neox", beside: [String] = []) throws -> Scratch {
        let folder = try Scratch()
        try folder.write(
            "config.json", config.replacingOccurrences(of: "\"vocab_size\": 90", with: "\"vocab_size\": \(vocabulary)"))
        let parameters = try LanguageRegistry.standard.entries.all.first { $0.classes.contains(modelType) }?
            .parameters(folder.path + "/config.json")
        let tensors = try (parameters ?? []).map { parameter in
            let shift: Float = name == "gemma2" && parameter.name.contains("norm") ? 1 : 0
            let values = weightValues(parameter.name, parameter.shape, salt: name + ".").map { $0 - shift }
            return (name: parameter.name, tensor: try Tensor(values, shape: parameter.shape))
        }
        try SafeTensors.write(
            folder.path + "/model.safetensors", tensors + beside.map { (name: $0, tensor: try Tensor.zeros([2])) },
            metadata: ["format": "pt"])
        let source = Places.fixtures("tokenizers/pieces/\(tokenizer)/tokenizer.json")
        try FileManager.default.copyItem(atPath: source, toPath: folder.path + "/tokenizer.json")
        return folder
    }

    private var modelType: String { name.hasPrefix("llama") ? "llama" : name.hasPrefix("neox") ? "gpt_neox" : "gemma2" }

    /// What transformers gives.
    func expected(_ part: String) throws -> Tensor {
        try Checkpoint.open(Places.fixtures("language/models.safetensors"))["\(name).\(part)"]
    }

    /// The two texts that the reference reads.
    static func texts() -> [[Int]] {
        let ids = uniform("language.ids", [2, 40], 3, 90).map { Int($0) }
        return [Array(ids[..<40]), Array(ids[40...])]
    }

    static func ids() throws -> Tensor { try Tensor(texts().joined().map { Int64($0) }, shape: [2, 40]) }
}

/// Opens a model.
func opened(_ folder: Scratch, _ dtype: DType = .f32) throws -> any LanguageModel {
    try LanguageRegistry.standard.open(folder.path, dtype: dtype)
}

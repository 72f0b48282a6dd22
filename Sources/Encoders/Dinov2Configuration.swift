import Files
import NeuralNet

/// The sizes of a DINOv2 vision transformer, from the `config.json` of transformers' `Dinov2Model`.
public struct Dinov2Configuration: Sendable {
    /// Channels of a token.
    public var hiddenSize: Int
    /// Transformer layers.
    public var layers: Int
    /// Attention heads of a layer.
    public var heads: Int
    /// The width of the feed-forward part: `int(hidden_size · mlp_ratio)`.
    public var mlpSize: Int
    /// What follows the first linear layer of the feed-forward part.
    public var activation: Activation
    /// ε of every layer normalisation.
    public var layerNormEpsilon: Double
    /// Pixels of a side that the position embeddings were stored for.
    public var imageSize: Int
    /// Pixels of a side of a patch.
    public var patchSize: Int
    /// Whether queries, keys and values have a bias.
    public var qkvBias: Bool
    /// Whether the feed-forward part is gated (DINOv2 giant).
    public var usesSwiGLU: Bool

    /// Patches along a side of an image of `imageSize`.
    public var grid: Int { imageSize / patchSize }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        let type = try reader.string("model_type", default: "dinov2")
        guard type == "dinov2" else { throw reader.fault("model_type", "wanted \"dinov2\", got \"\(type)\"") }
        hiddenSize = try reader.integer("hidden_size", 1...16_384, default: 768)
        layers = try reader.integer("num_hidden_layers", 1...512, default: 12)
        heads = try reader.integer("num_attention_heads", 1...1024, default: 12)
        guard hiddenSize % heads == 0 else {
            throw reader.fault("num_attention_heads", "\(heads) heads do not divide a hidden size of \(hiddenSize)")
        }
        let ratio = try reader.number("mlp_ratio", default: 4)
        guard ratio > 0, ratio <= 64 else { throw reader.fault("mlp_ratio", "wanted 0 to 64, got \(ratio)") }
        mlpSize = max(1, Int(Double(hiddenSize) * ratio))
        let name = try reader.string("hidden_act", default: "gelu")
        let activations: [String: Activation] = [
            "gelu": .gelu, "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "quick_gelu": .quickGelu,
            "silu": .silu, "swish": .silu, "relu": .relu,
        ]
        guard let activation = activations[name] else {
            let known = activations.keys.sorted().joined(separator: ", ")
            throw reader.fault("hidden_act", "wanted one of \(known), got \"\(name)\"")
        }
        self.activation = activation
        layerNormEpsilon = try reader.number("layer_norm_eps", default: 1e-6)
        imageSize = try reader.integer("image_size", 1...8192, default: 224)
        patchSize = try reader.integer("patch_size", 1...1024, default: 14)
        guard patchSize <= imageSize else {
            throw reader.fault("patch_size", "a patch of \(patchSize) is larger than an image of \(imageSize)")
        }
        _ = try reader.integer("num_channels", 3...3, default: 3)
        qkvBias = try reader.boolean("qkv_bias", default: true)
        usesSwiGLU = try reader.boolean("use_swiglu_ffn", default: false)
        if let pruned = reader.value("pruned_heads"), pruned.object?.isEmpty != true {
            throw reader.fault("pruned_heads", "pruned heads are not supported")
        }
        try reader.refuseUnknown(read: Self.read, ignored: Self.ignored)
    }

    private static let read: Set<String> = [
        "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "mlp_ratio", "hidden_act",
        "layer_norm_eps", "image_size", "patch_size", "num_channels", "qkv_bias", "use_swiglu_ffn", "pruned_heads",
    ]

    /// Keys about training, other tasks or where the file came from, with those that every transformers model has.
    static let ignored: Set<String> = [
        "_name_or_path", "_commit_hash", "_attn_implementation_autoset", "architectures", "transformers_version",
        "torch_dtype", "dtype", "initializer_range", "hidden_dropout_prob", "attention_probs_dropout_prob",
        "drop_path_rate", "layerscale_value", "apply_layernorm", "reshape_hidden_states", "out_features",
        "out_indices", "stage_names", "use_mask_token", "id2label", "label2id", "problem_type", "finetuning_task",
        "return_dict", "output_hidden_states", "output_attentions", "torchscript", "use_bfloat16", "tf_legacy_loss",
        "tie_word_embeddings", "chunk_size_feed_forward", "is_encoder_decoder", "is_decoder",
        "cross_attention_hidden_size", "add_cross_attention", "tie_encoder_decoder", "max_length", "min_length",
        "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k",
        "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
        "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "output_scores",
        "return_dict_in_generate", "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values",
        "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens", "tokenizer_class", "prefix",
        "bos_token_id", "pad_token_id", "eos_token_id", "sep_token_id", "decoder_start_token_id",
        "task_specific_params",
    ]
}

import Files
import Engine

/// What every `config.json` of transformers may hold.
public enum TransformersKeys {
    /// The activation of a key, by transformers' name.
    /// - Throws: `FileError.malformed` that lists the known names, for another one.
    public static func activation(_ reader: ConfigurationReader, _ key: String, default standard: String) throws
        -> Activation
    {
        let name = try reader.string(key, default: standard)
        guard let activation = activations[name] else {
            let known = activations.keys.sorted().joined(separator: ", ")
            throw reader.fault(key, "wanted one of \(known), got \"\(name)\"")
        }
        return activation
    }

    /// Heads of queries, heads of keys and values, and channels of a head.
    /// - Parameters:
    ///   - width: channels of a token.
    ///   - keyHeads: where the file does not say them; nil is as many as of queries.
    ///   - size: where the file does not say it; nil is what divides `width` among the heads.
    /// - Throws: `FileError.malformed` where they do not fit together.
    public static func heads(
        _ reader: ConfigurationReader, width: Int, heads standard: Int, keyHeads: Int? = nil, size: Int? = nil
    ) throws -> (heads: Int, keyHeads: Int, size: Int) {
        let heads = try reader.integer("num_attention_heads", 1...1024, default: standard)
        let keys = try reader.integer("num_key_value_heads", 1...1024, default: keyHeads ?? heads)
        guard heads % keys == 0 else {
            throw reader.fault("num_key_value_heads", "\(keys) heads of keys do not divide \(heads) of queries")
        }
        if reader.value("head_dim") == nil, size == nil, width % heads != 0 {
            throw reader.fault("num_attention_heads", "\(heads) heads do not divide \(width) channels")
        }
        let channels = try reader.integer("head_dim", 2...4096, default: size ?? width / heads)
        guard channels % 2 == 0 else { throw reader.fault("head_dim", "wanted an even number, got \(channels)") }
        return (heads, keys, channels)
    }

    /// Refuses a model that some attention heads were cut out of.
    /// - Throws: `FileError.malformed` where there are such heads.
    public static func refusePrunedHeads(_ reader: ConfigurationReader) throws {
        if let pruned = reader.value("pruned_heads"), pruned.object?.isEmpty != true {
            throw reader.fault("pruned_heads", "pruned heads are not supported")
        }
    }

    private static let activations: [String: Activation] = [
        "gelu": .gelu, "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "quick_gelu": .quickGelu, "relu": .relu,
        "silu": .silu, "swish": .silu,
    ]

    /// Keys about training, generation, other tasks or where the file came from.
    public static let ignored: Set<String> = [
        "_name_or_path", "_commit_hash", "_attn_implementation_autoset", "architectures", "transformers_version",
        "torch_dtype", "dtype", "initializer_range", "hidden_dropout_prob", "attention_probs_dropout_prob",
        "id2label", "label2id", "problem_type", "finetuning_task", "return_dict", "output_hidden_states",
        "output_attentions", "torchscript", "use_bfloat16", "tf_legacy_loss", "tie_word_embeddings",
        "chunk_size_feed_forward", "is_encoder_decoder", "is_decoder", "cross_attention_hidden_size",
        "add_cross_attention", "tie_encoder_decoder", "max_length", "min_length", "do_sample", "early_stopping",
        "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p",
        "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
        "bad_words_ids", "num_return_sequences", "output_scores", "return_dict_in_generate", "forced_bos_token_id",
        "forced_eos_token_id", "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens",
        "begin_suppress_tokens", "tokenizer_class", "prefix", "bos_token_id", "pad_token_id", "eos_token_id",
        "sep_token_id", "decoder_start_token_id", "task_specific_params",
    ]
}

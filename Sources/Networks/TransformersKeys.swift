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

    /// What places turn the channels of heads by. transformers 5 writes it into `rope_parameters`, older versions beside
    /// the other keys.
    /// - Parameters:
    ///   - bases: the keys of the base there, the first before the others.
    ///   - part: the key there of the part of a head's channels that is turned, and what it is without; nil where all
    ///     are turned.
    /// - Returns: the base of the angles, and the part.
    /// - Throws: `FileError.malformed` where two keys disagree, and for angles that are scaled.
    public static func rotary(
        _ reader: ConfigurationReader, bases: [String] = ["rope_theta"], part: (key: String, standard: Double)? = nil
    ) throws -> (base: Double, part: Double) {
        let bounds = 1...1e12
        let stated = bases.map { (key: $0, value: reader.value($0)) }.first { $0.value != nil }?.key
        var base = try stated.map { try reader.number($0, bounds, default: 10_000) }
        var share: Double? = part == nil ? 1 : nil
        if let key = part?.key, reader.value(key) != nil { share = try reader.number(key, 0...1, default: 1) }
        for key in ["rope_parameters", "rope_scaling"] {
            guard let found = reader.value(key), found != .boolean(false) else { continue }
            guard let members = found.object else { throw reader.fault(key, "wanted an object, got \(found.text())") }
            func number(_ name: String, _ value: JSON, _ range: ClosedRange<Double>, _ known: Double?) throws
                -> Double
            {
                guard let number = value.number, range.contains(number) else {
                    throw reader.fault("\(key).\(name)", "wanted a number, got \(value.text())")
                }
                guard known == nil || known == number else {
                    throw reader.fault("\(key).\(name)", "only \(known ?? 1) is supported here, got \(value.text())")
                }
                return number
            }
            for (name, value) in members where value != .null {
                switch name {
                case "rope_type", "type":
                    guard value.string == "default" else {
                        throw reader.fault("\(key).\(name)", "only \"default\" is supported, got \(value.text())")
                    }
                case "rope_theta": base = try number(name, value, bounds, base)
                case "partial_rotary_factor": share = try number(name, value, 0...1, share)
                default: throw reader.fault("\(key).\(name)", "not supported, got \(value.text())")
                }
            }
        }
        return (base ?? 10_000, share ?? part?.standard ?? 1)
    }

    /// Refuses kinds of attention other than the network's own, where the file states them.
    /// - Parameter kinds: what follows each other from the first layer on, over and over.
    /// - Throws: `FileError.malformed` for other kinds, and for another number of them.
    public static func requireLayerTypes(_ reader: ConfigurationReader, layers: Int, _ kinds: String...) throws {
        guard let found = reader.value("layer_types") else { return }
        let wanted = (0..<layers).map { JSON.string(kinds[$0 % kinds.count]) }
        guard found == .array(wanted) else {
            let list = kinds.joined(separator: ", ")
            throw reader.fault("layer_types", "wanted \(layers) of \(list) by turns, got \(found.text().prefix(200))")
        }
    }

    private static let activations: [String: Activation] = [
        "gelu": .gelu, "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "quick_gelu": .quickGelu, "relu": .relu,
        "silu": .silu, "swish": .silu,
    ]

    /// Keys about training, generation, other tasks or where the file came from.
    public static let ignored: Set<String> = [
        "_name_or_path", "_commit_hash", "_attn_implementation_autoset", "architectures", "transformers_version",
        "attn_implementation", "_attn_implementation", "torch_dtype", "dtype", "use_cache", "initializer_range",
        "hidden_dropout_prob", "attention_probs_dropout_prob",
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

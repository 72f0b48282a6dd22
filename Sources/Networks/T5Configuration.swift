import Engine
import Files

/// The sizes of T5's encoder, from the `config.json` of transformers' `T5EncoderModel`.
public struct T5Configuration: Sendable {
    /// Ids of the vocabulary.
    public var vocabularySize: Int
    /// Channels of a token: `d_model`.
    public var hiddenSize: Int
    /// The width of the feed-forward part: `d_ff`.
    public var mlpSize: Int
    /// Layers of the encoder.
    public var layers: Int
    /// Attention heads of a layer.
    public var heads: Int
    /// Channels of a head: `d_kv`. All heads together may be wider or narrower than a token.
    public var headSize: Int
    /// Distances that have a bias of their own.
    public var buckets: Int
    /// Distances from this one on share a bias.
    public var farthest: Int
    /// The middle of the feed-forward part; gated in T5 1.1.
    public var activation: Activation
    /// Whether a second branch is multiplied to the activated one.
    public var isGated: Bool
    /// ε of every normalisation.
    public var epsilon: Double
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Reads `config.json`; the decoder's keys are let be.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        let type = try reader.string("model_type", default: "t5")
        guard type == "t5" else { throw reader.fault("model_type", "wanted \"t5\", got \"\(type)\"") }
        vocabularySize = try reader.integer("vocab_size", 1...1 << 21, default: 32_128)
        hiddenSize = try reader.integer("d_model", 1...65_536, default: 512)
        mlpSize = try reader.integer("d_ff", 1...1 << 20, default: 2048)
        layers = try reader.integer("num_layers", 1...512, default: 6)
        heads = try reader.integer("num_heads", 1...1024, default: 8)
        headSize = try reader.integer("d_kv", 1...4096, default: 64)
        // Half of the buckets are for keys behind the query, and half of those for single distances.
        buckets = try reader.integer("relative_attention_num_buckets", 4...4096, default: 32)
        farthest = try reader.integer("relative_attention_max_distance", 2...1 << 20, default: 128)
        guard buckets % 4 == 0, farthest > buckets / 4 else {
            throw reader.fault(
                "relative_attention_num_buckets",
                "wanted a multiple of 4 whose quarter is below relative_attention_max_distance, got \(buckets)")
        }
        epsilon = try reader.number("layer_norm_epsilon", default: 1e-6)
        let projection = try reader.string("feed_forward_proj", default: "relu")
        let known: [String: (Activation, Bool)] = [
            "relu": (.relu, false), "gelu": (.gelu, false), "silu": (.silu, false),
            // transformers takes the approximation by tanh for this name.
            "gated-gelu": (.geluTanh, true), "gated-silu": (.silu, true), "gated-relu": (.relu, true),
        ]
        guard let found = known[projection] else {
            throw reader.fault(
                "feed_forward_proj",
                "wanted one of \(known.keys.sorted().joined(separator: ", ")), got \"\(projection)\"")
        }
        // transformers takes both from feed_forward_proj, and lets keys of their own win.
        activation =
            reader.value("dense_act_fn") == nil
            ? found.0 : try TransformersKeys.activation(reader, "dense_act_fn", default: "relu")
        isGated = try reader.boolean("is_gated_act", default: found.1)
        notes = try reader.refuseUnknown(ignored: TransformersKeys.ignored.union(Self.ignored))
    }

    /// Keys of training and of the decoder.
    private static let ignored: Set<String> = [
        "dropout_rate", "initializer_factor", "num_decoder_layers", "classifier_dropout", "n_positions", "output_past",
        "scale_decoder_outputs",
    ]
}

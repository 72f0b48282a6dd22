import Engine
import Files

/// The sizes of a Llama, from the `config.json` of transformers' `LlamaForCausalLM`: Vicuna and its like.
public struct LlamaConfiguration: CausalConfiguration, Sendable {
    /// Ids of the vocabulary.
    public var vocabularySize: Int
    /// Channels of a token.
    public var hiddenSize: Int
    /// The width of the feed-forward part.
    public var mlpSize: Int
    /// Layers.
    public var layers: Int
    /// Heads of queries, and of keys and values.
    public var heads, keyHeads: Int
    /// Channels of a head.
    public var headSize: Int
    /// The longest text.
    public var positions: Int
    /// The activated branch of the feed-forward part.
    public var activation: Activation
    /// ε of every normalisation.
    public var epsilon: Double
    /// The base of the angles of places.
    public var rotaryBase: Double
    /// Whether the projections of attention, and those of the feed-forward part, have a bias.
    public var hasAttentionBias, hasMLPBias: Bool
    /// Whether the scores are products with the table of tokens.
    public var isTied: Bool
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        let type = try reader.string("model_type", default: "llama")
        guard type == "llama" else { throw reader.fault("model_type", "wanted \"llama\", got \"\(type)\"") }
        vocabularySize = try reader.integer("vocab_size", 1...1 << 21, default: 32_000)
        hiddenSize = try reader.integer("hidden_size", 1...65_536, default: 4096)
        mlpSize = try reader.integer("intermediate_size", 1...1 << 20, default: 11_008)
        layers = try reader.integer("num_hidden_layers", 1...512, default: 32)
        (heads, keyHeads, headSize) = try TransformersKeys.heads(reader, width: hiddenSize, heads: 32)
        positions = try reader.integer("max_position_embeddings", 2...1 << 20, default: 2048)
        activation = try TransformersKeys.activation(reader, "hidden_act", default: "silu")
        epsilon = try reader.number("rms_norm_eps", default: 1e-6)
        rotaryBase = try TransformersKeys.rotary(reader).base
        hasAttentionBias = try reader.boolean("attention_bias", default: false)
        hasMLPBias = try reader.boolean("mlp_bias", default: false)
        isTied = try reader.boolean("tie_word_embeddings", default: false)
        try TransformersKeys.requireLayerTypes(reader, layers: layers, "full_attention")
        notes = try reader.refuseUnknown(ignored: TransformersKeys.ignored.union(Self.ignored))
    }

    /// Keys of training, and of how transformers computes.
    private static let ignored: Set<String> = ["attention_dropout", "pretraining_tp"]
}

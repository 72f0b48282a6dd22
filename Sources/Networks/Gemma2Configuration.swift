import Engine
import Files

/// The sizes of a Gemma 2, from the `config.json` of transformers' `Gemma2Model` or `Gemma2ForCausalLM`.
public struct Gemma2Configuration: Sendable {
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
    /// The longest sequence.
    public var positions: Int
    /// The activated branch of the feed-forward part.
    public var activation: Activation
    /// ε of every normalisation.
    public var epsilon: Double
    /// The base of the angles of places.
    public var rotaryBase: Double
    /// Whether queries, keys, values and outputs have a bias.
    public var hasBias: Bool
    /// Scores are divided by its root.
    public var queryScale: Double
    /// Keys that a query of every other layer sees, from the first layer on.
    public var window: Int
    /// Bends the scores of attention; nil where the file has none.
    public var softCap: Double?
    /// Bends the scores of ids; nil where the file has none.
    public var scoreCap: Double?
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        let type = try reader.string("model_type", default: "gemma2")
        guard type == "gemma2" else { throw reader.fault("model_type", "wanted \"gemma2\", got \"\(type)\"") }
        vocabularySize = try reader.integer("vocab_size", 1...1 << 21, default: 256_000)
        hiddenSize = try reader.integer("hidden_size", 1...65_536, default: 2304)
        mlpSize = try reader.integer("intermediate_size", 1...1 << 20, default: 9216)
        layers = try reader.integer("num_hidden_layers", 1...512, default: 26)
        (heads, keyHeads, headSize) = try TransformersKeys.heads(
            reader, width: hiddenSize, heads: 8, keyHeads: 4, size: 256)
        positions = try reader.integer("max_position_embeddings", 2...1 << 20, default: 8192)
        // Old files have the name of the activation under a key that transformers no longer reads.
        activation = try TransformersKeys.activation(reader, "hidden_activation", default: "gelu_pytorch_tanh")
        epsilon = try reader.number("rms_norm_eps", default: 1e-6)
        rotaryBase = try TransformersKeys.rotary(reader).base
        hasBias = try reader.boolean("attention_bias", default: false)
        queryScale = try reader.number("query_pre_attn_scalar", 1e-6...1e6, default: 256)
        window = try reader.integer("sliding_window", 1...1 << 20, default: 4096)
        softCap = try Self.cap(reader, "attn_logit_softcapping", default: 50)
        scoreCap = try Self.cap(reader, "final_logit_softcapping", default: 30)
        try TransformersKeys.requireLayerTypes(reader, layers: layers, "sliding_attention", "full_attention")
        try reader.refuse("use_bidirectional_attention")
        // The others of transformers bend the scores of attention.
        for key in ["attn_implementation", "_attn_implementation"] { try reader.require(key, .string("sdpa")) }
        notes = try reader.refuseUnknown(ignored: TransformersKeys.ignored.union(Self.ignored))
    }

    /// A cap, or nil where the file has null.
    private static func cap(_ reader: ConfigurationReader, _ key: String, default standard: Double) throws -> Double? {
        if reader.isNull(key) { return nil }
        return try reader.number(key, 1e-3...1e6, default: standard)
    }

    /// Keys of training.
    private static let ignored: Set<String> = [
        "attention_dropout", "cache_implementation", "hidden_act", "sliding_window_size", "unsloth_fixed",
    ]
}

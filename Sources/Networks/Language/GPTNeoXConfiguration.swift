import Engine
import Files

/// The sizes of a GPT-NeoX, from the `config.json` of transformers' `GPTNeoXForCausalLM`: Pythia, Dolly, LLM-CXR.
public struct GPTNeoXConfiguration: CausalConfiguration, Sendable {
    /// Ids of the vocabulary.
    public var vocabularySize: Int
    /// Channels of a token.
    public var hiddenSize: Int
    /// The width of the feed-forward part.
    public var mlpSize: Int
    /// Layers, and heads of each.
    public var layers, heads: Int
    /// The longest text.
    public var positions: Int
    /// The activation of the feed-forward part.
    public var activation: Activation
    /// ε of every normalisation.
    public var epsilon: Double
    /// Channels of a head that places turn.
    public var rotated: Int
    /// The base of the angles of places.
    public var rotaryBase: Double
    /// Whether the feed-forward part reads what attention reads, rather than its result.
    public var isParallel: Bool
    /// Whether the projections of attention have a bias.
    public var hasAttentionBias: Bool
    /// Whether the scores are products with the table of tokens.
    public var isTied: Bool
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Channels of a head.
    public var headSize: Int { hiddenSize / heads }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        let type = try reader.string("model_type", default: "gpt_neox")
        guard type == "gpt_neox" else { throw reader.fault("model_type", "wanted \"gpt_neox\", got \"\(type)\"") }
        vocabularySize = try reader.integer("vocab_size", 1...1 << 21, default: 50_432)
        hiddenSize = try reader.integer("hidden_size", 1...65_536, default: 6144)
        mlpSize = try reader.integer("intermediate_size", 1...1 << 20, default: 24_576)
        layers = try reader.integer("num_hidden_layers", 1...512, default: 44)
        heads = try reader.integer("num_attention_heads", 1...1024, default: 64)
        guard hiddenSize % heads == 0 else {
            throw reader.fault("num_attention_heads", "\(heads) heads do not divide \(hiddenSize) channels")
        }
        positions = try reader.integer("max_position_embeddings", 2...1 << 20, default: 2048)
        activation = try TransformersKeys.activation(reader, "hidden_act", default: "gelu")
        epsilon = try reader.number("layer_norm_eps", default: 1e-5)
        let part: Double
        (rotaryBase, part) = try TransformersKeys.rotary(
            reader, bases: ["rotary_emb_base", "rope_theta"], part: ("rotary_pct", 0.25))
        rotated = Int(Double(hiddenSize / heads) * part)
        guard rotated > 0, rotated % 2 == 0 else {
            throw reader.fault("rotary_pct", "\(part) of a head's \(hiddenSize / heads) channels is no even number")
        }
        isParallel = try reader.boolean("use_parallel_residual", default: true)
        hasAttentionBias = try reader.boolean("attention_bias", default: true)
        isTied = try reader.boolean("tie_word_embeddings", default: false)
        try TransformersKeys.requireLayerTypes(reader, layers: layers, "full_attention")
        notes = try reader.refuseUnknown(ignored: TransformersKeys.ignored.union(Self.ignored))
    }

    /// Keys of training, of other tasks, and of how transformers computes.
    private static let ignored: Set<String> = [
        "attention_dropout", "hidden_dropout", "classifier_dropout", "custom_pipelines",
        "partial_rotary_factor",
    ]
}

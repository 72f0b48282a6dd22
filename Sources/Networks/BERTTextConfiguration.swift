import Files
import Engine

/// The sizes of a BERT text model, from the `config.json` of transformers' `BertModel` or of BioViL-T's `CXRBertModel`.
public struct BERTTextConfiguration: Sendable {
    /// Ids of the vocabulary.
    public var vocabularySize: Int
    /// Channels of a token.
    public var hiddenSize: Int
    /// The width of the feed-forward part.
    public var mlpSize: Int
    /// Transformer layers.
    public var layers: Int
    /// Attention heads of a layer.
    public var heads: Int
    /// The longest sequence.
    public var positions: Int
    /// Kinds of segments; texts of one segment have the first.
    public var tokenTypes: Int
    /// What follows the first linear layer of the feed-forward part.
    public var activation: Activation
    /// ε of every layer normalisation.
    public var layerNormEpsilon: Double
    /// The width of `CXRBertModel`'s projection; nil for a plain BERT.
    public var projectionSize: Int?
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// A plain BERT of these sizes, with what else its authors gave all of theirs: GELU and ε 1e-12.
    public init(
        vocabularySize: Int, hiddenSize: Int, mlpSize: Int, layers: Int, heads: Int, positions: Int, tokenTypes: Int
    ) {
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.mlpSize = mlpSize
        self.layers = layers
        self.heads = heads
        self.positions = positions
        self.tokenTypes = tokenTypes
        activation = .gelu
        layerNormEpsilon = 1e-12
    }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        let type = try reader.string("model_type", default: "bert")
        guard ["bert", "cxr-bert"].contains(type) else {
            throw reader.fault("model_type", "wanted \"bert\" or \"cxr-bert\", got \"\(type)\"")
        }
        vocabularySize = try reader.integer("vocab_size", 1...1 << 21, default: 30_522)
        hiddenSize = try reader.integer("hidden_size", 1...16_384, default: 768)
        mlpSize = try reader.integer("intermediate_size", 1...131_072, default: 3072)
        layers = try reader.integer("num_hidden_layers", 1...512, default: 12)
        heads = try reader.integer("num_attention_heads", 1...1024, default: 12)
        guard hiddenSize % heads == 0 else {
            throw reader.fault("num_attention_heads", "\(heads) heads do not divide a hidden size of \(hiddenSize)")
        }
        positions = try reader.integer("max_position_embeddings", 1...65_536, default: 512)
        tokenTypes = try reader.integer("type_vocab_size", 1...1024, default: 2)
        activation = try TransformersKeys.activation(reader, "hidden_act", default: "gelu")
        layerNormEpsilon = try reader.number("layer_norm_eps", default: 1e-12)
        // CXRBertConfig's default is 128.
        let isProjected = type == "cxr-bert" || reader.value("projection_size") != nil
        projectionSize = isProjected ? try reader.integer("projection_size", 1...65_536, default: 128) : nil
        let places = try reader.string("position_embedding_type", default: "absolute")
        guard places == "absolute" else {
            throw reader.fault("position_embedding_type", "wanted \"absolute\", got \"\(places)\"")
        }
        for key in ["is_decoder", "add_cross_attention", "use_attention_mask"]
        where try reader.boolean(key, default: false) {
            throw reader.fault(key, "true is not supported")
        }
        try TransformersKeys.refusePrunedHeads(reader)
        notes = try reader.refuseUnknown(ignored: TransformersKeys.ignored.union(Self.ignored))
    }

    /// Keys of training, of generation and of Python's side.
    private static let ignored: Set<String> = [
        "auto_map", "classifier_dropout", "gradient_checkpointing",
    ]
}

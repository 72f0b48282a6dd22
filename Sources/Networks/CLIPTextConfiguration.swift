import Files
import Engine

/// The sizes of CLIP's text model, from the `config.json` of transformers' `CLIPTextModel`.
public struct CLIPTextConfiguration: Sendable {
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
    /// What follows the first linear layer of the feed-forward part: quick_gelu in OpenAI's models, gelu in OpenCLIP's.
    public var activation: Activation
    /// ε of every layer normalisation.
    public var layerNormEpsilon: Double
    /// The id whose first place gives the pooled output; 2 stands for the largest id, as old files have it.
    public var endID: Int
    /// Channels of the projection of a `CLIPTextModelWithProjection`; nil for other classes.
    public var projectionSize: Int?
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Reads `config.json`; a whole CLIP model's `text_config` is read, too.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key.
    public init(path: String) throws {
        var reader = try ConfigurationReader(path)
        if let text = reader.value("text_config")?.object, reader.value("model_type")?.string == "clip" {
            reader = ConfigurationReader(path: path, text)
        }
        let type = try reader.string("model_type", default: "clip_text_model")
        guard type == "clip_text_model" else {
            throw reader.fault("model_type", "wanted \"clip_text_model\", got \"\(type)\"")
        }
        vocabularySize = try reader.integer("vocab_size", 1...1 << 21, default: 49_408)
        hiddenSize = try reader.integer("hidden_size", 1...16_384, default: 512)
        mlpSize = try reader.integer("intermediate_size", 1...131_072, default: 2048)
        layers = try reader.integer("num_hidden_layers", 1...512, default: 12)
        heads = try reader.integer("num_attention_heads", 1...1024, default: 8)
        guard hiddenSize % heads == 0 else {
            throw reader.fault("num_attention_heads", "\(heads) heads do not divide a hidden size of \(hiddenSize)")
        }
        positions = try reader.integer("max_position_embeddings", 1...65_536, default: 77)
        activation = try TransformersKeys.activation(reader, "hidden_act", default: "quick_gelu")
        layerNormEpsilon = try reader.number("layer_norm_eps", default: 1e-5)
        endID = try reader.integer("eos_token_id", 0...1 << 21, default: 49_407)
        if reader.value("architectures")?.array?.first?.string == "CLIPTextModelWithProjection" {
            projectionSize = try reader.integer("projection_dim", 1...16_384, default: 512)
        }
        try TransformersKeys.refusePrunedHeads(reader)
        notes = try reader.refuseUnknown(ignored: TransformersKeys.ignored.union(Self.ignored))
    }

    /// Keys of training and of the projection, which a plain text model does not have.
    private static let ignored: Set<String> = [
        "attention_dropout", "dropout", "initializer_factor", "projection_dim", "logit_scale_init_value",
    ]
}

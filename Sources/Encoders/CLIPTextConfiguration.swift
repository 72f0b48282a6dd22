import Files
import NeuralNet

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
        let name = try reader.string("hidden_act", default: "quick_gelu")
        guard let activation = Self.activations[name] else {
            let known = Self.activations.keys.sorted().joined(separator: ", ")
            throw reader.fault("hidden_act", "wanted one of \(known), got \"\(name)\"")
        }
        self.activation = activation
        layerNormEpsilon = try reader.number("layer_norm_eps", default: 1e-5)
        endID = try reader.integer("eos_token_id", 0...1 << 21, default: 49_407)
        if let pruned = reader.value("pruned_heads"), pruned.object?.isEmpty != true {
            throw reader.fault("pruned_heads", "pruned heads are not supported")
        }
        try reader.refuseUnknown(read: Self.read, ignored: Self.ignored.union(Dinov2Configuration.ignored))
    }

    /// Activations by transformers' names.
    static let activations: [String: Activation] = [
        "gelu": .gelu, "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "quick_gelu": .quickGelu, "relu": .relu,
    ]

    private static let read: Set<String> = [
        "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "max_position_embeddings", "hidden_act", "layer_norm_eps", "eos_token_id", "pruned_heads",
    ]

    /// Keys of training and of the projection, which the text model does not have.
    private static let ignored: Set<String> = [
        "attention_dropout", "dropout", "initializer_factor", "projection_dim", "logit_scale_init_value",
    ]
}

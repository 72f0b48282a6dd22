import Engine
import Files
import Tensors

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

    /// The sizes of timm's DINOv2 transformers, whose heads are 64 wide and whose feed-forward part is not gated.
    /// - Throws: `TensorError.value` where they are no sizes of one.
    public init(timmWidth width: Int, layers: Int, mlpSize: Int, patchSize: Int, imageSize: Int) throws {
        guard width > 0, width % Self.timmHeadSize == 0, layers > 0, mlpSize > 0, (1...imageSize).contains(patchSize)
        else {
            throw TensorError.value(
                operation: "vision transformer",
                message: "\(width) channels in heads of \(Self.timmHeadSize), \(layers) layers, patches of "
                    + "\(patchSize) on \(imageSize) pixels")
        }
        (hiddenSize, self.layers, heads) = (width, layers, width / Self.timmHeadSize)
        (self.mlpSize, activation, layerNormEpsilon) = (mlpSize, .gelu, 1e-6)
        (self.imageSize, self.patchSize, qkvBias, usesSwiGLU) = (imageSize, patchSize, true, false)
    }

    private static let timmHeadSize = 64

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
        activation = try TransformersKeys.activation(reader, "hidden_act", default: "gelu")
        layerNormEpsilon = try reader.number("layer_norm_eps", default: 1e-6)
        imageSize = try reader.integer("image_size", 1...8192, default: 224)
        patchSize = try reader.integer("patch_size", 1...1024, default: 14)
        guard patchSize <= imageSize else {
            throw reader.fault("patch_size", "a patch of \(patchSize) is larger than an image of \(imageSize)")
        }
        _ = try reader.integer("num_channels", 3...3, default: 3)
        qkvBias = try reader.boolean("qkv_bias", default: true)
        usesSwiGLU = try reader.boolean("use_swiglu_ffn", default: false)
        try TransformersKeys.refusePrunedHeads(reader)
        try reader.refuseUnknown(ignored: TransformersKeys.ignored.union(Self.ignored))
    }

    /// Keys about training and about outputs that are not asked for.
    private static let ignored: Set<String> = [
        "drop_path_rate", "layerscale_value", "apply_layernorm", "reshape_hidden_states", "out_features", "out_indices",
        "stage_names", "use_mask_token",
    ]
}

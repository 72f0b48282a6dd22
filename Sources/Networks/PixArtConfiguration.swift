import Engine
import Files

/// The sizes of a denoiser, from the `config.json` of diffusers' `PixArtTransformer2DModel`, or of the `Transformer2DModel` that
/// old files call it.
public struct PixArtConfiguration: Sendable {
    /// The side of the latents that it was trained on.
    public var sampleSize: Int
    /// Channels of the latents that go in, and of the answer: twice as many where it learned its variance.
    public var inputs, outputs: Int
    /// Latents a side of a patch.
    public var patchSize: Int
    /// Transformer blocks.
    public var layers: Int
    /// Attention heads of a block, and channels of a head.
    public var heads, headSize: Int
    /// Channels of a token of the text before its projection.
    public var captionWidth: Int
    /// Whether queries, keys and values have a bias.
    public var hasAttentionBias: Bool
    /// The middle of the feed-forward part.
    public var activation: Activation
    /// ε of the normalisations in blocks.
    public var epsilon: Double
    /// Divides the coordinates of patches.
    public var positionScale: Double
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Channels of a token.
    public var width: Int { heads * headSize }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for a variant that is not supported.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        _ = try reader.string(
            "_class_name", among: ["PixArtTransformer2DModel", "Transformer2DModel"],
            default: "PixArtTransformer2DModel")
        sampleSize = try reader.integer("sample_size", 1...4096, default: 128)
        inputs = try reader.integer("in_channels", 1...1024, default: 4)
        let given = reader.value("out_channels")
        outputs =
            given == nil || given?.integer != nil ? try reader.integer("out_channels", 1...2048, default: 8) : inputs
        patchSize = try reader.integer("patch_size", 1...64, default: 2)
        layers = try reader.integer("num_layers", 1...512, default: 28)
        heads = try reader.integer("num_attention_heads", 1...1024, default: 16)
        headSize = try reader.integer("attention_head_dim", 1...4096, default: 72)
        captionWidth = try reader.integer("caption_channels", 1...65_536)
        hasAttentionBias = try reader.boolean("attention_bias", default: true)
        let kinds: [String: Activation] = ["gelu-approximate": .geluTanh, "gelu": .gelu]
        let name = try reader.string("activation_fn", among: kinds.keys.sorted(), default: "gelu-approximate")
        activation = kinds[name] ?? .geluTanh
        epsilon = try reader.number("norm_eps", default: 1e-6)
        let scale = reader.value("interpolation_scale")
        positionScale =
            scale == nil || scale?.number == nil
            ? Double(max(sampleSize / 64, 1)) : try reader.number("interpolation_scale", 1e-6...1e6, default: 1)
        let width = heads * headSize
        guard width % 4 == 0 else {
            throw reader.fault("attention_head_dim", "\(width) channels have no sines and cosines of rows and columns")
        }
        guard try reader.integer("cross_attention_dim", 1...65_536, default: 1152) == width else {
            throw reader.fault("cross_attention_dim", "only \(width), the width of the blocks, is supported")
        }
        guard sampleSize >= patchSize else {
            throw reader.fault("patch_size", "patches of \(patchSize) in latents of \(sampleSize)")
        }
        // Micro-conditions on size and shape belong to PixArt-α; where the key is absent they follow from the size.
        guard try !reader.boolean("use_additional_conditions", default: sampleSize == 128) else {
            throw reader.fault("use_additional_conditions", "only models without them (PixArt-Sigma) are supported")
        }
        try reader.require("norm_type", .string("ada_norm_single"))
        for key in ["norm_elementwise_affine", "double_self_attention", "only_cross_attention"] {
            try reader.refuse(key)
        }
        for key in ["num_vector_embeds"] { try reader.requireAbsent(key) }
        _ = try reader.string("attention_type", among: ["default"], default: "default")
        notes = try reader.refuseUnknown(ignored: DiffusersKeys.ignored.union(Self.ignored))
    }

    /// Keys of training, and some without a use where `norm_type` is what it must be.
    private static let ignored: Set<String> = [
        "dropout", "norm_num_groups", "num_embeds_ada_norm", "upcast_attention", "use_linear_projection",
    ]
}

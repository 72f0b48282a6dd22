import Engine
import Files

/// The sizes of a denoiser, from the `config.json` of diffusers' `SanaTransformer2DModel`.
public struct SanaConfiguration: Sendable {
    /// The side of the latents that it was trained on.
    public var sampleSize: Int
    /// Channels of the latents that go in, and of the answer: twice as many where it learned its variance.
    public var inputs, outputs: Int
    /// Latents a side of a patch.
    public var patchSize: Int
    /// Transformer blocks.
    public var layers: Int
    /// Heads of the linear attention among the image's tokens, and channels of a head.
    public var heads, headSize: Int
    /// Heads of the attention to the text.
    public var crossHeads: Int
    /// Channels of a token of the text before its projection.
    public var captionWidth: Int
    /// Channels between the convolutions of a block, after the gate.
    public var inner: Int
    /// Whether queries, keys and values of the linear attention have a bias.
    public var hasAttentionBias: Bool
    /// Whether queries and keys are normalised, all heads together.
    public var normalizesQueries: Bool
    /// Whether the normalisation before the convolutions has a weight and a bias of its own.
    public var hasAffineNorm: Bool
    /// ε of the normalisations in blocks.
    public var epsilon: Double
    /// Divides the coordinates of patches; nil where the model has no positions.
    public var positionScale: Double?
    /// Is multiplied to the scheduler's timestep.
    public var timestepScale: Double
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Channels of a token.
    public var width: Int { heads * headSize }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for a variant that is not supported.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        _ = try reader.string("_class_name", among: ["SanaTransformer2DModel"], default: "SanaTransformer2DModel")
        sampleSize = try reader.integer("sample_size", 1...4096, default: 32)
        inputs = try reader.integer("in_channels", 1...1024, default: 32)
        let given = reader.value("out_channels")
        outputs =
            given == nil || given?.integer != nil ? try reader.integer("out_channels", 1...2048, default: 32) : inputs
        guard outputs == inputs || outputs == 2 * inputs else {
            throw reader.fault("out_channels", "wanted \(inputs) or \(2 * inputs) channels, got \(outputs)")
        }
        patchSize = try reader.integer("patch_size", 1...64, default: 1)
        guard sampleSize >= patchSize else {
            throw reader.fault("patch_size", "patches of \(patchSize) in latents of \(sampleSize)")
        }
        layers = try reader.integer("num_layers", 1...512, default: 20)
        heads = try reader.integer("num_attention_heads", 1...1024, default: 70)
        headSize = try reader.integer("attention_head_dim", 1...4096, default: 32)
        let width = heads * headSize
        crossHeads = try reader.integer("num_cross_attention_heads", 1...1024, default: 20)
        let crossSize = try reader.integer("cross_attention_head_dim", 1...4096, default: 112)
        guard crossHeads * crossSize == width else {
            throw reader.fault(
                "cross_attention_head_dim",
                "\(crossHeads) heads of \(crossSize) are not \(width), the width of the blocks")
        }
        guard try reader.integer("cross_attention_dim", 1...65_536, default: 2240) == width else {
            throw reader.fault("cross_attention_dim", "only \(width), the width of the blocks, is supported")
        }
        captionWidth = try reader.integer("caption_channels", 1...65_536, default: 2304)
        let ratio = try reader.number("mlp_ratio", 1e-3...1e3, default: 2.5)
        inner = Int(ratio * Double(width))
        guard inner > 0 else { throw reader.fault("mlp_ratio", "\(ratio) of \(width) channels are none") }
        hasAttentionBias = try reader.boolean("attention_bias", default: false)
        _ = try reader.string("qk_norm", among: ["rms_norm_across_heads"], default: "")
        normalizesQueries = reader.value("qk_norm") != nil
        hasAffineNorm = try reader.boolean("norm_elementwise_affine", default: false)
        epsilon = try reader.number("norm_eps", default: 1e-6)
        positionScale =
            reader.value("interpolation_scale") == nil
            ? nil : try reader.number("interpolation_scale", 1e-6...1e6, default: 1)
        guard positionScale == nil || width % 4 == 0 else {
            throw reader.fault("attention_head_dim", "\(width) channels have no sines and cosines of rows and columns")
        }
        timestepScale = try reader.number("timestep_scale", default: 1)
        // Guidance that the network reads belongs to Sana-Sprint, which has a pipeline of its own.
        try reader.refuse("guidance_embeds")
        notes = try reader.refuseUnknown(ignored: DiffusersKeys.ignored.union(["dropout", "guidance_embeds_scale"]))
    }
}

import Files

/// The sizes of a denoiser, from the `config.json` of diffusers' `FluxTransformer2DModel`.
public struct FluxConfiguration: Sendable {
    /// Channels of a latent, of which two rows and two columns make up a token.
    public var channels: Int
    /// Blocks of two streams, and the blocks of one that follow.
    public var layers, singleLayers: Int
    /// Attention heads of a block, and channels of a head.
    public var heads, headSize: Int
    /// Channels of a token of the text, and of the vector of a text.
    public var contextWidth, pooledWidth: Int
    /// Whether it reads a guidance scale.
    public var hasGuidance: Bool
    /// The channels of a head that are turned by each of a token's three places: the first is the same for all, then row and
    /// column.
    public var axes: [Int]
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Channels of a token.
    public var width: Int { heads * headSize }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for a variant that is not supported.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        _ = try reader.string("_class_name", among: ["FluxTransformer2DModel"], default: "FluxTransformer2DModel")
        let inputs = try reader.integer("in_channels", 4...4096, default: 64)
        guard inputs % 4 == 0 else {
            throw reader.fault("in_channels", "\(inputs) channels are no patches of two rows and two columns")
        }
        channels = inputs / 4
        layers = try reader.integer("num_layers", 0...512, default: 19)
        singleLayers = try reader.integer("num_single_layers", 0...512, default: 38)
        heads = try reader.integer("num_attention_heads", 1...1024, default: 24)
        headSize = try reader.integer("attention_head_dim", 1...4096, default: 128)
        contextWidth = try reader.integer("joint_attention_dim", 1...65_536, default: 4096)
        pooledWidth = try reader.integer("pooled_projection_dim", 1...65_536, default: 768)
        hasGuidance = try reader.boolean("guidance_embeds", default: false)
        axes = try reader.integers("axes_dims_rope", 2...4096, default: [16, 56, 56])
        guard axes.count == 3, axes.allSatisfy({ $0 % 2 == 0 }), axes.reduce(0, +) == headSize else {
            throw reader.fault(
                "axes_dims_rope", "wanted three even numbers whose sum is attention_head_dim, \(headSize), got \(axes)")
        }
        guard try reader.integer("out_channels", 1...4096, default: inputs) == inputs else {
            throw reader.fault("out_channels", "only \(inputs), as many as come in, is supported")
        }
        try reader.require("patch_size", .integer(1))
        notes = try reader.refuseUnknown(ignored: DiffusersKeys.ignored)
    }
}

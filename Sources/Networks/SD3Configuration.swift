import Files

/// The sizes of a denoiser, from the `config.json` of diffusers' `SD3Transformer2DModel`.
public struct SD3Configuration: Sendable {
    /// The side of the latents that it was trained on.
    public var sampleSize: Int
    /// Channels of the latents.
    public var channels: Int
    /// Latents a side of a patch.
    public var patchSize: Int
    /// Transformer blocks.
    public var layers: Int
    /// Attention heads of a block, and channels of a head.
    public var heads, headSize: Int
    /// Channels of a token of the text, and of the vector of a text.
    public var contextWidth, pooledWidth: Int
    /// Patches a side of the stored table of positions, from whose middle an image takes its own.
    public var positions: Int
    /// The blocks in which the image's tokens have a second attention to each other.
    public var dualLayers: Set<Int>
    /// ε of the normalisation of queries and keys; nil where there is none, as in Stable Diffusion 3.0.
    public var normEpsilon: Double?
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Channels of a token.
    public var width: Int { heads * headSize }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for a variant that is not supported.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        _ = try reader.string("_class_name", among: ["SD3Transformer2DModel"], default: "SD3Transformer2DModel")
        sampleSize = try reader.integer("sample_size", 1...4096, default: 128)
        channels = try reader.integer("in_channels", 1...1024, default: 16)
        patchSize = try reader.integer("patch_size", 1...64, default: 2)
        layers = try reader.integer("num_layers", 1...512, default: 18)
        heads = try reader.integer("num_attention_heads", 1...1024, default: 18)
        headSize = try reader.integer("attention_head_dim", 1...4096, default: 64)
        contextWidth = try reader.integer("joint_attention_dim", 1...65_536, default: 4096)
        pooledWidth = try reader.integer("pooled_projection_dim", 1...65_536, default: 2048)
        positions = try reader.integer("pos_embed_max_size", 1...4096, default: 96)
        normEpsilon = nil
        if reader.value("qk_norm") != nil {
            _ = try reader.string("qk_norm", among: ["rms_norm"], default: "rms_norm")
            normEpsilon = 1e-6
        }
        let dual = reader.value("dual_attention_layers")
        let named = dual?.array?.compactMap(\.integer) ?? []
        dualLayers = Set(named)
        guard dual == nil || dual?.array?.count == named.count, named.allSatisfy((0..<layers).contains) else {
            throw reader.fault(
                "dual_attention_layers",
                "wanted a list of layers from 0 to \(layers - 1), got \(dual?.text() ?? "nothing")")
        }
        let width = heads * headSize
        guard try reader.integer("caption_projection_dim", 1...65_536, default: 1152) == width else {
            throw reader.fault("caption_projection_dim", "only \(width), the width of the blocks, is supported")
        }
        guard try reader.integer("out_channels", 1...1024, default: channels) == channels else {
            throw reader.fault("out_channels", "only \(channels), as many as come in, is supported")
        }
        notes = try reader.refuseUnknown(ignored: DiffusersKeys.ignored)
    }
}

import Files

/// The sizes of an autoencoder, from the `config.json` of diffusers' `AutoencoderKL`.
public struct AutoencoderConfiguration: Sendable {
    /// Channels of pictures that go in, and come out.
    public var inputs, outputs: Int
    /// Channels of a latent.
    public var latentChannels: Int
    /// Channels of each level, from large images to small ones.
    public var channels: [Int]
    /// Residual blocks of a level of the encoder; the decoder has one more.
    public var layers: Int
    /// Groups of every group normalisation; their ε is 1e-6.
    public var groups: Int
    /// Pixels a side that it was trained on, which tiles have.
    public var sampleSize: Int
    /// What latents are multiplied by for the denoiser.
    public var scalingFactor: Double
    /// What is taken from latents before that.
    public var shiftFactor: Double
    /// Whether 1 × 1 convolutions follow the encoder and precede the decoder.
    public var hasQuantConvolution, hasPostQuantConvolution: Bool
    /// Whether the smallest level has an attention.
    public var hasAttention: Bool
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Pixels a side of one cell of the latent.
    public var scale: Int { 1 << (channels.count - 1) }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for a variant that is not supported.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        let name = try reader.string("_class_name", default: "AutoencoderKL")
        guard name == "AutoencoderKL" else {
            throw reader.fault("_class_name", "wanted \"AutoencoderKL\", got \"\(name)\"")
        }
        channels = try reader.integers("block_out_channels", 1...16_384, default: [64])
        guard channels.count <= 8 else { throw reader.fault("block_out_channels", "wanted 1 to 8 levels") }
        for (key, name) in [("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")] {
            guard let types = reader.value(key) else {
                if channels.count == 1 { continue }
                throw reader.fault(key, "the key is missing")
            }
            guard types.array?.count == channels.count, types.array?.allSatisfy({ $0.string == name }) == true else {
                throw reader.fault(key, "wanted \(channels.count) × \"\(name)\", got \(types.text())")
            }
        }
        inputs = try reader.integer("in_channels", 1...1024, default: 3)
        outputs = try reader.integer("out_channels", 1...1024, default: 3)
        latentChannels = try reader.integer("latent_channels", 1...1024, default: 4)
        layers = try reader.integer("layers_per_block", 1...16, default: 1)
        groups = try reader.integer("norm_num_groups", 1...1024, default: 32)
        sampleSize = try reader.integer("sample_size", 1...16_384, default: 32)
        scalingFactor = try reader.number("scaling_factor", default: 0.18215)
        shiftFactor = try reader.number("shift_factor", default: 0)
        hasQuantConvolution = try reader.boolean("use_quant_conv", default: true)
        hasPostQuantConvolution = try reader.boolean("use_post_quant_conv", default: true)
        hasAttention = try reader.boolean("mid_block_add_attention", default: true)
        if let bad = channels.first(where: { $0 % groups != 0 }) {
            throw reader.fault("norm_num_groups", "\(groups) groups do not divide \(bad) channels")
        }
        guard scalingFactor != 0 else { throw reader.fault("scaling_factor", "wanted a number other than 0") }
        try reader.require("act_fn", .string("silu"))
        for key in ["latents_mean", "latents_std"] { try reader.requireAbsent(key) }
        // Precision is chosen by the caller here.
        notes = try reader.refuseUnknown(ignored: DiffusersKeys.ignored.union(["force_upcast"]))
    }
}

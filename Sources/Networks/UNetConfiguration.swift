import Files

/// The sizes of a denoiser, from the `config.json` of diffusers' `UNet2DConditionModel`.
public struct UNetConfiguration: Sendable {
    /// One level of the network, of images of one size.
    public struct Level: Sendable {
        /// Channels.
        public var channels: Int
        /// Residual blocks on the way down; one more on the way up.
        public var layers: Int
        /// Whether each residual block on the way down, or up, is followed by a transformer.
        public var attendsDown, attendsUp: Bool
        /// Transformer blocks of each transformer.
        public var transformerLayers: Int
        /// Attention heads.
        public var heads: Int
        /// Whether the first attention of each transformer block looks at the context, too.
        public var onlyCross: Bool
    }

    /// The side of the latents that it was trained on.
    public var sampleSize: Int
    /// Channels of the latents that go in, and of the answer.
    public var inputs, outputs: Int
    /// From large images to small ones.
    public var levels: [Level]
    /// Channels of a token of the context.
    public var contextWidth: Int
    /// Groups and ε of every group normalisation, except those before transformers, whose ε is 1e-6.
    public var groups: Int
    /// ε of group normalisations in residual blocks.
    public var epsilon: Double
    /// Whether cosines come first in the embedding of the timestep.
    public var flipSinToCos: Bool
    /// Is taken from the number of frequencies in the embedding of the timestep.
    public var frequencyShift: Double
    /// Whether the input is stretched from 0 … 1 to -1 … 1.
    public var centersInput: Bool
    /// Whether strided convolutions pad all around; else below and on the right only.
    public var padsAround: Bool
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for a variant that is not supported.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        let name = try reader.string("_class_name", default: "UNet2DConditionModel")
        guard name == "UNet2DConditionModel" else {
            throw reader.fault("_class_name", "wanted \"UNet2DConditionModel\", got \"\(name)\"")
        }
        let channels = try reader.integers("block_out_channels", 1...16_384, default: [320, 640, 1280, 1280])
        let count = channels.count
        guard (1...8).contains(count) else { throw reader.fault("block_out_channels", "wanted 1 to 8 levels") }
        let down = try Self.blocks(
            reader, "down_block_types", ["CrossAttnDownBlock2D": true, "DownBlock2D": false],
            [Bool](repeating: true, count: max(0, count - 1)) + [false], count)
        let up = try Self.blocks(
            reader, "up_block_types", ["CrossAttnUpBlock2D": true, "UpBlock2D": false],
            [false] + [Bool](repeating: true, count: max(0, count - 1)), count)
        let layers = try Self.perLevel(reader, "layers_per_block", 1...16, 2, count)
        let depths = try Self.perLevel(reader, "transformer_layers_per_block", 1...64, 1, count)
        // diffusers takes `attention_head_dim` for the number of heads, and refuses `num_attention_heads`.
        let headsKey = "attention_head_dim"
        let heads = try Self.perLevel(reader, headsKey, 1...1024, 8, count)
        let only = try Self.flags(reader, "only_cross_attention", count)
        sampleSize = try reader.integer("sample_size", 1...4096, default: 64)
        inputs = try reader.integer("in_channels", 1...1024, default: 4)
        outputs = try reader.integer("out_channels", 1...1024, default: 4)
        groups = try reader.integer("norm_num_groups", 1...1024, default: 32)
        epsilon = try reader.number("norm_eps", default: 1e-5)
        guard epsilon > 0 else { throw reader.fault("norm_eps", "wanted more than 0, got \(epsilon)") }
        flipSinToCos = try reader.boolean("flip_sin_to_cos", default: true)
        frequencyShift = try reader.number("freq_shift", default: 0)
        centersInput = try reader.boolean("center_input_sample", default: false)
        padsAround = try reader.integer("downsample_padding", 0...1, default: 1) == 1
        let widths = try Self.perLevel(reader, "cross_attention_dim", 1...65_536, 1280, count)
        guard Set(widths).count == 1 else {
            throw reader.fault("cross_attention_dim", "wanted one width for all levels")
        }
        contextWidth = widths[0]
        // The way up goes through the levels from the last to the first, and its types are listed in that order.
        levels = (0..<count).map { level in
            Level(
                channels: channels[level], layers: layers[level], attendsDown: down[level],
                attendsUp: up[count - 1 - level], transformerLayers: depths[level], heads: heads[level],
                onlyCross: only[level])
        }
        for level in levels {
            guard level.channels % groups == 0 else {
                throw reader.fault("norm_num_groups", "\(groups) groups do not divide \(level.channels) channels")
            }
            guard level.channels % level.heads == 0 else {
                throw reader.fault(headsKey, "\(level.heads) heads do not divide \(level.channels) channels")
            }
        }
        guard try reader.number("mid_block_scale_factor", default: 1) == 1 else {
            throw reader.fault("mid_block_scale_factor", "only 1 is supported")
        }
        guard channels[0] % 2 == 0, frequencyShift < Double(channels[0] / 2) else {
            throw reader.fault(
                "freq_shift", "no embedding of \(channels[0]) channels with a shift of \(frequencyShift)")
        }
        for (key, wanted) in Self.fixed { try reader.require(key, wanted) }
        for key in Self.absent { try reader.requireAbsent(key) }
        // Where the key is absent, the middle block does as the levels do.
        let middle = "mid_block_only_cross_attention"
        guard reader.value(middle) == nil || !only.contains(true) else {
            throw reader.fault(middle, "false is not supported where only_cross_attention is true")
        }
        notes = try reader.refuseUnknown(ignored: DiffusersKeys.ignored.union(Self.ignored))
    }

    /// One number for all levels, or a list with one for each.
    private static func perLevel(
        _ reader: ConfigurationReader, _ key: String, _ range: ClosedRange<Int>, _ standard: Int, _ count: Int
    ) throws -> [Int] {
        if reader.value(key)?.array == nil {
            return [Int](repeating: try reader.integer(key, range, default: standard), count: count)
        }
        let list = try reader.integers(key, range, default: [])
        guard list.count == count else { throw reader.fault(key, "wanted \(count) numbers, got \(list.count)") }
        return list
    }

    private static func flags(_ reader: ConfigurationReader, _ key: String, _ count: Int) throws -> [Bool] {
        guard let items = reader.value(key)?.array else {
            return [Bool](repeating: try reader.boolean(key, default: false), count: count)
        }
        let list = items.compactMap(\.boolean)
        guard list.count == count, items.count == count else {
            throw reader.fault(key, "wanted true or false, or \(count) of them")
        }
        return list
    }

    private static func blocks(
        _ reader: ConfigurationReader, _ key: String, _ known: [String: Bool], _ standard: [Bool], _ count: Int
    ) throws -> [Bool] {
        guard let value = reader.value(key) else { return standard }
        let names = value.array?.compactMap(\.string) ?? []
        guard names.count == count, value.array?.count == count else {
            throw reader.fault(key, "wanted \(count) block types, got \(value.text())")
        }
        return try names.map { name in
            guard let attends = known[name] else {
                throw reader.fault(
                    key, "wanted \(known.keys.sorted().joined(separator: " or ")), got \"\(name)\"")
            }
            return attends
        }
    }

    /// Keys whose other values are other networks.
    private static let fixed: [String: JSON] = [
        "act_fn": .string("silu"), "mid_block_type": .string("UNetMidBlock2DCrossAttn"),
        "resnet_time_scale_shift": .string("default"), "time_embedding_type": .string("positional"),
        "conv_in_kernel": .integer(3), "conv_out_kernel": .integer(3), "attention_type": .string("default"),
        "dual_cross_attention": .boolean(false), "resnet_skip_time_act": .boolean(false),
        "class_embeddings_concat": .boolean(false),
    ]

    /// Keys of parts that these networks do not have.
    private static let absent: [String] = [
        "num_attention_heads",
        "encoder_hid_dim", "encoder_hid_dim_type", "class_embed_type", "addition_embed_type", "num_class_embeds",
        "time_embedding_dim", "time_embedding_act_fn", "timestep_post_act", "time_cond_proj_dim",
        "projection_class_embeddings_input_dim", "mid_block_only_cross_attention", "cross_attention_norm",
        "reverse_transformer_layers_per_block",
    ]

    /// Keys that change nothing here: softmax is always f32, a 1 × 1 convolution is a linear layer, dropout is for
    /// training, and the rest belongs to parts that are absent. `resnet_out_scale_factor` is not passed on to these blocks by diffusers.
    private static let ignored: Set<String> = [
        "upcast_attention", "use_linear_projection", "dropout", "addition_time_embed_dim",
        "addition_embed_type_num_heads", "resnet_out_scale_factor",
    ]
}

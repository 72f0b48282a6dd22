import Files

/// The sizes of a VQGAN, from the YAML file that taming-transformers trains a `VQModel` by.
public struct VQGANConfiguration: Sendable {
    /// Entries of the codebook.
    public var codes: Int
    /// Channels of an entry.
    public var codeChannels: Int
    /// Channels between the halves and the 1 × 1 convolutions to the codebook's.
    public var latentChannels: Int
    /// Pixels a side that it was trained on.
    public var resolution: Int
    /// Channels behind the first convolution.
    public var stem: Int
    /// Channels of each level, from large images to small ones.
    public var channels: [Int]
    /// Residual blocks of a level of the encoder; the decoder has one more.
    public var layers: Int
    /// The sides of images, in pictures of `resolution`, whose levels have attentions.
    public var attendedSides: [Int]
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Groups of every group normalisation.
    public static let groups = 32

    /// Pixels a side of one code.
    public var scale: Int { 1 << (channels.count - 1) }

    /// Reads the YAML file: `model.params` with `ddconfig`, `n_embed` and `embed_dim`. What stands beside `model` trains it, and is
    /// let be, as is its loss.
    /// - Throws: `YAMLError` for what is no YAML; `FileError.malformed` for a missing, wrong or unknown key, and for a variant
    ///   that is not supported.
    public init(path: String) throws {
        func inner(_ reader: ConfigurationReader, _ key: String) throws -> ConfigurationReader {
            guard let found = reader.value(key) else { throw reader.fault(key, "the key is missing") }
            guard let object = found.object else { throw reader.fault(key, "wanted keys with values") }
            return ConfigurationReader(path: path, object)
        }
        let model = try inner(ConfigurationReader(path: path, YAML.read(path).value), "model")
        // Copies of the code have it under other modules; GumbelVQ and EMAVQ compute in other ways.
        let target = try model.string("target", default: "taming.models.vqgan.VQModel")
        guard target.split(separator: ".").last == "VQModel" else {
            throw model.fault("target", "wanted a VQModel, got \"\(target)\"")
        }
        let params = try inner(model, "params")
        notes = try model.refuseUnknown(ignored: ["base_learning_rate", "learning_rate"])
        codes = try params.integer("n_embed", 1...1 << 20)
        codeChannels = try params.integer("embed_dim", 1...16_384)
        // It would lead codes to others.
        try params.requireAbsent("remap")
        let sizes = try inner(params, "ddconfig")
        notes += try params.refuseUnknown(ignored: [
            "lossconfig", "ckpt_path", "ignore_keys", "image_key", "colorize_nlabels", "monitor", "sane_index_shape",
            "scheduler_config",
        ])
        latentChannels = try sizes.integer("z_channels", 1...16_384)
        resolution = try sizes.integer("resolution", 1...16_384)
        stem = try sizes.integer("ch", 1...16_384)
        let multiples = try sizes.integers("ch_mult", 1...1024, default: [1, 2, 4, 8])
        guard multiples.count <= 8 else { throw sizes.fault("ch_mult", "wanted 1 to 8 levels") }
        channels = multiples.map { [stem] in stem * $0 }
        layers = try sizes.integer("num_res_blocks", 1...16)
        attendedSides =
            sizes.value("attn_resolutions")?.array?.isEmpty == true
            ? [] : try sizes.integers("attn_resolutions", 1...16_384, default: [])
        for key in ["in_channels", "out_ch"] {
            guard try sizes.integer(key, 1...1024) == 3 else {
                throw sizes.fault(key, "wanted 3: it is pictures that are coded here")
            }
        }
        guard try !sizes.boolean("double_z", default: true) else {
            throw sizes.fault("double_z", "wanted false, which taming's VQModel needs; taming's default is true")
        }
        try sizes.require("resamp_with_conv", .boolean(true))
        try sizes.require("attn_type", .string("vanilla"))
        for key in ["give_pre_end", "tanh_out", "use_linear_attn"] { try sizes.refuse(key) }
        notes += try sizes.refuseUnknown(ignored: ["dropout"])
        if let bad = ([stem] + channels).first(where: { $0 % Self.groups != 0 || $0 > 16_384 }) {
            throw sizes.fault("ch", "\(Self.groups) groups do not divide \(bad) channels, or these are too many")
        }
        guard resolution % scale == 0 else {
            throw sizes.fault("resolution", "\(resolution) pixels cannot be halved \(channels.count - 1) times")
        }
    }
}

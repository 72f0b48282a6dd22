import Engine
import Files

/// The sizes of a deep compression autoencoder, from the `config.json` of diffusers' `AutoencoderDC`.
public struct DeepAutoencoderConfiguration: Sendable {
    /// A level of the encoder or the decoder: images of one size.
    public struct Level: Sendable {
        /// What its blocks are.
        public enum Kind: String, Sendable, CaseIterable {
            /// Two 3 × 3 convolutions.
            case residual = "ResBlock"
            /// Linear attention and gated convolutions (EfficientViT, Cai et al., 2023).
            case attention = "EfficientViTBlock"
        }

        /// What its blocks are.
        public var kind: Kind
        /// Channels of its images.
        public var channels: Int
        /// How many blocks it has.
        public var layers: Int
        /// Sides of the windows of the attention's further branches.
        public var scales: [Int]
        /// Whether batch normalisation stands where else root-mean-square normalisation does.
        public var hasBatchNorm: Bool
        /// Between the convolutions of a block.
        public var activation: Activation
    }

    /// Channels of a picture.
    public var inputs: Int
    /// Channels of a latent.
    public var latentChannels: Int
    /// Channels of a head of the attentions.
    public var headSize: Int
    /// The levels, from large images to small ones.
    public var encoder, decoder: [Level]
    /// Whether images shrink by putting pixels side by side, rather than by the stride of a convolution.
    public var unshuffles: Bool
    /// Whether images grow by their nearest neighbours, rather than by laying channels out as pixels.
    public var interpolates: Bool
    /// What latents are multiplied by for the denoiser.
    public var scalingFactor: Double
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Pixels a side of one cell of the latent.
    public var scale: Int { 1 << (encoder.count - 1) }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for a variant that is not supported.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        _ = try reader.string("_class_name", among: ["AutoencoderDC"], default: "AutoencoderDC")
        inputs = try reader.integer("in_channels", 1...1024, default: 3)
        latentChannels = try reader.integer("latent_channels", 1...16_384, default: 32)
        headSize = try reader.integer("attention_head_dim", 1...4096, default: 32)
        let sizes = (latentChannels, headSize)
        encoder = try Self.levels(reader, "encoder", layers: [2, 2, 2, 3, 3, 3], sizes, hasChoices: false)
        decoder = try Self.levels(reader, "decoder", layers: [3, 3, 3, 3, 3, 3], sizes, hasChoices: true)
        guard encoder.count == decoder.count else {
            throw reader.fault(
                "decoder_block_out_channels", "\(decoder.count) levels, but the encoder has \(encoder.count)")
        }
        unshuffles =
            try reader.string(
                "downsample_block_type", among: ["pixel_unshuffle", "conv", "Conv"], default: "pixel_unshuffle")
            == "pixel_unshuffle"
        interpolates =
            try reader.string("upsample_block_type", among: ["pixel_shuffle", "interpolate"], default: "pixel_shuffle")
            == "interpolate"
        scalingFactor = try reader.number("scaling_factor", default: 1)
        guard scalingFactor != 0 else { throw reader.fault("scaling_factor", "wanted a number other than 0") }
        for (before, after) in zip(encoder, encoder.dropFirst()) where before.layers > 0 {
            try Self.checkRuns(reader, "encoder_block_out_channels", 4 * before.channels, after.channels)
            if unshuffles && after.channels % 4 != 0 {
                throw reader.fault(
                    "encoder_block_out_channels", "\(after.channels) channels are not four times as many")
            }
        }
        for (before, after) in zip(decoder, decoder.dropFirst()) where before.layers > 0 {
            try Self.checkRuns(reader, "decoder_block_out_channels", 4 * before.channels, after.channels)
        }
        if encoder[0].layers == 0, unshuffles, encoder[1].channels % 4 != 0 {
            throw reader.fault(
                "encoder_block_out_channels", "\(encoder[1].channels) channels are not four times as many")
        }
        notes = try reader.refuseUnknown(ignored: DiffusersKeys.ignored)
    }

    private static func checkRuns(_ reader: ConfigurationReader, _ key: String, _ many: Int, _ few: Int) throws {
        guard many % few == 0 else { throw reader.fault(key, "\(many) channels do not fall into \(few) runs") }
    }

    /// The levels of one half.
    /// - Parameter hasChoices: whether normalisations and activations can be chosen.
    private static func levels(
        _ reader: ConfigurationReader, _ half: String, layers standard: [Int], _ sizes: (latent: Int, head: Int),
        hasChoices: Bool
    ) throws -> [Level] {
        let key = half + "_block_out_channels"
        let channels = try reader.integers(key, 1...16_384, default: [128, 256, 512, 512, 1024, 1024])
        let count = channels.count
        guard (2...10).contains(count) else { throw reader.fault(key, "wanted 2 to 10 levels") }
        let layers = try reader.integers(half + "_layers_per_block", 0...64, default: standard)
        // Only the first level may have no blocks: its images are then passed over.
        guard layers.count == count, layers.dropFirst().allSatisfy({ $0 > 0 }) else {
            throw reader.fault(half + "_layers_per_block", "wanted \(count) numbers, all but the first above 0")
        }
        let kinds = try texts(
            reader, half + "_block_types", count, Level.Kind.allCases.map(\.rawValue), default: "ResBlock")
        let scales = try self.scales(reader, half + "_qkv_multiscales", count)
        var (norms, activations) = (
            [String](repeating: "rms_norm", count: count), [String](repeating: "silu", count: count)
        )
        if hasChoices {
            norms = try texts(reader, half + "_norm_types", count, ["rms_norm", "batch_norm"], default: "rms_norm")
            activations = try texts(reader, half + "_act_fns", count, ["silu", "relu", "gelu"], default: "silu")
        }
        let known: [String: Activation] = ["silu": .silu, "relu": .relu, "gelu": .gelu]
        let result = (0..<count).map { index in
            Level(
                kind: Level.Kind(rawValue: kinds[index]) ?? .residual, channels: channels[index], layers: layers[index],
                scales: scales[index], hasBatchNorm: norms[index] == "batch_norm",
                activation: known[activations[index]] ?? .silu)
        }
        for level in result where level.kind == .attention && level.layers > 0 && level.channels % sizes.head != 0 {
            throw reader.fault("attention_head_dim", "heads of \(sizes.head) do not divide \(level.channels) channels")
        }
        try checkRuns(reader, key, channels[count - 1], sizes.latent)
        return result
    }

    /// A text a level, or one for all.
    private static func texts(
        _ reader: ConfigurationReader, _ key: String, _ count: Int, _ known: [String], default standard: String
    ) throws -> [String] {
        guard let found = reader.value(key) else { return [String](repeating: standard, count: count) }
        let list = found.array?.map(\.string) ?? [String?](repeating: found.string, count: count)
        let texts = list.compactMap { $0 }
        guard texts.count == count, list.count == count, texts.allSatisfy(known.contains) else {
            throw reader.fault(
                key,
                "wanted one of \(known.joined(separator: ", "))\(count > 1 ? ", or \(count) of them" : ""), got "
                    + found.text())
        }
        return texts
    }

    /// The odd sides of windows, a list a level.
    private static func scales(_ reader: ConfigurationReader, _ key: String, _ count: Int) throws -> [[Int]] {
        guard let found = reader.value(key) else {
            let standard = [[], [], [], [5], [5], [5]]
            guard count == standard.count else { throw reader.fault(key, "the key is missing") }
            return standard
        }
        let lists = found.array?.compactMap { $0.array?.compactMap(\.integer) } ?? []
        let members = found.array?.map { $0.array?.count ?? -1 } ?? []
        guard lists.count == count, lists.map(\.count) == members,
            lists.joined().allSatisfy({ (1...63).contains($0) && $0 % 2 == 1 })
        else {
            throw reader.fault(key, "wanted \(count) lists of odd numbers, got \(found.text())")
        }
        return lists
    }
}

import Engine
import Files

/// The sizes of a denoiser, from the `config.json` of diffusers' `Lumina2Transformer2DModel`.
public struct Lumina2Configuration: Sendable {
    /// The side of the latents that it was trained on.
    public var sampleSize: Int
    /// Channels of the latents that go in, and of the answer.
    public var inputs, outputs: Int
    /// Latents a side of a patch.
    public var patchSize: Int
    /// Channels of a token.
    public var width: Int
    /// Blocks over the text and the image together, and over each of them alone before.
    public var layers, refiners: Int
    /// Heads of queries, and of keys and values.
    public var heads, keyHeads: Int
    /// The width of the feed-forward part.
    public var mlpSize: Int
    /// ε of the normalisations in blocks.
    public var epsilon: Double
    /// Channels of a head that are turned by a token's number in the text, its row and its column.
    public var axes: [Int]
    /// How many places each of these axes has.
    public var lengths: [Int]
    /// Channels of a token of the text before its projection.
    public var captionWidth: Int
    /// What a user should know of keys that were let be.
    public var notes: [String] = []

    /// Channels of the timestep's embedding.
    public var timeWidth: Int { min(width, 1024) }
    /// Channels of a head.
    public var headSize: Int { width / heads }

    /// Reads `config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for sizes that do not fit together.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        _ = try reader.string(
            "_class_name", among: ["Lumina2Transformer2DModel"], default: "Lumina2Transformer2DModel")
        func number(_ key: String, _ range: ClosedRange<Int>, or standard: Int) throws -> Int {
            let value = reader.value(key)
            return value == nil || value?.integer != nil ? try reader.integer(key, range, default: standard) : standard
        }
        sampleSize = try reader.integer("sample_size", 1...4096, default: 128)
        patchSize = try reader.integer("patch_size", 1...64, default: 2)
        inputs = try reader.integer("in_channels", 1...1024, default: 16)
        outputs = try number("out_channels", 1...1024, or: inputs)
        width = try reader.integer("hidden_size", 1...65_536, default: 2304)
        layers = try reader.integer("num_layers", 0...512, default: 26)
        refiners = try reader.integer("num_refiner_layers", 0...512, default: 2)
        heads = try reader.integer("num_attention_heads", 1...1024, default: 24)
        keyHeads = try number("num_kv_heads", 1...1024, or: reader.value("num_kv_heads") == nil ? 8 : heads)
        let unit = try reader.integer("multiple_of", 1...65_536, default: 256)
        var inner = 4 * width
        if reader.value("ffn_dim_multiplier")?.number != nil {
            inner = Int(try reader.number("ffn_dim_multiplier", 1e-3...64, default: 1) * Double(inner))
        }
        mlpSize = unit * ((inner + unit - 1) / unit)
        epsilon = try reader.number("norm_eps", default: 1e-5)
        axes = try reader.integers("axes_dim_rope", 2...4096, default: [32, 32, 32])
        lengths = try reader.integers("axes_lens", 1...1 << 20, default: [300, 512, 512])
        captionWidth = try reader.integer("cap_feat_dim", 1...65_536, default: 1024)
        guard width % heads == 0 else {
            throw reader.fault("num_attention_heads", "\(heads) heads do not divide \(width) channels")
        }
        guard heads % keyHeads == 0 else {
            throw reader.fault("num_kv_heads", "\(keyHeads) heads of keys do not divide \(heads) of queries")
        }
        guard axes.count == 3, axes.allSatisfy({ $0 % 2 == 0 }), axes.reduce(0, +) == headSize else {
            throw reader.fault(
                "axes_dim_rope", "wanted three even numbers that make up a head's \(headSize) channels, got \(axes)")
        }
        guard lengths.count == 3 else { throw reader.fault("axes_lens", "wanted three numbers, got \(lengths)") }
        guard inputs == outputs else {
            throw reader.fault("out_channels", "only \(inputs), as many as in_channels, are supported")
        }
        guard sampleSize >= patchSize else {
            throw reader.fault("patch_size", "patches of \(patchSize) in latents of \(sampleSize)")
        }
        notes = try reader.refuseUnknown(ignored: DiffusersKeys.ignored.union(["scaling_factor"]))
    }
}

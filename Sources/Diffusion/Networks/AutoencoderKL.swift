import Checkpoints
import Encoders
import Engine
import Networks

/// The autoencoder of every family but Sana.
public typealias AutoencoderKL = FolderAutoencoder<AutoencoderNetwork>

extension AutoencoderNetwork: FolderAutoencodingNetwork {
    /// How `AutoencoderRegistry` opens it.
    static let entry = NetworkEntry<any Autoencoder>("vae", classes: ["AutoencoderKL"], AutoencoderNetwork.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(AutoencoderConfiguration(path: config)) }

    /// Names of old files are understood.
    public func load(_ checkpoint: Checkpoint) throws { try parameters.load(checkpoint.renamed(Self.newName)) }

    /// The name that diffusers gives a tensor of an old file.
    private static func newName(_ name: String) -> String {
        guard name.contains(".mid_block.attentions.") else { return name }
        var parts = name.split(separator: ".").map(String.init)
        let new = ["query": ["to_q"], "key": ["to_k"], "value": ["to_v"], "proj_attn": ["to_out", "0"]]
        guard parts.count >= 2, let replacement = new[parts[parts.count - 2]] else { return name }
        parts.replaceSubrange(parts.count - 2..<parts.count - 1, with: replacement)
        return parts.joined(separator: ".")
    }

    /// Channels of a picture, and of a latent.
    public var channels: (picture: Int, latent: Int) { (configuration.inputs, configuration.latentChannels) }
    /// Pixels a side of one latent's cell.
    public var scale: Int { configuration.scale }
    /// What is taken from latents, and then what they are multiplied by.
    public var scaling: (shift: Double, factor: Double) { (configuration.shiftFactor, configuration.scalingFactor) }
    /// What a user should know of its configuration.
    public var notes: [String] { configuration.notes }

    /// Tiles of the size that it was trained on, of which a quarter overlaps.
    public var tiles: TiledDecoding {
        let (side, tile) = (configuration.sampleSize, configuration.sampleSize / scale)
        let blend = Int(Double(side) * 0.25)
        return TiledDecoding(tile: tile, step: max(1, Int(Double(tile) * 0.75)), blend: blend, kept: side - blend)
    }

    /// Of mean and deviation, the mean.
    public func latents<E: Execution>(of pictures: E.Value, on execution: E) throws -> E.Value {
        try execution.narrow(encode(pictures, on: execution), axis: 3, 0..<configuration.latentChannels)
    }

    /// The decoder.
    public func pictures<E: Execution>(of latents: E.Value, on execution: E) throws -> E.Value {
        try decode(latents, on: execution)
    }
}

import Checkpoints
import Encoders
import Engine
import Networks

/// Sana's deep compression autoencoder.
public typealias AutoencoderDC = FolderAutoencoder<DeepAutoencoderNetwork>

extension DeepAutoencoderNetwork: FolderAutoencodingNetwork {
    /// How `AutoencoderRegistry` opens it.
    static let entry = NetworkEntry<any Autoencoder>("dc-ae", classes: ["AutoencoderDC"], DeepAutoencoderNetwork.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(DeepAutoencoderConfiguration(path: config)) }

    /// Batch normalisations count their batches.
    public func load(_ checkpoint: Checkpoint) throws {
        try parameters.load(checkpoint) { $0.hasSuffix(".num_batches_tracked") }
    }

    /// Channels of a picture, and of a latent.
    public var channels: (picture: Int, latent: Int) { (configuration.inputs, configuration.latentChannels) }
    /// Pixels a side of one latent's cell.
    public var scale: Int { configuration.scale }
    /// Latents are multiplied alone.
    public var scaling: (shift: Double, factor: Double) { (0, configuration.scalingFactor) }
    /// What a user should know of its configuration.
    public var notes: [String] { configuration.notes }
    /// Tiles of 512 pixels, whatever it was trained on.
    public var tiles: TiledDecoding {
        TiledDecoding(tile: 512 / scale, step: 448 / scale, blend: 64, kept: 448)
    }

    /// The encoder.
    public func latents<E: Execution>(of pictures: E.Value, on execution: E) throws -> E.Value {
        try encode(pictures, on: execution)
    }

    /// The decoder.
    public func pictures<E: Execution>(of latents: E.Value, on execution: E) throws -> E.Value {
        try decode(latents, on: execution)
    }
}

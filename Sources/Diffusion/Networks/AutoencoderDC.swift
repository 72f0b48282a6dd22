import Checkpoints
import Encoders
import Engine
import Networks
import Tensors

/// The deep compression autoencoder of a diffusers folder: `vae` with its `config.json` and weights.
public final class AutoencoderDC: Autoencoder {
    /// How `AutoencoderRegistry` opens it.
    static let entry = NetworkEntry<any Autoencoder>(
        "dc-ae", classes: ["AutoencoderDC"],
        parameters: { config in
            try DeepAutoencoderNetwork(DeepAutoencoderConfiguration(path: config)).parameters.parameters.map {
                ($0.name, $0.shape)
            }
        }, open: { try AutoencoderDC($0, dtype: $1) })

    /// The sizes.
    public var configuration: DeepAutoencoderConfiguration { network.configuration }
    /// Its parameters and its folder.
    public var loaded: LoadedNetwork? { LoadedNetwork(network.parameters, folder) }
    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    private let network: DeepAutoencoderNetwork
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Parameter dtype: f32 or bf16.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try DeepAutoencoderNetwork(DeepAutoencoderConfiguration(path: folder + "/config.json"))
        self.folder = try ModelFolder(folder, dtype: dtype)
        // Batch normalisations count their batches.
        try network.parameters.load(self.folder.checkpoint) { $0.hasSuffix(".num_batches_tracked") }
    }

    /// Channels of a latent.
    public var latentChannels: Int { configuration.latentChannels }
    /// Pixels a side of one latent's cell.
    public var scale: Int { configuration.scale }
    /// What latents are multiplied by for the denoiser.
    public var scalingFactor: Double { configuration.scalingFactor }
    /// What a user should know of the configuration.
    public var notes: [String] { configuration.notes }

    /// Gives back what the next pass makes again: Winograd's weights.
    public func releaseMemory() { folder.executor.releaseMemory() }

    /// The latent, unscaled, f32 `[N, H / scale, W / scale, C]`, of pictures f32 `[N, H, W, 3]` in -1 to 1.
    public func encode(_ pictures: Tensor) throws -> Tensor {
        let (inputs, scale) = (configuration.inputs, scale)
        guard pictures.rank == 4, pictures.count > 0, pictures.shape[3] == inputs, pictures.dtype == .f32,
            pictures.shape[1] % scale == 0, pictures.shape[2] % scale == 0
        else {
            throw TensorError.shape(
                operation: "vae",
                message: "wanted pictures f32 [N, H, W, \(inputs)] with sides that are multiples of \(scale), got "
                    + "\(pictures.dtype) \(Tensor.text(pictures.shape))")
        }
        return try run(pictures.contiguous(), encodes: true)
    }

    /// Pictures f32 `[N, H * scale, W * scale, 3]`, about -1 to 1, of unscaled latents f32 `[N, H, W, C]`.
    public func decode(_ latents: Tensor) throws -> Tensor { try run(checked(latents), encodes: false) }

    /// As `decode`, in overlapping tiles of 512 pixels that are blended: less memory, and diffusers' result with tiling.
    public func decodeTiled(_ latents: Tensor) throws -> Tensor {
        let latents = try checked(latents)
        let tiles = TiledDecoding(tile: 512 / scale, step: 448 / scale, blend: 64, kept: 448)
        if latents.shape[1] <= tiles.tile && latents.shape[2] <= tiles.tile { return try decode(latents) }
        guard tiles.step > 0 else {
            throw TensorError.value(
                operation: "vae", message: "no tiles: a cell of its latents has \(scale) pixels; decode without tiles")
        }
        let pictures = try (0..<latents.shape[0]).map { index in
            try tiles.run(latents.narrow(0, index, 1)) { try run($0, encodes: false, keepsMemory: true) }
        }
        folder.executor.releaseActivations()
        return try pictures.count == 1 ? pictures[0] : Tensor.cat(pictures, axis: 0)
    }

    private func checked(_ latents: Tensor) throws -> Tensor {
        guard latents.rank == 4, latents.count > 0, latents.shape[3] == latentChannels, latents.dtype == .f32 else {
            throw TensorError.shape(
                operation: "vae",
                message: "wanted latents f32 [N, H, W, \(latentChannels)], got \(latents.dtype) "
                    + Tensor.text(latents.shape))
        }
        return try latents.contiguous()
    }

    /// Runs a half of the network on one image after the other, with all threads in each layer. The memory of activations,
    /// which are large, is given back at the end, unless more of the same size follow.
    private func run(_ batch: Tensor, encodes: Bool, keepsMemory: Bool = false) throws -> Tensor {
        defer { if !keepsMemory { folder.executor.releaseActivations() } }
        let result = try run(batch, encodes, on: folder.executor)
        try folder.checkpoint.checkUnchanged()
        return result
    }

    private func run<X: Executor>(_ batch: Tensor, _ encodes: Bool, on executor: X) throws -> Tensor {
        try executor.map(batch.shape[0], .spread) { [network] execution, rows -> [X.Run.Value] in
            let x = try execution.value(batch.narrow(0, rows.lowerBound, rows.count))
            return [try encodes ? network.encode(x, on: execution) : network.decode(x, on: execution)]
        }[0]
    }
}

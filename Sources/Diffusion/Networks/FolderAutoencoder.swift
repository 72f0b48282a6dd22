import Checkpoints
import Devices
import Encoders
import Engine
import Tensors

/// An autoencoding network that is opened from a folder: it knows its sizes' file and the names of its weights.
public protocol FolderAutoencodingNetwork: ConfiguredNetwork {
    /// Channels of a picture, and of a latent.
    var channels: (picture: Int, latent: Int) { get }
    /// Pixels a side of one latent's cell.
    var scale: Int { get }
    /// What is taken from latents, and then what they are multiplied by, for the denoiser.
    var scaling: (shift: Double, factor: Double) { get }
    /// What a user should know of its configuration.
    var notes: [String] { get }
    /// How diffusers cuts latents into tiles.
    var tiles: TiledDecoding { get }
    /// Fills the parameters from a checkpoint, strictly.
    /// - Throws: `CheckpointError` where a tensor is absent, of another shape or not known.
    func load(_ checkpoint: Checkpoint) throws
    /// The mean of the latents f32 `[N, H / scale, W / scale, C]` of pictures f32 `[N, H, W, 3]`.
    func latents<E: Execution>(of pictures: E.Value, on execution: E) throws -> E.Value
    /// Pictures f32 `[N, H * scale, W * scale, 3]` of latents f32 `[N, H, W, C]`.
    func pictures<E: Execution>(of latents: E.Value, on execution: E) throws -> E.Value
}

/// The autoencoder of a diffusers folder: `vae` with its `config.json` and weights.
public final class FolderAutoencoder<Network: FolderAutoencodingNetwork>: Autoencoder, FolderNetwork {
    /// The network.
    public let network: Network
    /// Its files, and what it runs on.
    public let model: ModelFiles

    /// Loads a folder, its weights strictly.
    /// - Parameters:
    ///   - dtype: f32 or bf16.
    ///   - device: what it runs on.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType, on device: Device = .standard) throws {
        network = try Network(config: folder + "/config.json")
        model = try ModelFiles(folder: folder, dtype: dtype, on: device)
        try network.load(model.checkpoint)
    }

    /// Every parameter, under diffusers' names.
    public var parameters: ParameterScope { network.parameters }
    /// Channels of a latent.
    public var latentChannels: Int { network.channels.latent }
    /// Pixels a side of one latent's cell.
    public var scale: Int { network.scale }
    /// What latents are multiplied by for the denoiser.
    public var scalingFactor: Double { network.scaling.factor }
    /// What is taken from latents before that.
    public var shiftFactor: Double { network.scaling.shift }
    /// What a user should know of its configuration.
    public var notes: [String] { network.notes }

    /// The mean of the latent, unscaled, f32 `[N, H / scale, W / scale, C]`, of pictures f32 `[N, H, W, 3]` in -1 to 1.
    public func encode(_ pictures: Tensor) throws -> Tensor {
        let (inputs, scale) = (network.channels.picture, scale)
        guard pictures.rank == 4, pictures.count > 0, pictures.shape[3] == inputs, pictures.dtype == .f32,
            pictures.shape[1] % scale == 0, pictures.shape[2] % scale == 0
        else {
            throw TensorError.shape(
                operation: "vae",
                message: "wanted pictures f32 [N, H, W, \(inputs)] with sides that are multiples of \(scale), got "
                    + "\(pictures.dtype) \(Tensor.text(pictures.shape))")
        }
        return try run(pictures.contiguous(), .latents)
    }

    /// Pictures f32 `[N, H * scale, W * scale, 3]`, about -1 to 1, of unscaled latents f32 `[N, H, W, C]`.
    public func decode(_ latents: Tensor) throws -> Tensor { try run(checked(latents), .pictures) }

    /// As `decode`, in overlapping tiles that are blended: less memory, and diffusers' result with tiling.
    public func decodeTiled(_ latents: Tensor) throws -> Tensor {
        let latents = try checked(latents)
        let tiles = network.tiles
        if latents.shape[1] <= tiles.tile && latents.shape[2] <= tiles.tile { return try decode(latents) }
        guard tiles.tile >= 2, tiles.step > 0 else {
            throw TensorError.value(
                operation: "vae",
                message: "no tiles of \(tiles.kept + tiles.blend) pixels, as a cell of its latents has \(scale); "
                    + "decode without tiles")
        }
        let pictures = try (0..<latents.shape[0]).map { index in
            try tiles.run(latents.narrow(0, index, 1)) { try run($0, .pictures, keepsMemory: true) }
        }
        model.executor.releaseActivations()
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

    /// What is asked of the network.
    private enum Answer { case latents, pictures }

    /// Runs a half of the network on one image after the other, with all threads in each layer. The memory of activations,
    /// which are large, is given back at the end, unless more of the same size follow.
    private func run(_ batch: Tensor, _ answer: Answer, keepsMemory: Bool = false) throws -> Tensor {
        defer { if !keepsMemory { model.executor.releaseActivations() } }
        let result = try run(batch, answer, on: model.executor)
        try model.checkpoint.checkUnchanged()
        return result
    }

    private func run<X: Executor>(_ batch: Tensor, _ answer: Answer, on executor: X) throws -> Tensor {
        try executor.map(batch.shape[0], .spread) { [network] execution, rows -> [X.Run.Value] in
            let x = try execution.value(batch, rows: rows)
            switch answer {
            case .latents: return [try network.latents(of: x, on: execution)]
            case .pictures: return [try network.pictures(of: x, on: execution)]
            }
        }[0]
    }
}

extension NetworkEntry where Network == any Autoencoder {
    /// An autoencoding network of folders; see the other `init`.
    init<N: FolderAutoencodingNetwork>(_ name: String, classes: [String], _ network: N.Type) {
        self.init(name, classes: classes, of: N.init(config:)) {
            try FolderAutoencoder<N>($0, dtype: $1.dtype, on: $1.device)
        }
    }
}

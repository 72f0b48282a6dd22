import Checkpoints
import Encoders
import Engine
import Files
import Networks
import Tensors

/// Stable Diffusion 3's denoiser of a diffusers folder: `transformer` with its `config.json` and weights.
///
/// Each latent of a batch runs on one thread from the first layer to the last; a single one uses all threads in each layer.
public final class SD3Transformer2DModel: Denoiser {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>(
        "sd3", classes: ["SD3Transformer2DModel"],
        parameters: { config in
            try SD3Network(SD3Configuration(path: config)).parameters.parameters.map { ($0.name, $0.shape) }
        }, open: { try SD3Transformer2DModel($0, dtype: $1) })

    /// The network.
    public let network: SD3Network
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Parameter dtype: f32 or bf16.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try SD3Network(SD3Configuration(path: folder + "/config.json"))
        self.folder = try ModelFolder(folder, dtype: dtype)
        try network.parameters.load(self.folder.checkpoint)
    }

    /// Its parameters and its folder.
    public var loaded: LoadedNetwork? { LoadedNetwork(network.parameters, folder) }
    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    /// What a user should know of its configuration.
    public var notes: [String] { network.configuration.notes }
    /// Channels of a latent.
    public var latentChannels: Int { network.configuration.channels }
    /// The side of the latents that it was trained on.
    public var sampleSize: Int { network.configuration.sampleSize }
    /// Channels of a token of the context.
    public var contextWidth: Int { network.configuration.contextWidth }
    /// Channels of the vector of a text.
    public var pooledWidth: Int? { network.configuration.pooledWidth }
    /// Sides of latents are multiples of it.
    public var patchSize: Int { network.configuration.patchSize }

    /// Gives back the memory of activations, which the next pass takes again.
    public func releaseMemory() { folder.executor.releaseMemory() }

    /// Noise minus image, f32 `[N, H, W, C]`, for latents of the same shape at one timestep and texts of which all tokens
    /// count, with their pooled vectors.
    /// - Throws: `TensorError` for other shapes and dtypes, and for a mask, which it does not read; `FileError` where the
    ///   weights were changed in use.
    public func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor {
        let sizes = network.configuration
        try conditioning.refuse([("mask", conditioning.mask != nil), ("guidance", guidance != nil)], "transformer")
        try latents.check(latents: sizes.channels, patch: sizes.patchSize, operation: "transformer")
        try conditioning.check(texts: latents.shape[0], width: sizes.contextWidth, operation: "transformer")
        let pooled = try conditioning.vectors(width: sizes.pooledWidth, operation: "transformer")
        let result = try run(latents.contiguous(), timestep, conditioning.states, pooled, on: folder.executor)
        try folder.checkpoint.checkUnchanged()
        return result
    }

    private func run<X: Executor>(
        _ latents: Tensor, _ timestep: Float, _ states: Tensor, _ pooled: Tensor, on executor: X
    ) throws -> Tensor {
        try executor.map(latents.shape[0], .fitted) { [network] execution, rows -> [X.Run.Value] in
            func own(_ tensor: Tensor) throws -> X.Run.Value {
                try execution.value(tensor.narrow(0, rows.lowerBound, rows.count).contiguous())
            }
            return [
                try network.forward(
                    own(latents), timestep: timestep, text: own(states), pooled: own(pooled), on: execution)
            ]
        }[0]
    }
}

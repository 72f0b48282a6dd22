import Checkpoints
import Encoders
import Engine
import Files
import Networks
import Tensors

/// FLUX.1's denoiser of a diffusers folder: `transformer` with its `config.json` and weights.
///
/// Each latent of a batch runs on one thread from the first layer to the last; a single one uses all threads in each layer.
public final class FluxTransformer2DModel: Denoiser {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>(
        "flux", classes: ["FluxTransformer2DModel"],
        parameters: { config in
            try FluxNetwork(FluxConfiguration(path: config)).parameters.parameters.map { ($0.name, $0.shape) }
        }, open: { try FluxTransformer2DModel($0, dtype: $1) })

    /// The network.
    public let network: FluxNetwork
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Parameter dtype: f32 or bf16.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try FluxNetwork(FluxConfiguration(path: folder + "/config.json"))
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
    /// The side of the latents that pipelines take: its files state none.
    public var sampleSize: Int { 128 }
    /// Channels of a token of the context.
    public var contextWidth: Int { network.configuration.contextWidth }
    /// Channels of the vector of a text.
    public var pooledWidth: Int? { network.configuration.pooledWidth }
    /// Sides of latents are multiples of it.
    public var patchSize: Int { 2 }
    /// Whether it reads a guidance scale.
    public var readsGuidance: Bool { network.configuration.hasGuidance }

    /// Gives back the memory of activations, which the next pass takes again.
    public func releaseMemory() { folder.executor.releaseMemory() }

    /// Noise minus image, f32 `[N, H, W, C]`, for latents of the same shape at one timestep and texts of which all tokens
    /// count, with their pooled vectors.
    /// - Parameter guidance: the guidance scale, where it reads one.
    /// - Throws: `TensorError` for other shapes and dtypes, and for a mask, which it does not read; `FileError` where the
    ///   weights were changed in use.
    public func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor {
        let sizes = network.configuration
        try conditioning.refuse(
            [("mask", conditioning.mask != nil), ("guidance", guidance != nil && !readsGuidance)], "transformer")
        if readsGuidance, guidance == nil {
            throw TensorError.value(operation: "transformer", message: "it reads a guidance scale, and there is none")
        }
        try latents.check(latents: sizes.channels, patch: patchSize, operation: "transformer")
        try conditioning.check(texts: latents.shape[0], width: sizes.contextWidth, operation: "transformer")
        let pooled = try conditioning.vectors(width: sizes.pooledWidth, operation: "transformer")
        let result = try run(
            latents.contiguous(), (timestep, guidance), conditioning.states, pooled, on: folder.executor)
        try folder.checkpoint.checkUnchanged()
        return result
    }

    private func run<X: Executor>(
        _ latents: Tensor, _ numbers: (timestep: Float, guidance: Float?), _ states: Tensor, _ pooled: Tensor,
        on executor: X
    ) throws -> Tensor {
        // diffusers hands the timestep over as a thousandth.
        let timestep = numbers.timestep / 1000 * 1000
        return try executor.map(latents.shape[0], .fitted) { [network] execution, rows -> [X.Run.Value] in
            func own(_ tensor: Tensor) throws -> X.Run.Value {
                try execution.value(tensor.narrow(0, rows.lowerBound, rows.count).contiguous())
            }
            return [
                try network.forward(
                    own(latents), timestep: timestep, guidance: numbers.guidance, text: own(states),
                    pooled: own(pooled), on: execution)
            ]
        }[0]
    }
}

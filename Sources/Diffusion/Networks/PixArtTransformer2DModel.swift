import Checkpoints
import Encoders
import Engine
import Files
import Networks
import Tensors

/// PixArt-Sigma's denoiser of a diffusers folder: `transformer` with its `config.json` and weights.
///
/// Each latent of a batch runs on one thread from the first layer to the last; a single one uses all threads in each layer.
public final class PixArtTransformer2DModel: Denoiser {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>(
        "pixart", classes: ["PixArtTransformer2DModel", "Transformer2DModel"],
        parameters: { config in
            try PixArtNetwork(PixArtConfiguration(path: config)).parameters.parameters.map { ($0.name, $0.shape) }
        }, open: { try PixArtTransformer2DModel($0, dtype: $1) })

    /// The network.
    public let network: PixArtNetwork
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Parameter dtype: f32 or bf16.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try PixArtNetwork(PixArtConfiguration(path: folder + "/config.json"))
        self.folder = try ModelFolder(folder, dtype: dtype)
        // Some files hold the table of positions, which follows from the sizes.
        try network.parameters.load(self.folder.checkpoint) { $0 == "pos_embed.pos_embed" }
    }

    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    /// What a user should know of its configuration.
    public var notes: [String] { network.configuration.notes }
    /// Channels of a latent.
    public var latentChannels: Int { network.configuration.inputs }
    /// The side of the latents that it was trained on.
    public var sampleSize: Int { network.configuration.sampleSize }
    /// Channels of a token of the context.
    public var contextWidth: Int { network.configuration.captionWidth }
    /// Sides of latents are multiples of it.
    public var patchSize: Int { network.configuration.patchSize }

    /// Gives back the memory of activations, which the next pass takes again.
    public func releaseMemory() { folder.executor.releaseMemory() }

    /// What is noise, f32 `[N, H, W, C]`, without the variance that the model may have learned beside it, for latents of the
    /// same shape at one timestep and texts whose padding no token of the image sees.
    /// - Throws: `TensorError` for other shapes and dtypes, and for pooled vectors, which it does not read; `FileError` where
    ///   the weights were changed in use.
    public func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor {
        let sizes = network.configuration
        try conditioning.refuse([("pooled", conditioning.pooled != nil), ("guidance", guidance != nil)], "transformer")
        guard latents.rank == 4, latents.count > 0, latents.shape[3] == sizes.inputs, latents.dtype == .f32,
            latents.shape[1] % sizes.patchSize == 0, latents.shape[2] % sizes.patchSize == 0
        else {
            throw TensorError.shape(
                operation: "transformer",
                message: "wanted latents f32 [N, H, W, \(sizes.inputs)] with sides that are multiples of "
                    + "\(sizes.patchSize), got \(latents.dtype) \(Tensor.text(latents.shape))")
        }
        try conditioning.check(texts: latents.shape[0], width: sizes.captionWidth, operation: "transformer")
        let result = try run(latents.contiguous(), timestep, conditioning, on: folder.executor)
        try folder.checkpoint.checkUnchanged()
        return result
    }

    private func run<X: Executor>(
        _ latents: Tensor, _ timestep: Float, _ conditioning: Conditioning, on executor: X
    ) throws -> Tensor {
        let seen = try conditioning.seenTokens()
        let queries = latents.shape[1] / patchSize * (latents.shape[2] / patchSize)
        return try executor.map(latents.shape[0], .fitted) { [network] execution, rows -> [X.Run.Value] in
            let input = try execution.value(latents.narrow(0, rows.lowerBound, rows.count))
            let (text, mask) = try conditioning.context(rows, seen, queries: queries, on: execution)
            let answer = try network.forward(input, timestep: timestep, text: text, mask: mask, on: execution)
            return [try execution.narrow(answer, axis: 3, 0..<network.configuration.inputs)]
        }[0]
    }
}

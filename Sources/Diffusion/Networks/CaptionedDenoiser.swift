import Checkpoints
import Encoders
import Engine
import Networks
import Tensors

/// A denoiser that reads the states of a text, of a diffusers folder with its `config.json` and weights.
///
/// Each latent of a batch runs on one thread from the first layer to the last; a single one uses all threads in each layer.
public final class CaptionedDenoiser<Network: CaptionedNetwork>: Denoiser {
    /// The network.
    public let network: Network
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Parameter dtype: f32 or bf16.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try Network(path: folder + "/config.json")
        self.folder = try ModelFolder(folder, dtype: dtype)
        try network.parameters.load(self.folder.checkpoint) { Network.unread.contains($0) }
    }

    /// How `DenoiserRegistry` opens a network of some classes.
    static func entry(_ name: String, classes: [String]) -> NetworkEntry<any Denoiser> {
        NetworkEntry(
            name, classes: classes,
            parameters: { try Network(path: $0).parameters.parameters.map { ($0.name, $0.shape) } },
            open: { try CaptionedDenoiser($0, dtype: $1) })
    }

    /// Its parameters and its folder.
    public var loaded: LoadedNetwork? { LoadedNetwork(network.parameters, folder) }
    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    /// What a user should know of its configuration.
    public var notes: [String] { network.sizes.notes }
    /// Channels of a latent.
    public var latentChannels: Int { network.sizes.inputs }
    /// The side of the latents that it was trained on.
    public var sampleSize: Int { network.sizes.sampleSize }
    /// Channels of a token of the context.
    public var contextWidth: Int { network.sizes.captionWidth }
    /// Sides of latents are multiples of it.
    public var patchSize: Int { network.sizes.patchSize }

    /// Gives back the memory of activations, which the next pass takes again.
    public func releaseMemory() { folder.executor.releaseMemory() }

    /// The answer, f32 `[N, H, W, C]`, without the variance that the model may have learned beside it, for latents of the
    /// same shape at one timestep and texts whose padding no token of the image sees.
    /// - Throws: `TensorError` for other shapes and dtypes, and for what it does not read: pooled vectors and a guidance
    ///   scale; `FileError` where the weights were changed in use.
    public func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor {
        let sizes = network.sizes
        try conditioning.refuse([("pooled", conditioning.pooled != nil), ("guidance", guidance != nil)], "transformer")
        try latents.check(latents: sizes.inputs, patch: sizes.patchSize, operation: "transformer")
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
            return [try execution.narrow(answer, axis: 3, 0..<network.sizes.inputs)]
        }[0]
    }
}

/// PixArt-Sigma's denoiser.
public typealias PixArtTransformer2DModel = CaptionedDenoiser<PixArtNetwork>

/// Sana's denoiser.
public typealias SanaTransformer2DModel = CaptionedDenoiser<SanaNetwork>

import Encoders
import Engine
import Networks
import Tensors

/// PixArt-Sigma's denoiser.
public typealias PixArtTransformer2DModel = FolderDenoiser<PixArtNetwork>

/// Sana's denoiser.
public typealias SanaTransformer2DModel = FolderDenoiser<SanaNetwork>

extension PixArtNetwork: FolderDenoisingNetwork {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>(
        "pixart", classes: ["PixArtTransformer2DModel", "Transformer2DModel"], PixArtNetwork.self)
}

extension SanaNetwork: FolderDenoisingNetwork {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>("sana", classes: ["SanaTransformer2DModel"], SanaNetwork.self)
}

extension FolderDenoisingNetwork where Self: CaptionedNetwork {
    /// The network of a `config.json`.
    public init(config: String) throws { try self.init(path: config) }

    /// It reads the context and its mask.
    public var denoiserSizes: DenoiserSizes {
        DenoiserSizes(
            latentChannels: sizes.inputs, sampleSize: sizes.sampleSize, patchSize: sizes.patchSize,
            contextWidth: sizes.captionWidth, readsMask: true, notes: sizes.notes)
    }

    /// The answer without the variance that the model may have learned beside it; no token of an image sees padding.
    public func answer<X: Executor>(_ question: DenoiserQuestion, on executor: X) throws -> Tensor {
        let (latents, conditioning, sizes) = (question.latents, question.conditioning, sizes)
        let seen = try conditioning.seenTokens()
        let queries = latents.shape[1] / sizes.patchSize * (latents.shape[2] / sizes.patchSize)
        return try executor.map(latents.shape[0], .fitted) { execution, rows -> [X.Run.Value] in
            let input = try execution.value(latents, rows: rows)
            let (text, mask) = try conditioning.context(rows, seen, queries: queries, on: execution)
            let answer = try self.forward(
                input, timestep: question.timestep, text: text, mask: mask, on: execution)
            return [try execution.narrow(answer, axis: 3, 0..<sizes.inputs)]
        }[0]
    }
}

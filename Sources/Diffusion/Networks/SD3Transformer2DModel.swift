import Encoders
import Engine
import Networks
import Tensors

/// Stable Diffusion 3's denoiser.
public typealias SD3Transformer2DModel = FolderDenoiser<SD3Network>

extension SD3Network: FolderDenoisingNetwork {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>("sd3", classes: ["SD3Transformer2DModel"], SD3Network.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(SD3Configuration(path: config)) }

    /// It reads pooled vectors beside the context, of which all tokens count.
    public var denoiserSizes: DenoiserSizes {
        DenoiserSizes(
            latentChannels: configuration.channels, sampleSize: configuration.sampleSize,
            patchSize: configuration.patchSize, contextWidth: configuration.contextWidth,
            pooledWidth: configuration.pooledWidth, notes: configuration.notes)
    }

    /// Noise minus image.
    public func answer<X: Executor>(_ question: DenoiserQuestion, on executor: X) throws -> Tensor {
        let vectors = try question.conditioning.vectors(Self.operation)
        return try executor.map(question.latents.shape[0], .fitted) { execution, rows -> [X.Run.Value] in
            let input = try execution.value(question.latents, rows: rows)
            let text = try execution.value(question.conditioning.states, rows: rows)
            let pooled = try execution.value(vectors, rows: rows)
            return [
                try self.forward(input, timestep: question.timestep, text: text, pooled: pooled, on: execution)
            ]
        }[0]
    }
}

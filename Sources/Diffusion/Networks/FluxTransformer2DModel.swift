import Encoders
import Engine
import Networks
import Tensors

/// FLUX.1's denoiser.
public typealias FluxTransformer2DModel = FolderDenoiser<FluxNetwork>

extension FluxNetwork: FolderDenoisingNetwork {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>("flux", classes: ["FluxTransformer2DModel"], FluxNetwork.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(FluxConfiguration(path: config)) }

    /// It reads pooled vectors, and a guidance scale where it learned to, beside the context, of which all tokens count. Its
    /// files state no sample size: 128 is what pipelines take.
    public var denoiserSizes: DenoiserSizes {
        DenoiserSizes(
            latentChannels: configuration.channels, sampleSize: 128, patchSize: 2,
            contextWidth: configuration.contextWidth, pooledWidth: configuration.pooledWidth,
            readsGuidance: configuration.hasGuidance, notes: configuration.notes)
    }

    /// Noise minus image.
    public func answer<X: Executor>(_ question: DenoiserQuestion, on executor: X) throws -> Tensor {
        let vectors = try question.conditioning.vectors(Self.operation)
        // diffusers hands the timestep over as a thousandth.
        let timestep = question.timestep / 1000 * 1000
        return try executor.map(question.latents.shape[0], .fitted) { execution, rows -> [X.Run.Value] in
            let input = try execution.value(question.latents, rows: rows)
            let text = try execution.value(question.conditioning.states, rows: rows)
            let pooled = try execution.value(vectors, rows: rows)
            return [
                try self.forward(
                    input, timestep: timestep, guidance: question.guidance, text: text, pooled: pooled, on: execution)
            ]
        }[0]
    }
}

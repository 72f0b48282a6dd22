import Encoders
import Engine
import Networks
import Tensors

/// The denoiser of Stable Diffusion 1 and 2: `unet`.
public typealias UNet2DConditionModel = FolderDenoiser<UNetNetwork>

extension UNetNetwork: FolderDenoisingNetwork {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>("unet", classes: ["UNet2DConditionModel"], UNetNetwork.self)

    /// As its folder is called.
    public static var operation: String { "unet" }

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(UNetConfiguration(path: config)) }

    /// It reads the context alone.
    public var denoiserSizes: DenoiserSizes {
        DenoiserSizes(
            latentChannels: configuration.inputs, sampleSize: configuration.sampleSize,
            contextWidth: configuration.contextWidth, notes: configuration.notes)
    }

    /// The noise, or the velocity, as it was trained.
    public func answer<X: Executor>(_ question: DenoiserQuestion, on executor: X) throws -> Tensor {
        let words = try question.conditioning.states.contiguous()
        return try executor.map(question.latents.shape[0], .fitted) { execution, rows -> [X.Run.Value] in
            let input = try execution.value(question.latents, rows: rows)
            let text = try execution.value(words, rows: rows)
            return [try self.forward(input, timestep: question.timestep, text: text, on: execution)]
        }[0]
    }
}

import Engine
import Tensors

/// The networks of an `AutoencoderKL`. Activations are f32 `[N, H, W, C]`.
public final class AutoencoderNetwork {
    /// The sizes.
    public let configuration: AutoencoderConfiguration
    /// Every parameter, under diffusers' names.
    public let parameters: ParameterScope
    private let encoder: AutoencoderEncoder
    private let decoder: AutoencoderDecoder
    private let quant, postQuant: Linear?

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: AutoencoderConfiguration) throws {
        let scope = ParameterScope()
        let latent = configuration.latentChannels
        self.configuration = configuration
        parameters = scope
        let levels = AutoencoderLevels(configuration)
        encoder = try AutoencoderEncoder(scope["encoder"], levels)
        decoder = try AutoencoderDecoder(scope["decoder"], levels)
        func pointwise(_ name: String, _ channels: Int) -> Linear {
            Linear(scope[name], inputs: channels, outputs: channels)
        }
        quant = configuration.hasQuantConvolution ? pointwise("quant_conv", 2 * latent) : nil
        postQuant = configuration.hasPostQuantConvolution ? pointwise("post_quant_conv", latent) : nil
    }

    /// The mean and the logarithm of the variance of the latent, side by side: f32 `[N, h, w, 2 C]` of pictures f32.
    public func encode<E: Execution>(_ pictures: E.Value, on execution: E) throws -> E.Value {
        let moments = try encoder.forward(pictures, on: execution)
        return try quant.map { try execution.linear($0, moments, Epilogue(result: .f32)) } ?? moments
    }

    /// Pictures of latents, f32.
    public func decode<E: Execution>(_ latents: E.Value, on execution: E) throws -> E.Value {
        try decoder.forward(
            postQuant.map { try execution.linear($0, latents, Epilogue(result: .f32)) } ?? latents, on: execution)
    }
}

extension AutoencoderLevels {
    /// Those of an `AutoencoderKL`: the encoder gives a mean and a variance.
    fileprivate init(_ configuration: AutoencoderConfiguration) {
        self.init(
            names: .diffusers, pictures: (configuration.inputs, configuration.outputs),
            latents: (2 * configuration.latentChannels, configuration.latentChannels),
            stem: configuration.channels.first ?? 0, channels: configuration.channels, layers: configuration.layers,
            groups: configuration.groups, attends: [Bool](repeating: false, count: configuration.channels.count),
            attendsInMiddle: configuration.hasAttention)
    }
}

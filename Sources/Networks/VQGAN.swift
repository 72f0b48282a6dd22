import Engine
import Tensors

/// A VQGAN (Esser et al., 2021) as taming-transformers' `VQModel` computes it: an autoencoder whose latents are entries of a codebook.
/// Activations are f32 `[N, H, W, C]`.
public final class VQGANNetwork {
    /// The sizes.
    public let configuration: VQGANConfiguration
    /// Every parameter, under taming-transformers' names.
    public let parameters: ParameterScope
    /// The entries of the codebook.
    public let codebook: Embedding
    private let encoder: AutoencoderEncoder
    private let decoder: AutoencoderDecoder
    private let quant, postQuant: Linear

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: VQGANConfiguration) throws {
        let scope = ParameterScope()
        let (latent, entry) = (configuration.latentChannels, configuration.codeChannels)
        let levels = AutoencoderLevels(configuration)
        self.configuration = configuration
        parameters = scope
        encoder = try AutoencoderEncoder(scope["encoder"], levels)
        decoder = try AutoencoderDecoder(scope["decoder"], levels)
        codebook = Embedding(scope["quantize"]["embedding"], count: configuration.codes, channels: entry)
        quant = Linear(scope["quant_conv"], inputs: latent, outputs: entry)
        postQuant = Linear(scope["post_quant_conv"], inputs: entry, outputs: latent)
    }

    /// Vectors f32 `[N, H / scale, W / scale, codeChannels]` of pictures f32, whose nearest entries are the codes.
    public func encode<E: Execution>(_ pictures: E.Value, on execution: E) throws -> E.Value {
        try execution.linear(quant, encoder.forward(pictures, on: execution), Epilogue(result: .f32))
    }

    /// Pictures f32 `[N, h · scale, w · scale, 3]` of codes i64 `[N, h · w]`, row by row from the upper left.
    /// - Parameter grid: `h` and `w`.
    /// - Throws: `TensorError.index` for a code that is not in the codebook.
    public func decode<E: Execution>(_ codes: Tensor, grid: (height: Int, width: Int), on execution: E) throws
        -> E.Value
    {
        let entries = try execution.reshape(
            execution.embedding(codebook, codes),
            [codes.shape[0], grid.height, grid.width, configuration.codeChannels])
        return try decoder.forward(
            execution.linear(postQuant, entries, Epilogue(result: .f32)), on: execution)
    }
}

extension AutoencoderLevels {
    /// Those of a VQGAN.
    fileprivate init(_ configuration: VQGANConfiguration) {
        self.init(
            names: .taming, pictures: (3, 3), latents: (configuration.latentChannels, configuration.latentChannels),
            stem: configuration.stem, channels: configuration.channels, layers: configuration.layers,
            groups: VQGANConfiguration.groups,
            attends: configuration.channels.indices.map {
                configuration.attendedSides.contains(configuration.resolution >> $0)
            },
            attendsInMiddle: true)
    }
}

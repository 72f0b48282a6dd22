import Engine
import Tensors

/// The network of a `SanaTransformer2DModel` (Sana, Xie et al., 2024): from noisy latents, a timestep and a text to the way
/// from the picture to the noise. The residual stream is f32.
public final class SanaNetwork: CaptionedNetwork {
    /// The sizes.
    public let configuration: SanaConfiguration
    /// Every parameter, under diffusers' names.
    public let parameters: ParameterScope
    /// The sizes of what it reads and gives.
    public let sizes: CaptionedSizes
    private let trunk: CaptionedTrunk
    private let captionNorm: RMSNorm
    private let blocks: [SanaBlock]

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: SanaConfiguration) throws {
        let scope = ParameterScope()
        self.configuration = configuration
        parameters = scope
        sizes = CaptionedSizes(
            sampleSize: configuration.sampleSize, inputs: configuration.inputs, patchSize: configuration.patchSize,
            captionWidth: configuration.captionWidth, notes: configuration.notes)
        trunk = try CaptionedTrunk(
            scope, sizes, width: configuration.width, outputs: configuration.outputs,
            positionScale: configuration.positionScale, embedding: "patch_embed", modulation: "time_embed")
        captionNorm = RMSNorm(scope["caption_norm"], channels: configuration.width, epsilon: 1e-5)
        blocks = try (0..<configuration.layers).map { try SanaBlock(scope["transformer_blocks"][$0], configuration) }
    }

    /// The network of a `config.json`, without weights.
    /// - Throws: as `SanaConfiguration`.
    public convenience init(path: String) throws { try self.init(SanaConfiguration(path: path)) }

    /// f32 `[N, H, W, outputs]` for latents f32 `[N, H, W, inputs]` with sides that are multiples of the patch size, and a
    /// text `[N, T, captionWidth]`.
    /// - Parameters:
    ///   - timestep: the scheduler's.
    ///   - mask: which tokens of the text the image's tokens see.
    public func forward<E: Execution>(
        _ latents: E.Value, timestep: Float, text: E.Value, mask: Mask<E.Value> = .none, on execution: E
    ) throws -> E.Value {
        let words = try execution.norm(captionNorm, trunk.words(text, on: execution))
        var (x, rows, columns) = try trunk.tokens(latents, on: execution)
        let (embedded, shared) = try trunk.modulation(timestep * Float(configuration.timestepScale), on: execution)
        for block in blocks {
            x = try execution.block(block) {
                try block.forward(x, size: (rows, columns), words, mask, shared, on: execution)
            }
        }
        return try trunk.answer(x, rows: rows, columns: columns, embedded: embedded, on: execution)
    }
}

/// A block of Sana: linear attention among the image's tokens and gated convolutions, both modulated, and between them
/// attention to the text, which is neither normalised nor modulated.
private final class SanaBlock {
    private let norm1, norm2: LayerNorm
    private let own, cross: ProjectedAttention
    private let convolutions: GatedConvolutions
    private let table: ModulationTable

    init(_ scope: ParameterScope, _ configuration: SanaConfiguration) throws {
        let (width, isNormed) = (configuration.width, configuration.normalizesQueries)
        norm1 = LayerNorm(scope["norm1"], channels: width, epsilon: configuration.epsilon, isAffine: false)
        own = try ProjectedAttention(
            scope["attn1"], channels: width, contextWidth: width, heads: configuration.heads, isLinear: true,
            hasBias: configuration.hasAttentionBias, normalizesQueries: isNormed)
        norm2 = LayerNorm(
            scope["norm2"], channels: width, epsilon: configuration.epsilon, isAffine: configuration.hasAffineNorm)
        cross = try ProjectedAttention(
            scope["attn2"], channels: width, contextWidth: width, heads: configuration.crossHeads, hasBias: true,
            normalizesQueries: isNormed)
        convolutions = GatedConvolutions(scope["ff"], channels: width, inner: configuration.inner)
        table = ModulationTable(scope, parts: 6, width: width)
    }

    /// f32 `[N, T, C]` for the same, whose memory the result takes.
    func forward<E: Execution>(
        _ x: E.Value, size: (rows: Int, columns: Int), _ text: E.Value, _ mask: Mask<E.Value>, _ shared: E.Value,
        on execution: E
    ) throws -> E.Value {
        // Shift, scale and gate of the attention, then those of the convolutions.
        let parts = try table.parts(shared, on: execution)
        let normalised = try execution.norm(norm1, x, scale: parts[1], shift: parts[0])
        var states = try own.forward(normalised, normalised, gate: parts[2], addingTo: x, on: execution)
        states = try cross.forward(
            execution.convert(states, execution.dtype), text, mask: mask, addingTo: states, on: execution)
        let second = try execution.norm(norm2, states, scale: parts[4], shift: parts[3])
        let shape = [x.shape[0], size.rows, size.columns, x.shape[2]]
        let image = try convolutions.forward(
            execution.reshape(second, shape),
            Epilogue(
                scale: .given(parts[5]), residual: .given(execution.reshape(states, shape)), result: .f32),
            on: execution)
        return try execution.reshape(image, x.shape)
    }
}

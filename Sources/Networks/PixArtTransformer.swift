import Engine
import Tensors

/// The network of a `PixArtTransformer2DModel` (PixArt-Σ, Chen et al., 2024): from noisy latents, a timestep and a text to
/// what is noise in the latents. The residual stream is f32.
public final class PixArtNetwork: CaptionedNetwork {
    /// Some files hold the table of positions.
    public static let unread: Set<String> = ["pos_embed.pos_embed"]
    /// The sizes.
    public let configuration: PixArtConfiguration
    /// Every parameter, under diffusers' names.
    public let parameters: ParameterScope
    /// The sizes of what it reads and gives.
    public let sizes: CaptionedSizes
    private let trunk: CaptionedTrunk
    private let blocks: [PixArtBlock]

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: PixArtConfiguration) throws {
        let scope = ParameterScope()
        self.configuration = configuration
        parameters = scope
        sizes = CaptionedSizes(
            sampleSize: configuration.sampleSize, inputs: configuration.inputs, patchSize: configuration.patchSize,
            captionWidth: configuration.captionWidth, notes: configuration.notes)
        trunk = try CaptionedTrunk(
            scope, sizes, width: configuration.width, outputs: configuration.outputs,
            positionScale: configuration.positionScale, embedding: "pos_embed", modulation: "adaln_single")
        blocks = try (0..<configuration.layers).map { try PixArtBlock(scope["transformer_blocks"][$0], configuration) }
    }

    /// The network of a `config.json`, without weights.
    /// - Throws: as `PixArtConfiguration`.
    public convenience init(path: String) throws { try self.init(PixArtConfiguration(path: path)) }

    /// f32 `[N, H, W, outputs]` for latents f32 `[N, H, W, inputs]` with sides that are multiples of the patch size, and a
    /// text `[N, T, captionWidth]`.
    /// - Parameter mask: which tokens of the text the image's tokens see.
    public func forward<E: Execution>(
        _ latents: E.Value, timestep: Float, text: E.Value, mask: Mask<E.Value> = .none, on execution: E
    ) throws -> E.Value {
        let words = try trunk.words(text, on: execution)
        var (x, rows, columns) = try trunk.tokens(latents, on: execution)
        let (embedded, shared) = try trunk.modulation(timestep, on: execution)
        for block in blocks {
            x = try execution.block(block) { try block.forward(x, words, mask, shared, on: execution) }
        }
        return try trunk.answer(x, rows: rows, columns: columns, embedded: embedded, on: execution)
    }
}

/// A block of PixArt: attention among the image's tokens and a feed-forward part, both modulated, and between them attention
/// to the text, which is neither normalised nor modulated.
private final class PixArtBlock {
    private let norm: LayerNorm
    private let own, cross: ProjectedAttention
    private let feedForward: FeedForward
    private let table: ModulationTable

    init(_ scope: ParameterScope, _ configuration: PixArtConfiguration) throws {
        let (width, heads) = (configuration.width, configuration.heads)
        norm = LayerNorm(scope["norm1"], channels: width, epsilon: configuration.epsilon, isAffine: false)
        own = try ProjectedAttention(
            scope["attn1"], channels: width, contextWidth: width, heads: heads, hasBias: configuration.hasAttentionBias)
        cross = try ProjectedAttention(
            scope["attn2"], channels: width, contextWidth: width, heads: heads, hasBias: configuration.hasAttentionBias)
        feedForward = FeedForward(
            scope["ff"], channels: width, inner: 4 * width, activation: configuration.activation)
        table = ModulationTable(scope, parts: 6, width: width)
    }

    /// f32 `[N, T, C]` for the same, whose memory the result takes.
    func forward<E: Execution>(
        _ x: E.Value, _ text: E.Value, _ mask: Mask<E.Value>, _ shared: E.Value, on execution: E
    ) throws -> E.Value {
        // Shift, scale and gate of the attention, then those of the feed-forward part.
        let parts = try table.parts(shared, on: execution)
        let normalised = try execution.norm(norm, x, scale: parts[1], shift: parts[0])
        var states = try own.forward(normalised, normalised, gate: parts[2], addingTo: x, on: execution)
        states = try cross.forward(
            execution.convert(states, execution.dtype), text, mask: mask, addingTo: states, on: execution)
        let second = try execution.norm(norm, states, scale: parts[4], shift: parts[3])
        return try feedForward.forward(second, gate: parts[5], addingTo: states, on: execution)
    }
}

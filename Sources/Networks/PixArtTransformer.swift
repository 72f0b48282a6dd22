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
    private let patches: Patches
    private let positions: PatchPositions
    private let embedding: Convolution2D
    private let modulation: SingleModulation
    private let caption1, caption2: Linear
    private let blocks: [PixArtBlock]
    private let norm: LayerNorm
    private let outputTable: ModulationTable
    private let output: Linear

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: PixArtConfiguration) throws {
        let scope = ParameterScope()
        let (width, patch) = (configuration.width, configuration.patchSize)
        self.configuration = configuration
        parameters = scope
        patches = try Patches(size: patch)
        positions = PatchPositions(
            channels: width, base: configuration.sampleSize / patch, scale: Float(configuration.positionScale))
        embedding = Convolution2D(
            scope["pos_embed"]["proj"], inputs: configuration.inputs, outputs: width, kernel: (patch, patch),
            stride: (patch, patch))
        modulation = SingleModulation(scope["adaln_single"], width: width)
        let caption = scope["caption_projection"]
        caption1 = Linear(caption["linear_1"], inputs: configuration.captionWidth, outputs: width)
        caption2 = Linear(caption["linear_2"], inputs: width, outputs: width)
        blocks = try (0..<configuration.layers).map { try PixArtBlock(scope["transformer_blocks"][$0], configuration) }
        norm = LayerNorm(scope["norm_out"], channels: width, epsilon: 1e-6, isAffine: false)
        outputTable = ModulationTable(scope, parts: 2, width: width)
        output = Linear(scope["proj_out"], inputs: width, outputs: patch * patch * configuration.outputs)
    }

    /// The network of a `config.json`, without weights.
    /// - Throws: as `PixArtConfiguration`.
    public convenience init(path: String) throws { try self.init(PixArtConfiguration(path: path)) }

    /// The sizes of what it reads and gives.
    public var sizes: CaptionedSizes {
        CaptionedSizes(
            sampleSize: configuration.sampleSize, inputs: configuration.inputs, patchSize: configuration.patchSize,
            captionWidth: configuration.captionWidth, notes: configuration.notes)
    }

    /// f32 `[N, H, W, outputs]` for latents f32 `[N, H, W, inputs]` with sides that are multiples of the patch size, and a
    /// text `[N, T, captionWidth]`.
    /// - Parameter mask: which tokens of the text the image's tokens see.
    public func forward<E: Execution>(
        _ latents: E.Value, timestep: Float, text: E.Value, mask: Mask<E.Value> = .none, on execution: E
    ) throws -> E.Value {
        let (height, width) = (latents.shape[1], latents.shape[2])
        let words = try execution.linear(
            caption2, execution.linear(caption1, text, Epilogue(activation: .geluTanh)))
        let (rows, columns) = (height / patches.size, width / patches.size)
        var x = try execution.convolution(embedding, latents, Epilogue(result: .f32))
        x = try execution.reshape(x, [latents.shape[0], rows * columns, configuration.width])
        let places = try execution.table(self, [rows, columns]) { try positions.table(height: rows, width: columns) }
        x = try execution.add(x, places)
        let (embedded, shared) = try modulation.forward(timestep, on: execution)
        for block in blocks {
            x = try execution.block(block) { try block.forward(x, words, mask, shared, on: execution) }
        }
        let parts = try outputTable.parts(embedded, on: execution)
        let normalised = try execution.norm(norm, x, scale: parts[1], shift: parts[0])
        let tokens = try execution.linear(output, normalised, Epilogue(result: .f32))
        return try execution.unpatchify(patches, tokens, height: height, width: width)
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

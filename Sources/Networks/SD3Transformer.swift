import Engine
import Tensors

/// The network of a `SD3Transformer2DModel` (MMDiT, Esser et al., arXiv 2403.03206; MMDiT-X of Stable Diffusion 3.5): from
/// noisy latents, a timestep and a text to noise minus image. Both residual streams are f32.
public final class SD3Network {
    /// The sizes.
    public let configuration: SD3Configuration
    /// Every parameter, under diffusers' names.
    public let parameters: ParameterScope
    private let patches: Patches
    private let embedding: Convolution2D
    private let positions: Parameter
    private let conditioning: PooledConditioning
    private let context: Linear
    private let blocks: [JointBlock]
    private let norm: AdaptiveNorm
    private let output: Linear

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: SD3Configuration) throws {
        let scope = ParameterScope()
        let (width, patch, side) = (configuration.width, configuration.patchSize, configuration.positions)
        self.configuration = configuration
        parameters = scope
        patches = try Patches(size: patch)
        embedding = Convolution2D(
            scope["pos_embed"]["proj"], inputs: configuration.channels, outputs: width, kernel: (patch, patch),
            stride: (patch, patch))
        positions = scope["pos_embed"].parameter("pos_embed", [1, side * side, width])
        conditioning = PooledConditioning(
            scope["time_text_embed"], width: width, pooledWidth: configuration.pooledWidth)
        context = Linear(scope["context_embedder"], inputs: configuration.contextWidth, outputs: width)
        blocks = try (0..<configuration.layers).map { layer in
            try JointBlock(
                scope["transformer_blocks"][layer],
                JointBlock.Form(
                    width: width, heads: configuration.heads, normEpsilon: configuration.normEpsilon,
                    order: .imageFirst, isDual: configuration.dualLayers.contains(layer),
                    givesText: layer < configuration.layers - 1))
        }
        norm = AdaptiveNorm(scope["norm_out"], width: width)
        output = Linear(scope["proj_out"], inputs: width, outputs: patch * patch * configuration.channels)
    }

    /// f32 `[N, H, W, channels]` for latents f32 of the same shape, with sides that are multiples of the patch size, a text
    /// `[N, T, contextWidth]` and its vector `[N, pooledWidth]`.
    /// - Throws: `TensorError.shape` for latents that are larger than the table of positions.
    public func forward<E: Execution>(
        _ latents: E.Value, timestep: Float, text: E.Value, pooled: E.Value, on execution: E
    ) throws -> E.Value {
        let (height, width) = (latents.shape[1], latents.shape[2])
        let (rows, columns) = (height / patches.size, width / patches.size)
        let vector = try conditioning.forward(timestep: timestep, pooled: pooled, on: execution)
        let embedded = try execution.convolution(embedding, latents, Epilogue(result: .f32))
        let tokens = try execution.reshape(embedded, [latents.shape[0], rows * columns, configuration.width])
        let places = try execution.table(self, [rows, columns]) { try self.places(rows, columns) }
        var streams = JointAttention.Pair(
            image: try execution.add(tokens, places), text: try execution.linear(context, text, Epilogue(result: .f32)))
        for block in blocks {
            streams = try execution.block(block) { try block.forward(streams, vector, on: execution) }
        }
        let normalised = try norm.forward(streams.image, vector, on: execution)
        let answer = try execution.linear(output, normalised, Epilogue(result: .f32))
        return try execution.unpatchify(patches, answer, height: height, width: width)
    }

    /// The middle of the stored table, f32 `[1, rows · columns, width]`; what else of it is mapped is given back.
    private func places(_ rows: Int, _ columns: Int) throws -> Tensor {
        let side = configuration.positions
        guard rows <= side, columns <= side else {
            throw TensorError.shape(
                operation: "transformer",
                message: "latents of \(rows) × \(columns) patches, but pos_embed holds places for \(side) × \(side)")
        }
        let table = try positions.value().reshaped([side, side, configuration.width])
        let own = try table.narrow(0, (side - rows) / 2, rows).narrow(1, (side - columns) / 2, columns)
        let result = try own.contiguous().to(.f32).reshaped([1, rows * columns, configuration.width])
        positions.dropPages()
        return result
    }
}

import Engine
import Tensors

/// What stands around the blocks of a transformer that reads a caption: latents, caption and timestep go in, the answer comes
/// out. PixArt and Sana share it, but for the names of two parts.
final class CaptionedTrunk {
    private let width: Int
    private let patches: Patches
    private let positions: PatchPositions?
    private let embedding: Convolution2D
    private let modulation: SingleModulation
    private let caption1, caption2: Linear
    private let norm: LayerNorm
    private let outputTable: ModulationTable
    private let output: Linear

    /// - Parameters:
    ///   - outputs: channels of the answer.
    ///   - positionScale: divides the coordinates of patches; nil for tokens that do not know their place.
    ///   - embedding: the scope of the patches' embedding.
    ///   - modulation: the scope of the timestep's share in all blocks.
    init(
        _ scope: ParameterScope, _ sizes: CaptionedSizes, width: Int, outputs: Int, positionScale: Double?,
        embedding: String, modulation: String
    ) throws {
        let patch = sizes.patchSize
        self.width = width
        patches = try Patches(size: patch)
        positions = positionScale.map {
            PatchPositions(channels: width, base: sizes.sampleSize / patch, scale: Float($0))
        }
        self.embedding = Convolution2D(
            scope[embedding]["proj"], inputs: sizes.inputs, outputs: width, kernel: (patch, patch),
            stride: (patch, patch))
        self.modulation = SingleModulation(scope[modulation], width: width)
        let caption = scope["caption_projection"]
        caption1 = Linear(caption["linear_1"], inputs: sizes.captionWidth, outputs: width)
        caption2 = Linear(caption["linear_2"], inputs: width, outputs: width)
        norm = LayerNorm(scope["norm_out"], channels: width, epsilon: 1e-6, isAffine: false)
        outputTable = ModulationTable(scope, parts: 2, width: width)
        output = Linear(scope["proj_out"], inputs: width, outputs: patch * patch * outputs)
    }

    /// `[N, T, width]` for the tokens of a caption `[N, T, captionWidth]`.
    func words<E: Execution>(_ caption: E.Value, on execution: E) throws -> E.Value {
        try execution.linear(caption2, execution.linear(caption1, caption, Epilogue(activation: .geluTanh)))
    }

    /// The patches of latents `[N, H, W, inputs]` as tokens f32 `[N, rows · columns, width]`.
    func tokens<E: Execution>(
        _ latents: E.Value, on execution: E
    ) throws -> (tokens: E.Value, rows: Int, columns: Int) {
        let (rows, columns) = (latents.shape[1] / patches.size, latents.shape[2] / patches.size)
        let embedded = try execution.convolution(embedding, latents, Epilogue(result: .f32))
        let x = try execution.reshape(embedded, [latents.shape[0], rows * columns, width])
        guard let positions else { return (x, rows, columns) }
        let places = try execution.table(self, [rows, columns]) { try positions.table(height: rows, width: columns) }
        return (try execution.add(x, places), rows, columns)
    }

    /// See `SingleModulation`.
    func modulation<E: Execution>(
        _ timestep: Float, on execution: E
    ) throws -> (embedded: E.Value, shared: E.Value) {
        try modulation.forward(timestep, on: execution)
    }

    /// f32 `[N, rows · size, columns · size, outputs]` of the tokens behind the last block, with the timestep's embedding.
    func answer<E: Execution>(
        _ tokens: E.Value, rows: Int, columns: Int, embedded: E.Value, on execution: E
    ) throws -> E.Value {
        let parts = try outputTable.parts(embedded, on: execution)
        let normalised = try execution.norm(norm, tokens, scale: parts[1], shift: parts[0])
        return try execution.unpatchify(
            patches, execution.linear(output, normalised, Epilogue(result: .f32)), height: rows * patches.size,
            width: columns * patches.size)
    }
}

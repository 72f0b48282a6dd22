import Engine
import Foundation
import Tensors

/// The network of a `FluxTransformer2DModel` (FLUX.1, Black Forest Labs, 2024): from noisy latents, a timestep, a guidance
/// scale and a text to noise minus image. The residual streams are f32.
public final class FluxNetwork {
    /// The sizes.
    public let configuration: FluxConfiguration
    /// Every parameter, under diffusers' names.
    public let parameters: ParameterScope
    private let patches: Patches
    private let embedding, context: Linear
    private let conditioning: PooledConditioning
    private let rotary: Rotary
    private let blocks: [JointBlock]
    private let singleBlocks: [FluxSingleBlock]
    private let norm: AdaptiveNorm
    private let output: Linear

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: FluxConfiguration) throws {
        let scope = ParameterScope()
        let (width, channels) = (configuration.width, 4 * configuration.channels)
        self.configuration = configuration
        parameters = scope
        patches = try Patches(size: 2, order: .channelsFirst)
        embedding = Linear(scope["x_embedder"], inputs: channels, outputs: width)
        context = Linear(scope["context_embedder"], inputs: configuration.contextWidth, outputs: width)
        conditioning = PooledConditioning(
            scope["time_text_embed"], width: width, pooledWidth: configuration.pooledWidth,
            hasGuidance: configuration.hasGuidance)
        rotary = try Rotary(headSize: configuration.headSize, pairing: .neighbours)
        let form = JointBlock.Form(width: width, heads: configuration.heads, normEpsilon: 1e-6, order: .textFirst)
        blocks = try (0..<configuration.layers).map { try JointBlock(scope["transformer_blocks"][$0], form) }
        singleBlocks = try (0..<configuration.singleLayers).map {
            try FluxSingleBlock(scope["single_transformer_blocks"][$0], width: width, heads: configuration.heads)
        }
        norm = AdaptiveNorm(scope["norm_out"], width: width)
        output = Linear(scope["proj_out"], inputs: width, outputs: channels)
    }

    /// f32 `[N, H, W, channels]` for latents f32 of the same shape, with even sides, a text `[N, T, contextWidth]` and its
    /// vector `[N, pooledWidth]`.
    /// - Parameters:
    ///   - timestep: 0 to 1000.
    ///   - guidance: the guidance scale, which networks without one do not look at.
    public func forward<E: Execution>(
        _ latents: E.Value, timestep: Float, guidance: Float?, text: E.Value, pooled: E.Value, on execution: E
    ) throws -> E.Value {
        let (height, width) = (latents.shape[1], latents.shape[2])
        let vector = try conditioning.forward(
            timestep: timestep, guidance: guidance.map { $0 * 1000 }, pooled: pooled, on: execution)
        let tokens = try execution.patchify(patches, latents)
        let (count, words) = (tokens.shape[1], text.shape[1])
        let table = try execution.table(self, [words, height, width]) { try angles(words, height / 2, width / 2) }
        let turning = Turning(rotary: rotary, table: table)
        var streams = JointAttention.Pair(
            image: try execution.linear(embedding, tokens, Epilogue(result: .f32)),
            text: try execution.linear(context, text, Epilogue(result: .f32)))
        for block in blocks {
            streams = try execution.block(block) { try block.forward(streams, vector, turning: turning, on: execution) }
        }
        var x = try execution.concatenate([streams.text, streams.image], axis: 1)
        for block in singleBlocks {
            x = try execution.block(block) { try block.forward(x, vector, turning, on: execution) }
        }
        let image = try execution.narrow(x, axis: 1, words..<words + count)
        let answer = try execution.linear(
            output, norm.forward(image, vector, on: execution), Epilogue(result: .f32))
        return try execution.unpatchify(patches, answer, height: height, width: width)
    }

    /// The rotations of all tokens: those of the text stand at 0, those of the image at their rows and columns.
    private func angles(_ words: Int, _ rows: Int, _ columns: Int) throws -> Tensor {
        let speeds = configuration.axes.map { size in
            (0..<size / 2).map { 1 / pow(10_000, 2 * Double($0) / Double(size)) }
        }
        func row(_ places: [Int]) -> [Double] {
            zip(places, speeds).flatMap { place, speeds in speeds.map { Double(place) * $0 } }
        }
        let text = [[Double]](repeating: row([0, 0, 0]), count: words)
        return try rotary.table(text + (0..<rows * columns).map { row([0, $0 / columns, $0 % columns]) })
    }
}

/// A block of one stream, whose attention and feed-forward part see the same normalised tokens.
private final class FluxSingleBlock {
    private let norm: LayerNorm
    private let modulation: AdaptiveModulation
    private let attention: TokenAttention
    private let expand, output: Linear

    init(_ scope: ParameterScope, width: Int, heads: Int) throws {
        norm = LayerNorm(scope["norm"], channels: width, epsilon: 1e-6, isAffine: false)
        modulation = AdaptiveModulation(scope["norm"], parts: 3, width: width)
        expand = Linear(scope["proj_mlp"], inputs: width, outputs: 4 * width)
        output = Linear(scope["proj_out"], inputs: 5 * width, outputs: width)
        attention = try TokenAttention(scope["attn"], channels: width, heads: heads, normEpsilon: 1e-6)
    }

    /// f32 `[N, T, C]` for the same, whose memory the result takes.
    func forward<E: Execution>(
        _ x: E.Value, _ conditioning: E.Value, _ turning: Turning<E.Value>, on execution: E
    ) throws -> E.Value {
        let parts = try modulation.parts(conditioning, on: execution)
        let normalised = try execution.norm(norm, x, scale: parts[1], shift: parts[0])
        let attended = try attention.forward(normalised, turning: turning, on: execution)
        func rest(_ values: [E.Value]) throws -> E.Value {
            let inner = try execution.linear(expand, values[1], Epilogue(activation: .geluTanh))
            return try execution.linear(
                output, execution.concatenate([values[0], inner]),
                Epilogue(scale: .given(parts[2]), residual: .given(values[2]), result: .f32))
        }
        // The rows of several images have gates of their own.
        if x.shape[0] > 1 { return try rest([attended, normalised, x]) }
        let rows = try [attended, normalised, x].map { try execution.reshape($0, [x.shape[1], x.shape[2]]) }
        return try execution.reshape(execution.each(rows, by: .rows(bytes: output.inputs * 4), rest), x.shape)
    }
}

import Engine
import Foundation
import Tensors

/// The network of a `Lumina2Transformer2DModel` (Lumina-Image 2.0, Qin et al., arXiv 2503.21758): the tokens of a text and of
/// noisy latents go through blocks of their own, then together through the others. The residual stream is f32.
public final class Lumina2Network {
    /// The sizes.
    public let configuration: Lumina2Configuration
    /// Every parameter, under diffusers' names.
    public let parameters: ParameterScope
    private let patches: Patches
    private let rotary: Rotary
    private let waves = TimestepWaves(channels: 256)
    private let time: TimestepEmbedding
    private let captionNorm: RMSNorm
    private let caption, embedding: Linear
    private let textBlocks, imageBlocks, blocks: [Lumina2Block]
    private let norm: LayerNorm
    private let scale, output: Linear

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: Lumina2Configuration) throws {
        let scope = ParameterScope()
        let (width, timeWidth) = (configuration.width, configuration.timeWidth)
        let patch = configuration.patchSize * configuration.patchSize
        self.configuration = configuration
        parameters = scope
        patches = try Patches(size: configuration.patchSize)
        rotary = try Rotary(headSize: configuration.headSize, pairing: .neighbours)
        embedding = Linear(scope["x_embedder"], inputs: patch * configuration.inputs, outputs: width)
        let conditions = scope["time_caption_embed"]
        time = TimestepEmbedding(conditions["timestep_embedder"], inputs: waves.channels, width: timeWidth)
        captionNorm = RMSNorm(
            conditions["caption_embedder"][0], channels: configuration.captionWidth, epsilon: configuration.epsilon)
        caption = Linear(conditions["caption_embedder"][1], inputs: configuration.captionWidth, outputs: width)
        func blocks(_ name: String, _ count: Int, isModulated: Bool = true) throws -> [Lumina2Block] {
            try (0..<count).map { try Lumina2Block(scope[name][$0], configuration, isModulated: isModulated) }
        }
        imageBlocks = try blocks("noise_refiner", configuration.refiners)
        textBlocks = try blocks("context_refiner", configuration.refiners, isModulated: false)
        self.blocks = try blocks("layers", configuration.layers)
        let last = scope["norm_out"]
        scale = Linear(last["linear_1"], inputs: timeWidth, outputs: width)
        norm = LayerNorm(last["norm"], channels: width, epsilon: 1e-6, isAffine: false)
        output = Linear(last["linear_2"], inputs: width, outputs: patch * configuration.outputs)
    }

    /// f32 `[N, H, W, outputs]` for latents f32 `[N, H, W, inputs]` with sides that are multiples of the patch size, and texts
    /// `[N, T, captionWidth]` without padding.
    /// - Parameter time: from 0, which is noise, to 1, which is an image.
    /// - Throws: `TensorError` for more tokens, rows or columns than it has places for.
    public func forward<E: Execution>(
        _ latents: E.Value, time: Float, text: E.Value, on execution: E
    ) throws -> E.Value {
        let (height, width) = (latents.shape[1], latents.shape[2])
        let words = text.shape[1]
        let turnings = try turnings(
            words: words, rows: height / patches.size, columns: width / patches.size, on: execution)
        let row = try execution.value(waves.row(time))
        let embedded = try self.time.forward(row, Epilogue(activation: .silu, result: .f32), on: execution)

        var texts = try execution.linear(caption, execution.norm(captionNorm, text), Epilogue(result: .f32))
        for block in textBlocks {
            texts = try execution.block(block) { try block.forward(texts, nil, turnings.text, on: execution) }
        }
        var image = try execution.linear(
            embedding, execution.patchify(patches, latents), Epilogue(result: .f32))
        for block in imageBlocks {
            image = try execution.block(block) { try block.forward(image, embedded, turnings.image, on: execution) }
        }

        let tokens = image.shape[1]
        var x = try execution.concatenate([texts, image], axis: 1)
        for block in blocks {
            x = try execution.block(block) { try block.forward(x, embedded, turnings.both, on: execution) }
        }
        let factor = try execution.linear(scale, embedded, Epilogue(result: .f32))
        let normalised = try execution.norm(
            norm, execution.narrow(x, axis: 1, words..<words + tokens),
            Epilogue(scale: .given(execution.affine(factor, factor: 1, summand: 1))))
        let answer = try execution.linear(output, normalised, Epilogue(result: .f32))
        return try execution.unpatchify(patches, answer, height: height, width: width)
    }

    /// How the heads of tokens are turned: those of a text by their number, those of an image by the text's length, their row
    /// and their column.
    private func turnings<E: Execution>(
        words: Int, rows: Int, columns: Int, on execution: E
    ) throws -> (text: Lumina2Turning<E.Value>, image: Lumina2Turning<E.Value>, both: Lumina2Turning<E.Value>) {
        for (name, count, most) in [
            ("tokens of a text", words, configuration.lengths[0] - 1),
            ("rows of patches", rows, configuration.lengths[1]),
            ("columns of patches", columns, configuration.lengths[2]),
        ] where count > most {
            throw TensorError.shape(
                operation: "transformer", message: "\(count) \(name) are more than the \(most) that it has places for")
        }
        let text = (0..<words).map { [$0, 0, 0] }
        let image = (0..<rows * columns).map { [words, $0 / columns, $0 % columns] }
        func turning(_ part: Int, _ places: @autoclosure () -> [[Int]]) throws -> Lumina2Turning<E.Value> {
            let table = try execution.table(self, [part, words, rows, columns]) { try rotary.table(angles(places())) }
            return Lumina2Turning(rotary: rotary, table: table)
        }
        return try (turning(0, text), turning(1, image), turning(2, text + image))
    }

    /// The angles of all pairs of a head's channels, for places on three axes.
    private func angles(_ places: [[Int]]) -> [[Double]] {
        let speeds = configuration.axes.map { size in
            (0..<size / 2).map { pow(10_000, -2 * Double($0) / Double(size)) }
        }
        return places.map { place in
            zip(place, speeds).flatMap { index, speeds in speeds.map { Double(index) * $0 } }
        }
    }
}

/// Where the heads' channels of tokens are turned to.
private struct Lumina2Turning<Value> {
    let rotary: Rotary
    let table: Value
}

/// A block of Lumina 2: attention and a gated feed-forward part, each normalised before and after. Where the timestep
/// modulates it, it scales what is normalised before, and gates what is normalised after by tanh.
private final class Lumina2Block {
    private let before, after, beforeMLP, afterMLP: RMSNorm
    private let modulation: Linear?
    private let query, key, value, output: Linear
    private let queryNorm, keyNorm: RMSNorm
    private let attention: Attention
    private let gate, up, down: Linear

    init(_ scope: ParameterScope, _ configuration: Lumina2Configuration, isModulated: Bool) throws {
        let (width, keys) = (configuration.width, configuration.keyHeads * configuration.headSize)
        func norm(_ scope: ParameterScope) -> RMSNorm {
            RMSNorm(scope, channels: width, epsilon: configuration.epsilon)
        }
        func linear(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int) -> Linear {
            Linear(scope, inputs: inputs, outputs: outputs, hasBias: false)
        }
        let first = scope["norm1"]
        modulation =
            isModulated ? Linear(first["linear"], inputs: configuration.timeWidth, outputs: 4 * width) : nil
        before = norm(isModulated ? first["norm"] : first)
        after = norm(scope["norm2"])
        beforeMLP = norm(scope["ffn_norm1"])
        afterMLP = norm(scope["ffn_norm2"])
        let own = scope["attn"]
        query = linear(own["to_q"], width, width)
        key = linear(own["to_k"], width, keys)
        value = linear(own["to_v"], width, keys)
        output = linear(own["to_out"][0], width, width)
        queryNorm = RMSNorm(own["norm_q"], channels: configuration.headSize, epsilon: 1e-5)
        keyNorm = RMSNorm(own["norm_k"], channels: configuration.headSize, epsilon: 1e-5)
        attention = try Attention(
            channels: width, heads: configuration.heads, keyHeads: configuration.keyHeads)
        let mlp = scope["feed_forward"]
        gate = linear(mlp["linear_1"], width, configuration.mlpSize)
        down = linear(mlp["linear_2"], configuration.mlpSize, width)
        up = linear(mlp["linear_3"], width, configuration.mlpSize)
    }

    /// f32 `[N, T, C]` for the same, whose memory the result may take.
    /// - Parameter time: the timestep's embedding `[1, timeWidth]` through SiLU; nil for blocks that are not modulated.
    func forward<E: Execution>(
        _ x: E.Value, _ time: E.Value?, _ turning: Lumina2Turning<E.Value>, on execution: E
    ) throws -> E.Value {
        // Scale and gate of the attention, then those of the feed-forward part.
        var parts: [E.Value] = []
        if let modulation, let time {
            let all = try execution.linear(modulation, time, Epilogue(result: .f32))
            let width = modulation.outputs / 4
            parts = try (0..<4).map {
                let part = try execution.narrow(all, axis: 1, $0 * width..<($0 + 1) * width)
                return try $0 % 2 == 0
                    ? execution.affine(part, factor: 1, summand: 1) : execution.activation(.tanh, part)
            }
        }
        func scale(_ index: Int) -> ChannelScale<E.Value>? { parts.isEmpty ? nil : .given(parts[index]) }

        let input = try execution.norm(before, x, Epilogue(scale: scale(0)))
        let queries = try execution.norm(queryNorm, execution.linear(query, input))
        let keys = try execution.norm(keyNorm, execution.linear(key, input))
        let attended = try execution.attention(
            attention, query: execution.rotary(turning.rotary, queries, table: turning.table),
            key: execution.rotary(turning.rotary, keys, table: turning.table),
            value: execution.linear(value, input))
        let closed = try execution.linear(output, attended, Epilogue(result: .f32))
        let middle = try execution.norm(
            after, closed, Epilogue(scale: scale(1), residual: .given(x), result: .f32))

        let rows = [middle.shape[0] * middle.shape[1], middle.shape[2]]
        let normalised = try execution.norm(beforeMLP, middle, Epilogue(scale: scale(2)))
        // Some rows at a time, as the inner states are wide.
        let shrunk = try execution.each(
            [execution.reshape(normalised, rows)], by: .rows(bytes: gate.outputs * 8)
        ) { [gate, up, down] parts in
            let hidden = try execution.gate(
                .swiGLU, execution.linear(gate, parts[0]), execution.linear(up, parts[0]))
            return try execution.linear(down, hidden, Epilogue(result: .f32))
        }
        return try execution.norm(
            afterMLP, execution.reshape(shrunk, middle.shape),
            Epilogue(scale: scale(3), residual: .given(middle), result: .f32))
    }
}

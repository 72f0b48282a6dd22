import Engine
import Tensors

/// The network of a `UNet2DConditionModel`: from noisy latents, a timestep and a text to what is noise in the latents.
public final class UNetNetwork {
    /// The sizes.
    public let configuration: UNetConfiguration
    /// Every parameter, under diffusers' names.
    public let parameters: ParameterScope
    private let input: Convolution2D
    private let time: TimestepEmbedding
    private let down: [DownBlock]
    private let middle: (first: ResidualBlock, attention: SpatialTransformer, second: ResidualBlock)
    private let up: [UpBlock]
    private let outputNorm: GroupNorm
    private let output: Convolution2D

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: UNetConfiguration) throws {
        let scope = ParameterScope()
        let levels = configuration.levels
        let channels = levels.map(\.channels)
        let first = channels.first ?? 0
        let last = channels.last ?? 0
        let timeWidth = 4 * first
        self.configuration = configuration
        parameters = scope
        input = .spatial(scope["conv_in"], inputs: configuration.inputs, outputs: first)
        time = TimestepEmbedding(scope["time_embedding"], inputs: first, width: timeWidth)
        down = try levels.indices.map { level in
            try DownBlock(
                scope["down_blocks"][level], configuration, level: level, inputs: channels[max(0, level - 1)],
                timeWidth: timeWidth)
        }
        let mid = scope["mid_block"]
        func middleBlock(_ index: Int) throws -> ResidualBlock {
            try ResidualBlock(
                mid["resnets"][index], inputs: last, outputs: last, timeWidth: timeWidth,
                groups: configuration.groups, epsilon: configuration.epsilon)
        }
        middle = (
            try middleBlock(0),
            try SpatialTransformer(
                mid["attentions"][0], channels: last, heads: levels.last?.heads ?? 1,
                layers: levels.last?.transformerLayers ?? 1, contextWidth: configuration.contextWidth,
                onlyCross: false, groups: configuration.groups),
            try middleBlock(1)
        )
        up = try levels.indices.map { index in
            try UpBlock(
                scope["up_blocks"][index], configuration, level: levels.count - 1 - index, timeWidth: timeWidth)
        }
        outputNorm = try GroupNorm(
            scope["conv_norm_out"], groups: configuration.groups, channels: first, epsilon: configuration.epsilon)
        output = .spatial(scope["conv_out"], inputs: first, outputs: configuration.outputs)
    }

    /// f32 `[N, H, W, C]` for latents of the same kind and a context `[N, T, D]`.
    public func forward<E: Execution>(
        _ latents: E.Value, timestep: Float, text: E.Value, on execution: E
    ) throws -> E.Value {
        let text = try execution.convert(text, execution.dtype)
        let time = try embedding(timestep, on: execution)
        var x = latents
        if configuration.centersInput { x = try execution.affine(x, factor: 2, summand: -1) }
        x = try execution.convolution(input, x, Epilogue(result: .f32))
        var skips = [x]
        for block in down {
            x = try execution.block(block) { try block.forward(x, &skips, time: time, text: text, on: execution) }
        }
        x = try execution.block(middle.first) { try middle.first.forward(x, time: time, on: execution) }
        x = try execution.block(middle.attention) { try middle.attention.forward(x, text: text, on: execution) }
        x = try execution.block(middle.second) {
            try middle.second.forward(x, time: time, consumes: true, on: execution)
        }
        for block in up {
            x = try execution.block(block) { try block.forward(x, &skips, time: time, text: text, on: execution) }
        }
        return try execution.convolution(
            output, x, Prologue(norm: outputNorm, activation: .silu), Epilogue(result: .f32))
    }

    /// The embedding of a timestep `[1, 4 C]`, activated, as every use of it begins with SiLU.
    private func embedding<E: Execution>(_ timestep: Float, on execution: E) throws -> E.Value {
        let waves = TimestepWaves(
            channels: configuration.levels.first?.channels ?? 0, cosinesFirst: configuration.flipSinToCos,
            frequencyShift: configuration.frequencyShift)
        return try time.forward(execution.value(waves.row(timestep)), Epilogue(activation: .silu), on: execution)
    }
}

/// A residual block and the transformer that follows it on levels that attend.
private struct UNetLayer {
    private let residual: ResidualBlock
    private let attention: SpatialTransformer?

    /// The layer `index` of the block at `scope`.
    /// - Parameter onlyCross: whether its first attention looks at the text, too; nil where nothing attends.
    init(
        _ scope: ParameterScope, _ index: Int, _ configuration: UNetConfiguration, _ level: UNetConfiguration.Level,
        inputs: Int, timeWidth: Int, onlyCross: Bool?
    ) throws {
        residual = try ResidualBlock(
            scope["resnets"][index], inputs: inputs, outputs: level.channels, timeWidth: timeWidth,
            groups: configuration.groups, epsilon: configuration.epsilon)
        attention = try onlyCross.map {
            try SpatialTransformer(
                scope["attentions"][index], channels: level.channels, heads: level.heads,
                layers: level.transformerLayers, contextWidth: configuration.contextWidth, onlyCross: $0,
                groups: configuration.groups)
        }
    }

    func forward<E: Execution>(_ x: E.Value, time: E.Value, text: E.Value, on execution: E) throws -> E.Value {
        try Cancellation.check()
        let states = try residual.forward(x, time: time, on: execution)
        return try attention?.forward(states, text: text, on: execution) ?? states
    }
}

/// A level on the way down.
private final class DownBlock {
    private let layers: [UNetLayer]
    private let downsampler: Downsampler?

    init(
        _ scope: ParameterScope, _ configuration: UNetConfiguration, level index: Int, inputs: Int, timeWidth: Int
    ) throws {
        let level = configuration.levels[index]
        layers = try (0..<level.layers).map { layer in
            try UNetLayer(
                scope, layer, configuration, level, inputs: layer == 0 ? inputs : level.channels,
                timeWidth: timeWidth, onlyCross: level.attendsDown ? level.onlyCross : nil)
        }
        downsampler =
            index == configuration.levels.count - 1
            ? nil
            : Downsampler(scope["downsamplers"][0], channels: level.channels, padsAround: configuration.padsAround)
    }

    func forward<E: Execution>(
        _ x: E.Value, _ skips: inout [E.Value], time: E.Value, text: E.Value, on execution: E
    ) throws -> E.Value {
        var x = x
        for layer in layers {
            x = try layer.forward(x, time: time, text: text, on: execution)
            skips.append(x)
        }
        if let downsampler {
            x = try downsampler.forward(x, on: execution)
            skips.append(x)
        }
        return x
    }
}

/// A level on the way up; each residual block sees what the way down left at this size.
private final class UpBlock {
    private let layers: [UNetLayer]
    private let upsampler: Upsampler?

    init(_ scope: ParameterScope, _ configuration: UNetConfiguration, level index: Int, timeWidth: Int) throws {
        let levels = configuration.levels
        let level = levels[index]
        let below = levels[min(index + 1, levels.count - 1)].channels
        let above = levels[max(index - 1, 0)].channels
        layers = try (0...level.layers).map { layer in
            let skip = layer == level.layers ? above : level.channels
            return try UNetLayer(
                scope, layer, configuration, level, inputs: (layer == 0 ? below : level.channels) + skip,
                timeWidth: timeWidth, onlyCross: level.attendsUp ? level.onlyCross : nil)
        }
        upsampler = index == 0 ? nil : Upsampler(scope["upsamplers"][0], channels: level.channels)
    }

    func forward<E: Execution>(
        _ x: E.Value, _ skips: inout [E.Value], time: E.Value, text: E.Value, on execution: E
    ) throws -> E.Value {
        var x = x
        for layer in layers {
            guard let skip = skips.popLast() else { break }
            x = try layer.forward(execution.concatenate([x, skip]), time: time, text: text, on: execution)
        }
        guard let upsampler, let next = skips.last else { return x }
        // Sizes that do not halve evenly come back through the size of what waits above.
        return try upsampler.forward(x, to: (next.shape[1], next.shape[2]), on: execution)
    }
}

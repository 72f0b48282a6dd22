import Engine
import Tensors

/// How the layers of an autoencoder are called.
enum AutoencoderNames {
    /// As in diffusers, where the decoder's levels are counted in the order that they run in.
    case diffusers
    /// As in taming-transformers, where the levels of both halves are counted from large images to small ones.
    case taming

    /// The level of the encoder that runs after so many others.
    func encoderLevel(_ half: ParameterScope, _ order: Int) -> ParameterScope {
        half[self == .diffusers ? "down_blocks" : "down"][order]
    }

    /// The level of the decoder that runs after so many others, of `count`.
    func decoderLevel(_ half: ParameterScope, _ order: Int, of count: Int) -> ParameterScope {
        self == .diffusers ? half["up_blocks"][order] : half["up"][count - 1 - order]
    }

    /// What halves the images of a level.
    func downsampler(_ level: ParameterScope) -> ParameterScope {
        self == .diffusers ? level["downsamplers"][0] : level["downsample"]
    }

    /// What doubles the images of a level.
    func upsampler(_ level: ParameterScope) -> ParameterScope {
        self == .diffusers ? level["upsamplers"][0] : level["upsample"]
    }

    /// A residual block of a level, and the attention behind it.
    func block(_ level: ParameterScope, _ index: Int) -> (block: ParameterScope, attention: ParameterScope) {
        self == .diffusers
            ? (level["resnets"][index], level["attentions"][index]) : (level["block"][index], level["attn"][index])
    }

    /// A residual block between the levels, and the attention behind the first.
    func middleBlock(_ half: ParameterScope, _ index: Int) -> (block: ParameterScope, attention: ParameterScope) {
        if self == .diffusers { return block(half["mid_block"], index) }
        return (half["mid"]["block_\(index + 1)"], half["mid"]["attn_\(index + 1)"])
    }

    /// The 1 × 1 convolution beside a residual block's two.
    var shortcut: String { self == .diffusers ? "conv_shortcut" : "nin_shortcut" }
    /// The last normalisation.
    var norm: String { self == .diffusers ? "conv_norm_out" : "norm_out" }
}

/// What the halves of an autoencoder are made of: levels of residual blocks, from large images to small ones.
struct AutoencoderLevels {
    /// How the layers are called.
    var names: AutoencoderNames
    /// Channels of pictures that go in, and come out.
    var pictures: (inputs: Int, outputs: Int)
    /// Channels that the encoder gives, and that the decoder reads.
    var latents: (encoder: Int, decoder: Int)
    /// Channels behind the first convolution of the encoder.
    var stem: Int
    /// Channels of each level.
    var channels: [Int]
    /// Residual blocks of a level of the encoder; the decoder has one more.
    var layers: Int
    /// Groups of every normalisation, whose ε is 1e-6.
    var groups: Int
    /// Of each level, whether an attention follows each of its blocks.
    var attends: [Bool]
    /// Whether the smallest level's middle has an attention.
    var attendsInMiddle: Bool

    /// Channels of the smallest level.
    var last: Int { channels.last ?? 0 }

    /// A residual block.
    func block(_ scope: ParameterScope, inputs: Int, outputs: Int) throws -> ResidualBlock {
        try ResidualBlock(
            scope, inputs: inputs, outputs: outputs, timeWidth: nil, groups: groups, epsilon: 1e-6,
            shortcut: names.shortcut)
    }

    /// The blocks of a level.
    func stage(_ scope: ParameterScope, inputs: Int, level: Int, blocks: Int) throws -> AutoencoderStage {
        let outputs = channels[level]
        return AutoencoderStage(
            try (0..<blocks).map { index in
                let place = names.block(scope, index)
                return (
                    try block(place.block, inputs: index == 0 ? inputs : outputs, outputs: outputs),
                    attends[level] ? try PixelAttention(place.attention, channels: outputs, self) : nil
                )
            })
    }

    /// The two blocks around the attention of the smallest level.
    func middle(_ half: ParameterScope) throws -> AutoencoderStage {
        AutoencoderStage(
            try (0..<2).map { index in
                let place = names.middleBlock(half, index)
                return (
                    try block(place.block, inputs: last, outputs: last),
                    index == 0 && attendsInMiddle ? try PixelAttention(place.attention, channels: last, self) : nil
                )
            })
    }
}

/// Residual blocks, some with an attention behind them.
struct AutoencoderStage {
    private let blocks: [(block: ResidualBlock, attention: PixelAttention?)]

    fileprivate init(_ blocks: [(ResidualBlock, PixelAttention?)]) { self.blocks = blocks }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        var x = x
        for (block, attention) in blocks {
            try Cancellation.check()
            x = try block.forward(x, consumes: true, on: execution)
            if let attention { x = try attention.forward(x, on: execution) }
        }
        return x
    }
}

/// Attention of one head among the pixels of an image, added to it.
final class PixelAttention {
    private let channels: Int
    private let norm: GroupNorm
    private let query, key, value, output: Linear
    private let attention: Attention

    fileprivate init(_ scope: ParameterScope, channels: Int, _ levels: AutoencoderLevels) throws {
        func linear(_ scope: ParameterScope) -> Linear { Linear(scope, inputs: channels, outputs: channels) }
        let isDiffusers = levels.names == .diffusers
        self.channels = channels
        norm = try GroupNorm(
            scope[isDiffusers ? "group_norm" : "norm"], groups: levels.groups, channels: channels, epsilon: 1e-6)
        query = linear(scope[isDiffusers ? "to_q" : "q"])
        key = linear(scope[isDiffusers ? "to_k" : "k"])
        value = linear(scope[isDiffusers ? "to_v" : "v"])
        output = linear(isDiffusers ? scope["to_out"][0] : scope["proj_out"])
        attention = try Attention(channels: channels, heads: 1)
    }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let tokens = [x.shape[0], x.shape[1] * x.shape[2], channels]
        let states = try execution.reshape(execution.norm(norm, x), tokens)
        let attended = try execution.attention(
            attention, query: execution.linear(query, states), key: execution.linear(key, states),
            value: execution.linear(value, states))
        let result = try execution.linear(
            output, attended, Epilogue(residual: .given(execution.reshape(x, tokens)), result: .f32))
        return try execution.reshape(result, x.shape)
    }
}

/// From pictures to small images of many channels.
final class AutoencoderEncoder {
    private let input: Convolution2D
    private let levels: [(stage: AutoencoderStage, downsampler: Downsampler?)]
    private let middle: AutoencoderStage
    private let norm: GroupNorm
    private let output: Convolution2D

    /// Parameters of one half, `scope`.
    init(_ scope: ParameterScope, _ levels: AutoencoderLevels) throws {
        let channels = levels.channels
        input = .spatial(scope["conv_in"], inputs: levels.pictures.inputs, outputs: levels.stem)
        self.levels = try channels.indices.map { level in
            let own = levels.names.encoderLevel(scope, level)
            return (
                try levels.stage(
                    own, inputs: level == 0 ? levels.stem : channels[level - 1], level: level, blocks: levels.layers),
                level == channels.count - 1
                    ? nil
                    : Downsampler(levels.names.downsampler(own), channels: channels[level], padsAround: false)
            )
        }
        middle = try levels.middle(scope)
        norm = try GroupNorm(
            scope[levels.names.norm], groups: levels.groups, channels: levels.last, epsilon: 1e-6)
        output = .spatial(scope["conv_out"], inputs: levels.last, outputs: levels.latents.encoder)
    }

    /// f32 `[N, h, w, C]` of pictures f32.
    func forward<E: Execution>(_ pictures: E.Value, on execution: E) throws -> E.Value {
        var x = try execution.convolution(input, pictures, Epilogue(result: .f32))
        for level in levels {
            x = try level.stage.forward(x, on: execution)
            if let downsampler = level.downsampler { x = try downsampler.forward(x, on: execution) }
        }
        return try execution.convolution(
            output, middle.forward(x, on: execution), Prologue(norm: norm, activation: .silu), Epilogue(result: .f32))
    }
}

/// From small images of many channels to pictures.
final class AutoencoderDecoder {
    private let input: Convolution2D
    private let middle: AutoencoderStage
    private let levels: [(stage: AutoencoderStage, upsampler: Upsampler?)]
    private let norm: GroupNorm
    private let output: Convolution2D

    /// Parameters of one half, `scope`.
    init(_ scope: ParameterScope, _ levels: AutoencoderLevels) throws {
        let (channels, count) = (levels.channels, levels.channels.count)
        input = .spatial(scope["conv_in"], inputs: levels.latents.decoder, outputs: levels.last)
        middle = try levels.middle(scope)
        // Small images first.
        self.levels = try (0..<count).map { order in
            let level = count - 1 - order
            let own = levels.names.decoderLevel(scope, order, of: count)
            return (
                try levels.stage(
                    own, inputs: channels[min(level + 1, count - 1)], level: level, blocks: levels.layers + 1),
                level == 0 ? nil : Upsampler(levels.names.upsampler(own), channels: channels[level])
            )
        }
        norm = try GroupNorm(
            scope[levels.names.norm], groups: levels.groups, channels: channels.first ?? 0, epsilon: 1e-6)
        output = .spatial(scope["conv_out"], inputs: channels.first ?? 0, outputs: levels.pictures.outputs)
    }

    /// Pictures f32 of f32 `[N, h, w, C]`.
    func forward<E: Execution>(_ latents: E.Value, on execution: E) throws -> E.Value {
        var x = try middle.forward(execution.convolution(input, latents, Epilogue(result: .f32)), on: execution)
        for level in levels {
            x = try level.stage.forward(x, on: execution)
            if let upsampler = level.upsampler {
                x = try upsampler.forward(x, to: (2 * x.shape[1], 2 * x.shape[2]), on: execution)
            }
        }
        return try execution.convolution(
            output, x, Prologue(norm: norm, activation: .silu), Epilogue(result: .f32))
    }
}

import Engine
import Tensors

/// The networks of an `AutoencoderKL`. Activations are f32 `[N, H, W, C]`.
public final class AutoencoderNetwork {
    /// The sizes.
    public let configuration: AutoencoderConfiguration
    /// Every parameter, under diffusers' names.
    public let parameters: ParameterScope
    private let encoder: AutoencoderEncoder
    private let decoder: AutoencoderDecoder
    private let quant, postQuant: Linear?

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: AutoencoderConfiguration) throws {
        let scope = ParameterScope()
        let latent = configuration.latentChannels
        self.configuration = configuration
        parameters = scope
        encoder = try AutoencoderEncoder(scope["encoder"], configuration)
        decoder = try AutoencoderDecoder(scope["decoder"], configuration)
        func pointwise(_ name: String, _ channels: Int) -> Linear {
            Linear(scope[name], inputs: channels, outputs: channels)
        }
        quant = configuration.hasQuantConvolution ? pointwise("quant_conv", 2 * latent) : nil
        postQuant = configuration.hasPostQuantConvolution ? pointwise("post_quant_conv", latent) : nil
    }

    /// The mean and the logarithm of the variance of the latent, side by side: f32 `[N, h, w, 2 C]` of pictures f32.
    public func encode<E: Execution>(_ pictures: E.Value, on execution: E) throws -> E.Value {
        let moments = try encoder.forward(pictures, on: execution)
        return try quant.map { try execution.linear($0, moments, Epilogue(result: .f32)) } ?? moments
    }

    /// Pictures of latents, f32.
    public func decode<E: Execution>(_ latents: E.Value, on execution: E) throws -> E.Value {
        try decoder.forward(
            postQuant.map { try execution.linear($0, latents, Epilogue(result: .f32)) } ?? latents, on: execution)
    }
}

/// The block of the smallest level: two residual blocks around an attention.
private final class AutoencoderMiddle {
    private let first, second: ResidualBlock
    private let attention: PixelAttention?

    init(_ scope: ParameterScope, _ configuration: AutoencoderConfiguration) throws {
        let channels = configuration.channels.last ?? 0
        func block(_ index: Int) throws -> ResidualBlock {
            try ResidualBlock(
                scope["resnets"][index], inputs: channels, outputs: channels, timeWidth: nil,
                groups: configuration.groups, epsilon: 1e-6)
        }
        first = try block(0)
        attention =
            configuration.hasAttention
            ? try PixelAttention(scope["attentions"][0], channels: channels, groups: configuration.groups) : nil
        second = try block(1)
    }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        var x = try first.forward(x, consumes: true, on: execution)
        if let attention { x = try attention.forward(x, on: execution) }
        return try second.forward(x, consumes: true, on: execution)
    }
}

/// Attention of one head among the pixels of an image, added to it.
private final class PixelAttention {
    private let channels: Int
    private let norm: GroupNorm
    private let query, key, value, output: Linear
    private let attention: Attention

    init(_ scope: ParameterScope, channels: Int, groups: Int) throws {
        self.channels = channels
        norm = try GroupNorm(scope["group_norm"], groups: groups, channels: channels, epsilon: 1e-6)
        query = Linear(scope["to_q"], inputs: channels, outputs: channels)
        key = Linear(scope["to_k"], inputs: channels, outputs: channels)
        value = Linear(scope["to_v"], inputs: channels, outputs: channels)
        output = Linear(scope["to_out"][0], inputs: channels, outputs: channels)
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

private final class AutoencoderEncoder {
    private let input: Convolution2D
    private let levels: [(blocks: [ResidualBlock], downsampler: Downsampler?)]
    private let middle: AutoencoderMiddle
    private let norm: GroupNorm
    private let output: Convolution2D

    init(_ scope: ParameterScope, _ configuration: AutoencoderConfiguration) throws {
        let channels = configuration.channels
        let last = channels.last ?? 0
        input = .spatial(scope["conv_in"], inputs: configuration.inputs, outputs: channels.first ?? 0)
        levels = try channels.indices.map { level in
            let own = scope["down_blocks"][level]
            return (
                try (0..<configuration.layers).map { layer in
                    try ResidualBlock(
                        own["resnets"][layer], inputs: channels[layer == 0 ? max(0, level - 1) : level],
                        outputs: channels[level], timeWidth: nil, groups: configuration.groups, epsilon: 1e-6)
                },
                level == channels.count - 1
                    ? nil : Downsampler(own["downsamplers"][0], channels: channels[level], padsAround: false)
            )
        }
        middle = try AutoencoderMiddle(scope["mid_block"], configuration)
        norm = try GroupNorm(
            scope["conv_norm_out"], groups: configuration.groups, channels: last, epsilon: 1e-6)
        output = .spatial(scope["conv_out"], inputs: last, outputs: 2 * configuration.latentChannels)
    }

    func forward<E: Execution>(_ pictures: E.Value, on execution: E) throws -> E.Value {
        var x = try execution.convolution(input, pictures, Epilogue(result: .f32))
        for level in levels {
            for block in level.blocks {
                try Cancellation.check()
                x = try block.forward(x, consumes: true, on: execution)
            }
            if let downsampler = level.downsampler { x = try downsampler.forward(x, on: execution) }
        }
        return try execution.convolution(
            output, middle.forward(x, on: execution), Prologue(norm: norm, activation: .silu), Epilogue(result: .f32))
    }
}

private final class AutoencoderDecoder {
    private let input: Convolution2D
    private let middle: AutoencoderMiddle
    private let levels: [(blocks: [ResidualBlock], upsampler: Upsampler?)]
    private let norm: GroupNorm
    private let output: Convolution2D

    init(_ scope: ParameterScope, _ configuration: AutoencoderConfiguration) throws {
        // The decoder's blocks are counted in the order that they run in.
        let channels = Array(configuration.channels.reversed())
        input = .spatial(
            scope["conv_in"], inputs: configuration.latentChannels, outputs: channels.first ?? 0)
        middle = try AutoencoderMiddle(scope["mid_block"], configuration)
        levels = try channels.indices.map { level in
            let own = scope["up_blocks"][level]
            return (
                try (0...configuration.layers).map { layer in
                    try ResidualBlock(
                        own["resnets"][layer], inputs: channels[layer == 0 ? max(0, level - 1) : level],
                        outputs: channels[level], timeWidth: nil, groups: configuration.groups, epsilon: 1e-6)
                }, level == channels.count - 1 ? nil : Upsampler(own["upsamplers"][0], channels: channels[level])
            )
        }
        norm = try GroupNorm(
            scope["conv_norm_out"], groups: configuration.groups, channels: channels.last ?? 0, epsilon: 1e-6)
        output = .spatial(scope["conv_out"], inputs: channels.last ?? 0, outputs: configuration.outputs)
    }

    func forward<E: Execution>(_ latents: E.Value, on execution: E) throws -> E.Value {
        var x = try middle.forward(execution.convolution(input, latents, Epilogue(result: .f32)), on: execution)
        for level in levels {
            for block in level.blocks {
                try Cancellation.check()
                x = try block.forward(x, consumes: true, on: execution)
            }
            if let upsampler = level.upsampler {
                x = try upsampler.forward(x, to: (2 * x.shape[1], 2 * x.shape[2]), on: execution)
            }
        }
        return try execution.convolution(
            output, x, Prologue(norm: norm, activation: .silu), Epilogue(result: .f32))
    }
}

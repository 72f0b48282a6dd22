import Engine
import Tensors

/// The networks of an `AutoencoderDC` (DC-AE, Chen et al., 2024). Activations are f32 `[N, H, W, C]`.
public final class DeepAutoencoderNetwork {
    /// The sizes.
    public let configuration: DeepAutoencoderConfiguration
    /// Every parameter, under diffusers' names.
    public let parameters: ParameterScope
    private let encoder: DeepEncoder
    private let decoder: DeepDecoder

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: DeepAutoencoderConfiguration) throws {
        let scope = ParameterScope()
        self.configuration = configuration
        parameters = scope
        encoder = try DeepEncoder(scope["encoder"], configuration)
        decoder = try DeepDecoder(scope["decoder"], configuration)
    }

    /// Latents of pictures, f32.
    public func encode<E: Execution>(_ pictures: E.Value, on execution: E) throws -> E.Value {
        try encoder.forward(pictures, on: execution)
    }

    /// Pictures of latents, f32.
    public func decode<E: Execution>(_ latents: E.Value, on execution: E) throws -> E.Value {
        try decoder.forward(latents, on: execution)
    }
}

private final class DeepEncoder {
    private let input: Shrinking
    private let levels: [(blocks: [any DeepBlock], shrinking: Shrinking?)]
    private let means: Patches
    private let output: Convolution2D

    init(_ scope: ParameterScope, _ configuration: DeepAutoencoderConfiguration) throws {
        let levels = configuration.encoder
        let isPassedOver = levels[0].layers == 0
        input = try Shrinking(
            scope["conv_in"], from: configuration.inputs, to: levels[isPassedOver ? 1 : 0].channels,
            isPassedOver ? (configuration.unshuffles ? .unshuffle : .stride) : .none, hasShortcut: false)
        self.levels = try levels.indices.map { index in
            let (own, level) = (scope["down_blocks"][index], levels[index])
            return (
                try deepBlocks(own, level, first: 0, headSize: configuration.headSize),
                index == levels.count - 1 || level.layers == 0
                    ? nil
                    : try Shrinking(
                        own[level.layers], from: level.channels, to: levels[index + 1].channels,
                        configuration.unshuffles ? .unshuffle : .stride, hasShortcut: true)
            )
        }
        let last = levels[levels.count - 1].channels
        output = .spatial(scope["conv_out"], inputs: last, outputs: configuration.latentChannels)
        means = try Patches(size: 1, run: last / configuration.latentChannels)
    }

    func forward<E: Execution>(_ pictures: E.Value, on execution: E) throws -> E.Value {
        var x = try input.forward(pictures, on: execution)
        for level in levels {
            for block in level.blocks {
                try Cancellation.check()
                x = try block.forward(x, on: execution)
            }
            if let shrinking = level.shrinking { x = try shrinking.forward(x, on: execution) }
        }
        let shortcut = try execution.smaller(means, x)
        return try execution.convolution(output, x, Epilogue(residual: .given(shortcut), result: .f32))
    }
}

private final class DeepDecoder {
    private let input: Convolution2D
    private let repeats: Patches
    private let levels: [(growing: Growing?, blocks: [any DeepBlock])]
    private let norm: RMSNorm
    private let output: Growing

    init(_ scope: ParameterScope, _ configuration: DeepAutoencoderConfiguration) throws {
        let levels = configuration.decoder
        let last = levels[levels.count - 1].channels
        input = .spatial(scope["conv_in"], inputs: configuration.latentChannels, outputs: last)
        repeats = try Patches(size: 1, run: last / configuration.latentChannels)
        // The decoder's levels are counted as the encoder's are, and run from the last to the first.
        let kind = configuration.interpolates ? Growing.Kind.interpolate : .shuffle
        self.levels = try levels.indices.reversed().map { index in
            let (own, level) = (scope["up_blocks"][index], levels[index])
            let hasGrowing = index < levels.count - 1 && level.layers > 0
            return (
                hasGrowing
                    ? try Growing(
                        own[0], from: levels[index + 1].channels, to: level.channels, kind, hasShortcut: true) : nil,
                try deepBlocks(own, level, first: hasGrowing ? 1 : 0, headSize: configuration.headSize)
            )
        }
        let isPassedOver = levels[0].layers == 0
        let channels = levels[isPassedOver ? 1 : 0].channels
        norm = RMSNorm(scope["norm_out"], channels: channels, epsilon: 1e-5, hasBias: true)
        output = try Growing(
            scope["conv_out"], from: channels, to: configuration.inputs, isPassedOver ? kind : .none,
            hasShortcut: false)
    }

    func forward<E: Execution>(_ latents: E.Value, on execution: E) throws -> E.Value {
        let shortcut = try execution.larger(repeats, latents)
        var x = try execution.convolution(input, latents, Epilogue(residual: .given(shortcut), result: .f32))
        for level in levels {
            if let growing = level.growing { x = try growing.forward(x, on: execution) }
            for block in level.blocks {
                try Cancellation.check()
                x = try block.forward(x, on: execution)
            }
        }
        x = try execution.norm(norm, x, Epilogue(activation: .relu, result: .f32))
        return try output.forward(x, on: execution)
    }
}

/// A block of a level: f32 `[N, H, W, C]` for the same, whose memory the result takes.
private protocol DeepBlock {
    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value
}

private func deepBlocks(
    _ scope: ParameterScope, _ level: DeepAutoencoderConfiguration.Level, first: Int, headSize: Int
) throws -> [any DeepBlock] {
    try (first..<first + level.layers).map { index in
        switch level.kind {
        case .residual: return DeepResidualBlock(scope[index], level)
        case .attention: return try DeepAttentionBlock(scope[index], level, headSize: headSize)
        }
    }
}

/// The normalisation behind a branch, whose sum with what went in is the block's result.
private enum BranchNorm {
    case meanSquare(RMSNorm)
    case batch(BatchNorm2D)

    init(_ scope: ParameterScope, channels: Int, isBatch: Bool) {
        self =
            isBatch
            ? .batch(BatchNorm2D(scope, channels: channels))
            : .meanSquare(RMSNorm(scope, channels: channels, epsilon: 1e-5, hasBias: true))
    }

    func forward<E: Execution>(_ x: E.Value, addingTo residual: E.Value, on execution: E) throws -> E.Value {
        let epilogue = Epilogue(residual: .given(residual), result: .f32)
        switch self {
        case .meanSquare(let norm): return try execution.norm(norm, x, epilogue)
        case .batch(let norm): return try execution.norm(norm, x, epilogue)
        }
    }
}

/// Two 3 × 3 convolutions with an activation between: diffusers' `ResBlock`.
private final class DeepResidualBlock: DeepBlock {
    private let first, second: Convolution2D
    private let norm: BranchNorm
    private let activation: Activation

    init(_ scope: ParameterScope, _ level: DeepAutoencoderConfiguration.Level) {
        first = .spatial(scope["conv1"], inputs: level.channels, outputs: level.channels)
        second = .spatial(scope["conv2"], inputs: level.channels, outputs: level.channels, hasBias: false)
        norm = BranchNorm(scope["norm"], channels: level.channels, isBatch: level.hasBatchNorm)
        activation = level.activation
    }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        var states = try execution.convolution(first, x, Epilogue(result: .f32))
        states = try execution.convolution(
            second, states, Prologue(activation: activation), Epilogue(result: .f32))
        return try norm.forward(states, addingTo: x, on: execution)
    }
}

/// Linear attention over several scales, then gated convolutions: diffusers' `EfficientViTBlock`.
private final class DeepAttentionBlock: DeepBlock {
    private let attention: MultiscaleAttention
    private let convolutions: GatedConvolutions
    private let norm: BranchNorm

    init(_ scope: ParameterScope, _ level: DeepAutoencoderConfiguration.Level, headSize: Int) throws {
        attention = try MultiscaleAttention(scope["attn"], level, headSize: headSize)
        let own = scope["conv_out"]
        convolutions = GatedConvolutions(own, channels: level.channels, inner: 4 * level.channels)
        norm = BranchNorm(own["norm"], channels: level.channels, isBatch: false)
    }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let states = try attention.forward(x, on: execution)
        let branch = try convolutions.forward(states, Epilogue(result: .f32), on: execution)
        return try norm.forward(branch, addingTo: states, on: execution)
    }
}

/// Linear attention among pixels, of queries, keys and values as they are and as windows of several sizes see them:
/// diffusers' `SanaMultiscaleLinearAttention`. For few pixels diffusers weighs each key by each query; that is the same sum.
private final class MultiscaleAttention {
    private let query, key, value, output: Linear
    private let scales: [(windows: Convolution2D, mix: Convolution2D)]
    private let attention: LinearAttention
    private let norm: BranchNorm

    init(_ scope: ParameterScope, _ level: DeepAutoencoderConfiguration.Level, headSize: Int) throws {
        let channels = level.channels
        func linear(_ name: String) -> Linear {
            Linear(scope[name], inputs: channels, outputs: channels, hasBias: false)
        }
        (query, key, value) = (linear("to_q"), linear("to_k"), linear("to_v"))
        let heads = channels / headSize
        scales = level.scales.enumerated().map { index, side in
            let own = scope["to_qkv_multiscale"][index]
            return (
                Convolution2D(
                    own["proj_in"], inputs: 3 * channels, outputs: 3 * channels, kernel: (side, side),
                    padding: (side / 2, side / 2), groups: 3 * channels, hasBias: false),
                Convolution2D(
                    own["proj_out"], inputs: 3 * channels, outputs: 3 * channels, kernel: (1, 1), groups: 3 * heads,
                    hasBias: false)
            )
        }
        let all = channels * (1 + level.scales.count)
        output = Linear(scope["to_out"], inputs: all, outputs: channels, hasBias: false)
        attention = try LinearAttention(channels: all, heads: all / headSize)
        norm = BranchNorm(scope["norm_out"], channels: channels, isBatch: level.hasBatchNorm)
    }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let (images, height, width) = (x.shape[0], x.shape[1], x.shape[2])
        let input = try execution.convert(x, execution.dtype)
        let own = try execution.concatenate([query, key, value].map { try execution.linear($0, input) })
        let wider = try scales.map { try execution.convolution($0.mix, execution.convolution($0.windows, own)) }
        let all = try wider.isEmpty ? own : execution.concatenate([own] + wider)
        // The channels are, head by head, queries, keys and values, wherever a product's end falls.
        let size = attention.headSize
        let heads = try execution.reshape(all, [images * height * width, attention.heads, 3 * size])
        let parts = try (0..<3).map { part in
            try execution.reshape(
                execution.narrow(heads, axis: 2, part * size..<(part + 1) * size),
                [images, height * width, attention.channels])
        }
        let attended = try execution.linearAttention(attention, query: parts[0], key: parts[1], value: parts[2])
        let result = try execution.linear(output, attended, Epilogue(result: .f32))
        return try norm.forward(execution.reshape(result, x.shape), addingTo: x, on: execution)
    }
}

/// A 3 × 3 convolution to images of half the size, beside means of their pixels: diffusers' `DCDownBlock2d`.
private final class Shrinking {
    enum Kind { case none, stride, unshuffle }

    private let convolution: Convolution2D
    private let layout: Patches?
    private let shortcut: Patches?

    init(_ scope: ParameterScope, from: Int, to: Int, _ kind: Kind, hasShortcut: Bool) throws {
        let pixels = try Patches(size: 2, order: .channelsFirst)
        layout = kind == .unshuffle ? pixels : nil
        shortcut = hasShortcut ? try Patches(size: 2, order: .channelsFirst, run: 4 * from / to) : nil
        convolution = Convolution2D(
            kind == .none ? scope : scope["conv"], inputs: from, outputs: kind == .unshuffle ? to / 4 : to,
            kernel: (3, 3), stride: kind == .stride ? (2, 2) : (1, 1), padding: (1, 1))
    }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let means = try shortcut.map { try execution.smaller($0, x) }
        guard let layout else {
            return try execution.convolution(
                convolution, x, Epilogue(residual: means.map { .given($0) }, result: .f32))
        }
        let states = try execution.smaller(layout, execution.convolution(convolution, x, Epilogue(result: .f32)))
        return try means.map { try execution.add(states, $0) } ?? states
    }
}

/// A 3 × 3 convolution to images of twice the size, beside their repeated values: diffusers' `DCUpBlock2d`.
private final class Growing {
    enum Kind { case none, interpolate, shuffle }

    private let convolution: Convolution2D
    private let kind: Kind
    private let layout: Patches
    private let shortcut: Patches?

    init(_ scope: ParameterScope, from: Int, to: Int, _ kind: Kind, hasShortcut: Bool) throws {
        self.kind = kind
        layout = try Patches(size: 2, order: .channelsFirst)
        shortcut = hasShortcut ? try Patches(size: 2, order: .channelsFirst, run: 4 * to / from) : nil
        convolution = .spatial(
            kind == .none ? scope : scope["conv"], inputs: from, outputs: kind == .shuffle ? 4 * to : to)
    }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let repeats = try shortcut.map { try execution.larger($0, x) }
        if kind == .shuffle {
            let states = try execution.larger(layout, execution.convolution(convolution, x, Epilogue(result: .f32)))
            return try repeats.map { try execution.add(states, $0) } ?? states
        }
        let size = kind == .interpolate ? (height: 2 * x.shape[1], width: 2 * x.shape[2]) : nil
        return try execution.convolution(
            convolution, x, Prologue(size: size), Epilogue(residual: repeats.map { .given($0) }, result: .f32))
    }
}

extension Execution {
    /// Patches as pixels of their own: `[N, H / size, W / size, size² C / run]`.
    fileprivate func smaller(_ patches: Patches, _ x: Value) throws -> Value {
        let tokens = try patchify(patches, x)
        return try reshape(
            tokens, [x.shape[0], x.shape[1] / patches.size, x.shape[2] / patches.size, tokens.shape[2]])
    }

    /// Pixels as patches: the other way round.
    fileprivate func larger(_ patches: Patches, _ x: Value) throws -> Value {
        try unpatchify(
            patches, reshape(x, [x.shape[0], x.shape[1] * x.shape[2], x.shape[3]]),
            height: x.shape[1] * patches.size, width: x.shape[2] * patches.size)
    }
}
